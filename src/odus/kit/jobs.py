"""Jobs: what falls due in rows, and what is done again and again, whichever process does it (docs/decisions/0012)."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from odus.kit.db import Database, Read


class Due(msgspec.Struct, frozen=True):
    """A kind of thing that falls due in rows: the rows say what is due, the queue only who does it.

    `find` returns the keys of what is due now, oldest first, at most so many; a key is an id or made of ids, as it
    stands in the log. `run` does one of them, and moves what makes it due. It asks again whether it is due, since it
    may be run twice, by two workers at once, or long after it was found.
    """

    name: str
    find: Callable[[Read, int], Awaitable[list[str]]]
    run: Callable[[Database, str], Awaitable[None]]


class Chore(msgspec.Struct, frozen=True):
    """Housekeeping: done once each `every` seconds, by whichever worker comes first; it may be cut short anywhere.

    `every` is a divisor of a minute, or whole minutes or hours that divide an hour or a day.
    """

    name: str
    every: int
    run: Callable[[Database], Awaitable[None]]


class Jobs(msgspec.Struct, frozen=True):
    """All that workers do."""

    dues: Sequence[Due] = ()
    chores: Sequence[Chore] = ()
