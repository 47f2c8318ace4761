"""Processes that end in the middle of what they do, as far as one process can play that."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from odus.kit import db


class CrashError(Exception):
    """The process ended here."""


@contextmanager
def before(statement: int, seen: Counter[str]) -> Iterator[None]:
    """Let the process end before some statement of what is done in here, and count that; 0 for none."""
    with pytest.MonkeyPatch.context() as patch:
        if statement:
            patch.setattr(db, "_Lease", _dying(statement, seen))
        yield


def _dying(statement: int, seen: Counter[str]) -> type:
    """Return leases of which the so manieth is not given: the process ends before that statement."""

    class Dying(db._Lease):  # noqa: SLF001 - there is no other place at which each statement passes
        left = statement

        async def __aenter__(self) -> Any:
            Dying.left -= 1
            if Dying.left == 0:
                seen["ended"] += 1
                raise CrashError
            return await super().__aenter__()

    return Dying
