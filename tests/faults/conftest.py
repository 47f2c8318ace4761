"""Prints what the fault tests counted, whether they passed or not."""

import pytest

from tests.faults.figures import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("faults")
        for sentence in FIGURES:
            terminalreporter.write_line(sentence)
