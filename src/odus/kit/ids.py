"""Ids: a prefix that names the kind, and a KSUID that sorts by creation."""

import os
import time
from collections.abc import Callable
from datetime import datetime

from odus.kit import times

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 27
EPOCH = 1_400_000_000
"""Second 0 of a KSUID, 2014-05-13T16:53:20Z: fixed by the KSUID specification."""

_NANOSECONDS = 1_000_000_000
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def new_id(prefix: str, at: datetime | None = None, random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """Return a new id such as `cus_2R0uWz4tu9wxTMBXxj9CJfSE9vV`.

    The 160 bits are a KSUID's: 32 of seconds since `EPOCH`, then 128 of payload. The first 24 bits of our payload are
    the fraction of that second, so that ids of one process sort by creation within a second too; the other 104 are
    random. `at` is the moment of creation where that is not now; `random_bytes` returns so many bytes, from a source of
    its own where ids must be repeatable.
    """
    if at is None and times.is_moved():
        at = times.now()
    instant = time.time_ns() if at is None else round(at.timestamp() * 1000) * 1_000_000
    seconds, nanoseconds = divmod(instant, _NANOSECONDS)
    fraction = (nanoseconds << 24) // _NANOSECONDS
    random = int.from_bytes(random_bytes(13), "big")
    return f"{prefix}_{base62((seconds - EPOCH) << 128 | fraction << 104 | random)}"


def base62(number: int) -> str:
    """Write a number of up to 160 bits as 27 characters, smallest first in plain string order."""
    parts: list[str] = []
    for _ in range(LENGTH // 2):
        number, pair = divmod(number, 3844)
        parts.append(_PAIRS[pair])
    parts.append(ALPHABET[number])
    return "".join(reversed(parts))
