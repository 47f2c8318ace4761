"""Deep pages: skipped to in an index alone, from the nearer end of the list or from a row whose place is known."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import LiteralString

import asyncpg
import msgspec

from odus.kit import counts
from odus.kit.counts import Counted
from odus.kit.cursors import Position, digest
from odus.kit.db import Read, Search
from odus.kit.filters import Condition
from odus.kit.lists import Asked, Listing
from odus.kit.statements import Statement, order
from odus.kit.times import Moment

STEP = 5000
"""Rows that are skipped as they are, which takes half a millisecond; for more, a known row is looked for."""
MOST_MARKS = 1000
"""Rows whose places a process knows."""


class Way(msgspec.Struct, frozen=True):
    """How a page is reached: among what, from which end of that, and past how many rows."""

    skip: int
    size: int
    """Rows of the page: fewer than were asked for where the list ends in it."""
    is_turned: bool
    """Whether the way is from the end of the ascending list."""
    within: tuple[Condition, ...] = ()


class Mark(msgspec.Struct, frozen=True):
    """A row that a deep page began with. What comes before it is a filter like any other, whose exact count is kept."""

    before: Condition
    since: Condition
    place: int
    """How many rows came before it at the time."""


async def page(
    search: Search, listing: Listing, merchant_id: str, asked: Asked
) -> tuple[Sequence[asyncpg.Record], int]:
    """Return a page far from the start, and the count as of the same moment.

    The count comes first, as it says which end is nearer. What is to be kept is kept afterwards, by a connection that
    this page no longer holds.
    """
    async with search.still() as read:
        total = await counts.look(read, listing, merchant_id, asked.conditions)
        found = None if total is None else await _Page(read, search, listing, merchant_id, asked).found(total)
    if found is None:
        # Equal counts in flight are one, so it is of another moment. What is not kept then takes little to count again.
        await counts.count_anew(search, listing, merchant_id, asked.conditions)
        async with search.still() as read:
            total = await counts.look(read, listing, merchant_id, asked.conditions)
            total = total or await counts.number(read, listing, merchant_id, asked.conditions)
            found = await _Page(read, search, listing, merchant_id, asked).found(total)
    for keep in found.keeps:
        await keep()
    return found.rows, found.count


class _Found(msgspec.Struct, frozen=True):
    rows: Sequence[asyncpg.Record]
    count: int
    keeps: Sequence[Callable[[], Awaitable[None]]]
    """What keeps what was counted on the way."""


class _Page:
    """A page of a list, with its filters and its sort, and what is known of it in either direction."""

    def __init__(self, read: Read, search: Search, listing: Listing, merchant_id: str, asked: Asked) -> None:
        self._read, self._search = read, search
        self._listing, self._merchant_id, self._asked = listing, merchant_id, asked
        self._list = (listing.table, merchant_id, digest(asked.conditions), asked.sort.name)
        self._keeps: list[Callable[[], Awaitable[None]]] = []

    async def found(self, total: Counted) -> _Found:
        """Return the page of so many."""
        self._settle(self._asked.conditions, total)
        return _Found(await self._rows(total), total.count, self._keeps)

    async def _rows(self, total: Counted) -> Sequence[asyncpg.Record]:
        asked, offset = self._asked, self._asked.paging.offset
        size = min(asked.paging.size, total.count - offset)
        if size <= 0:
            return []
        first = total.count - offset - size if asked.is_descending else offset
        way = _from_end(total.count, first, size)
        if way.skip <= STEP or not self._listing.changes or asked.sort.is_nullable:
            return await self._reach(way)
        near = await self._from_mark(first, size)
        if near is not None and near.skip < way.skip:
            return await self._reach(near)
        rows = await self._reach(way)
        self._keeps.append(partial(self._learn, rows[-1 if asked.is_descending else 0], first, total))
        return rows

    async def _reach(self, way: Way) -> Sequence[asyncpg.Record]:
        listing, asked = self._listing, self._asked
        statement = Statement(self._merchant_id)
        return await self._read.rows(
            f"""
            with found as materialized (
                select id as found_id from {listing.table}
                where {statement.where([*asked.conditions, *way.within])}
                order by {order(asked.sort, is_descending=way.is_turned)}
                limit {statement.place(way.size)} offset {statement.place(way.skip)}
            )
            select {listing.columns}, {asked.sort.sorted_by} as position
            from found join {listing.table} on merchant_id = $1 and id = found_id
            order by {order(asked.sort, is_descending=asked.is_descending)}
            """,
            *statement.arguments,
        )

    async def _from_mark(self, first: int, size: int) -> Way | None:
        """Return the way from the nearest mark, by its present place; None where none is, or it is on the page."""
        known = self._search.marks
        keys = [(*self._list, first // STEP + by) for by in (-1, 0, 1)]
        near = [key for key in keys if key in known]
        if not near:
            return None
        key = min(near, key=lambda each: abs(known[each].place - first))
        mark = known[key]
        conditions = [*self._asked.conditions, mark.before]
        counted = await counts.look(self._read, self._listing, self._merchant_id, conditions)
        if counted is None:
            known.pop(key, None)
            return None
        self._settle(conditions, counted)
        if counted.count <= first:
            return Way(first - counted.count, size, is_turned=False, within=(mark.since,))
        behind = counted.count - first - size
        return Way(behind, size, is_turned=True, within=(mark.before,)) if behind >= 0 else None

    def _settle(self, conditions: Sequence[Condition], known: Counted) -> None:
        self._keeps.append(partial(counts.settle, self._search, self._listing, self._merchant_id, conditions, known))

    async def _learn(self, row: asyncpg.Record, first: int, total: Counted) -> None:
        """Remember the row that the page begins with, and how many came before it at the moment of the count."""
        mark = _mark(self._asked.sort.sorted_by, Position(row["position"], row["id"]), first)
        conditions = [*self._asked.conditions, mark.before]
        known = Counted(first, total.snapshot, total.server)
        await counts.keep(self._search, self._listing, self._merchant_id, conditions, known)
        self._search.marks[*self._list, first // STEP] = mark
        while len(self._search.marks) > MOST_MARKS:
            self._search.marks.popitem(last=False)


def _from_end(total: int, first: int, size: int) -> Way:
    """Return the way from the nearer end of the ascending list to the page that begins after `first` rows of it."""
    behind = total - first - size
    return Way(behind, size, is_turned=True) if behind < first else Way(first, size, is_turned=False)


def _mark(column: LiteralString, row: Position, place: int) -> Mark:
    value = Moment.of(row.value) if isinstance(row.value, datetime) else row.value
    before, since = (Condition(f"({column}, id) {sign} ({{0}}, {{1}})", (value, row.id)) for sign in _SIGNS)
    return Mark(before, since, place)


_SIGNS: tuple[LiteralString, LiteralString] = ("<", ">=")
