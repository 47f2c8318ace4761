"""Waiting for other processes: in words, and by locks that the kernel drops with a process that dies."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from odus.kit.embedded_place import Place, open_own

if TYPE_CHECKING or sys.platform != "win32":
    import fcntl

Say: TypeAlias = Callable[[str], None]
"""Tells the person who started Odus what takes its time."""

_POLL_SECONDS = 0.015
_FIRST_WORD_SECONDS = 1.0
_NEXT_WORD_SECONDS = 5.0


def wait_until(done: Callable[[], bool], say: Say, sentence: str) -> None:
    """Wait as long as it takes, and say so now and then."""
    started = time.monotonic()
    next_word = started + _FIRST_WORD_SECONDS
    while not done():
        if time.monotonic() > next_word:
            say(f"{sentence} ({time.monotonic() - started:.0f} s so far).")
            next_word += _NEXT_WORD_SECONDS
        time.sleep(_POLL_SECONDS)


@contextmanager
def mutex(place: Place, say: Say) -> Generator[None]:
    """Start or stop the server alone; the kernel drops the lock with a process that dies."""
    lock = open_lock(place, "start.lock")
    try:
        wait_until(lambda: try_lock(lock), say, "Waiting for another Odus that is starting or stopping PostgreSQL")
        yield
    finally:
        release(lock)


def open_lock(place: Place, name: str) -> int:
    """Open a lock file anew: a lock belongs to the opening, so two holders in one process need two."""
    return open_own(place, name, os.O_RDWR)


def try_lock(lock: int) -> bool:
    """Lock it for us alone, also from a shared lock of ours; return whether that succeeded."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def share_lock(lock: int) -> None:
    """Lock it beside others."""
    fcntl.flock(lock, fcntl.LOCK_SH)


def release(lock: int) -> None:
    """Unlock and close: closing alone would leave the lock with a forked child."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)
