"""Data for the servers of the fault tests, and what they counted, printed whether they passed or not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.faults.figures import FIGURES


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    """Make data for one server after the other."""
    with processes.data_dir() as path:
        yield path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("faults")
        for sentence in FIGURES:
            terminalreporter.write_line(sentence)
