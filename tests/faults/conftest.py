"""Data for the servers of the fault tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    """Make data for one server after the other."""
    with processes.data_dir() as path:
        yield path
