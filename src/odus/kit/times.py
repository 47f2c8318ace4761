"""Moments: points in time to the millisecond, as they are stored, compared and shown."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from typing import Self

MILLISECOND = timedelta(milliseconds=1)


class Moment(datetime):
    """A point in time in UTC, whole milliseconds; on the wire `2024-03-09T00:00:00.000Z`.

    A type of its own because msgspec writes a plain `datetime` with no or six digits of the second, while api.md §1
    fixes three.
    """

    @classmethod
    def of(cls, at: datetime) -> Self:
        """Take over a time zone aware `datetime`, cut to the millisecond."""
        utc = at.astimezone(UTC)
        whole = utc.microsecond - utc.microsecond % 1000
        return cls(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, whole, UTC)

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read an ISO 8601 timestamp with its offset; raises `ValueError`, or `TypeError` for what is no string."""
        if not isinstance(text, str):
            raise TypeError("must be a string")
        try:
            if _TIMESTAMP.fullmatch(text):
                return cls.of(datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            pass
        raise ValueError("must be an ISO 8601 timestamp with a time zone, such as 2024-03-09T00:00:00.000Z")

    def __str__(self) -> str:
        return self.isoformat(timespec="milliseconds")[:23] + "Z"


_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
)
"""Looked at first: `fromisoformat` reads past a NUL, and past whatever follows six digits of a second."""


_present: ContextVar[Moment | None] = ContextVar("present", default=None)
_ahead: ContextVar[timedelta] = ContextVar("ahead", default=timedelta())


def now() -> Moment:
    """Return the present, cut to the millisecond; within `at` and `ahead`, the one that they make of it."""
    return _present.get() or Moment.of(datetime.now(UTC) + _ahead.get())


def everywhere() -> Moment:
    """Return the present as it is for everybody, even within `at` and `ahead`."""
    return Moment.of(datetime.now(UTC))


@contextmanager
def at(moment: Moment) -> Generator[None]:
    """Let everything in here happen at a moment, as what is tried out in a past or a future of its own does."""
    token = _present.set(moment)
    try:
        yield
    finally:
        _present.reset(token)


@contextmanager
def ahead(by: timedelta) -> Generator[None]:
    """Let everything in here happen so much later, as a merchant who tries things out has it."""
    token = _ahead.set(by)
    try:
        yield
    finally:
        _ahead.reset(token)


def is_moved() -> bool:
    """Tell whether `now` is another moment than everybody's."""
    return _present.get() is not None or bool(_ahead.get())


def after(previous: datetime, at: Moment) -> Moment:
    """Return `at`, or the millisecond after `previous` where that is later: a version's time always moves forward."""
    return max(at, Moment.of(previous + MILLISECOND))


def earliest_today() -> date:
    """Return the earliest date that it still is somewhere on Earth (UTC-12)."""
    return (now() - timedelta(hours=12)).date()


def today_anywhere() -> date:
    """Return the latest date that it is somewhere on Earth (UTC+14)."""
    return (now() + timedelta(hours=14)).date()
