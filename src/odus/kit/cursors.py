"""Cursors: where a walk through a list stands, as a token that means something to us alone."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from odus.kit import bodies
from odus.kit.filters import Condition, Field, FilterError
from odus.kit.number_filters import whole
from odus.kit.times import Moment


class Position(msgspec.Struct, frozen=True):
    """The last row that was given: what it is sorted by, and its id."""

    value: str | int | datetime | None
    id: str


class Walk(msgspec.Struct, frozen=True):
    """What stays the same from step to step: a cursor of another walk would skip or repeat rows."""

    table: str
    sort: Field
    is_descending: bool
    conditions: Sequence[Condition]

    def mark(self) -> str:
        """Return a mark that no other walk has."""
        text = bodies.encode([self.table, self.sort.name, self.is_descending, digest(self.conditions).hex()])
        return hashlib.sha256(text).hexdigest()[:16]


def digest(conditions: Sequence[Condition]) -> bytes:
    """Return what tells these conditions from all others, whatever their order."""
    each = sorted(bodies.encode([condition.sql, condition.arguments]) for condition in conditions)
    return hashlib.sha256(b"\n".join(each)).digest()


class _Token(msgspec.Struct, frozen=True, array_like=True):
    mark: str
    value: str | None
    id: str


def write(position: Position, walk: Walk) -> str:
    """Return the token of a position."""
    value = position.value if position.value is None else str(_plain(position.value))
    return base64.urlsafe_b64encode(bodies.encode(_Token(walk.mark(), value, position.id))).decode().rstrip("=")


def read(token: str, walk: Walk) -> Position:
    """Return the position of a token; raises `ValueError` for one that is none, or is of another walk."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars="-_", validate=True)
        found = msgspec.json.decode(raw, type=_Token)
    except (ValueError, msgspec.DecodeError):
        raise ValueError("must be a nextCursor that this list gave") from None
    if found.mark != walk.mark() or "\x00" in (found.value or "") + found.id:
        raise ValueError("must come with the filters and the sort of the request that gave it")
    if walk.sort.kind.is_time and found.value is not None:
        return Position(Moment.parse(found.value), found.id)
    if walk.sort.kind.is_number and found.value is not None:
        return Position(_number(found.value), found.id)
    return Position(found.value, found.id)


def _number(text: str) -> int:
    try:
        return whole(text)
    except FilterError as error:
        raise ValueError(str(error)) from None


def _plain(value: str | int | datetime) -> str | int | Moment:
    return Moment.of(value) if isinstance(value, datetime) else value
