"""Search: a page of a list with its exact count, or a step of a walk through all of it."""

from collections.abc import Callable, Sequence
from typing import LiteralString, TypeVar

import asyncpg

from odus.kit import counts, deep, problems
from odus.kit.cursors import Position
from odus.kit.db import Search
from odus.kit.lists import Asked, Listing, Page, page_of, resumed, step_of
from odus.kit.statements import Statement, order

T = TypeVar("T")

DEEP = 1000
"""From this offset on, a page is skipped to in an index alone, and from the nearer end."""
GLANCE = 30
"""How many rows are looked at, in the order of the list, for each that is wanted: fills a page of what 4 % match."""
LONG_GLANCE = 50_000
"""The same for a page of what is known to match more often than `FEW`."""
FEW = 2000
"""Matches up to which it is better to find them all, in whatever order, and sort them, than to walk past the others."""


async def find(
    search: Search, listing: Listing, merchant_id: str, asked: Asked, load: Callable[[asyncpg.Record], T]
) -> Page[T]:
    """Return what was asked of a list.

    Raises `unavailable` for what takes longer than lists may, `validation_failed` for a cursor of another walk.
    """
    try:
        if asked.walks:
            return await _step(search, listing, merchant_id, resumed(listing, asked), load)
        if asked.paging.offset >= DEEP:
            rows, count = await deep.page(search, listing, merchant_id, asked)
        else:
            rows, count = await _page(search, listing, merchant_id, asked)
    except asyncpg.QueryCanceledError:
        raise _too_slow(asked) from None
    return page_of([load(row) for row in rows], count, asked.paging)


Rows = Sequence[asyncpg.Record]


async def _page(search: Search, listing: Listing, merchant_id: str, asked: Asked) -> tuple[Rows, int]:
    """Return a page, and the count as of the same snapshot where it is kept; a page that is not full needs none."""
    if asked.is_guessed:
        return await _guessed(search, listing, merchant_id, asked)
    rows = await _read(search, listing, merchant_id, asked, _walk)
    size, offset = asked.paging.size, asked.paging.offset
    if len(rows) < size and (rows or offset == 0):
        return rows, offset + len(rows)
    if not rows:
        return rows, await counts.count(search, listing, merchant_id, asked.conditions)
    return rows, await _counted(search, listing, merchant_id, asked, rows[0]["counted"])


async def _counted(
    search: Search, listing: Listing, merchant_id: str, asked: Asked, found: Sequence[str] | None
) -> int:
    """Return the count that came with a page, or count."""
    known = counts.counted(found)
    if known is None:
        return (await counts.count_anew(search, listing, merchant_id, asked.conditions)).count
    await counts.settle(search, listing, merchant_id, asked.conditions, known)
    return known.count


async def _guessed(search: Search, listing: Listing, merchant_id: str, asked: Asked) -> tuple[Rows, int]:
    """Return a page of what PostgreSQL cannot foresee: it may match everywhere, or nowhere.

    A glance at the first rows fills the page of what matches often, or is all there is by the kept count. What an index
    finds, and the glance does not, is rare: all of it is found and counted at once. For the rest, the exact count says
    how to go on.
    """
    size, offset = asked.paging.size, asked.paging.offset
    rows, found = await _seek(search, listing, merchant_id, asked, _glance)
    known = counts.counted(found)
    is_whole = len(rows) == size or (known is not None and known.count <= offset + len(rows))
    if not is_whole and asked.is_served and (known is None or known.count <= FEW):
        if known is not None:
            await counts.settle(search, listing, merchant_id, asked.conditions, known)
        return await _find_all(search, listing, merchant_id, asked)
    count = await _counted(search, listing, merchant_id, asked, found)
    if is_whole:
        return rows, count
    if count <= offset:
        return [], count
    if count > FEW:
        rows, found = await _seek(search, listing, merchant_id, asked, _long_glance)
        if len(rows) == size:
            return rows, _of(found, count)
    rows, found = await _seek(search, listing, merchant_id, asked, _few)
    return rows, _of(found, count)


def _of(found: Sequence[str] | None, count: int) -> int:
    """Return the count that came with a page, or the one before where none is kept."""
    known = counts.counted(found)
    return count if known is None else known.count


async def _find_all(search: Search, listing: Listing, merchant_id: str, asked: Asked) -> tuple[Rows, int]:
    """Find and count all matches, and return a page of them; the statement gives one row at least, for the count."""
    statement = Statement(merchant_id)
    rows = await search.rows(
        f"""
        with found as materialized (
            select id, {asked.sort.sorted_by} as position from {listing.table}
            where {statement.where(asked.conditions)}
        ),
        page as (
            select id as found_id from found order by {_order(asked, "position")}
            limit {statement.place(asked.paging.size)} offset {statement.place(asked.paging.offset)}
        )
        select {listing.columns}, found_id, (select count(*) from found) as matches,
            {counts.AS_OF},
            extract(epoch from clock_timestamp() - statement_timestamp()) as seconds
        from (select) as once left join page on true left join {listing.table} on merchant_id = $1 and id = found_id
        order by {_order(asked)}
        """,
        *statement.arguments,
    )
    once = rows[0]
    known = counts.Counted(once["matches"], once["snapshot"], once["server"], seconds=once["seconds"])
    await counts.keep_slow(search, listing, merchant_id, asked.conditions, known)
    return [row for row in rows if row["found_id"] is not None], known.count


Ranges = Sequence[LiteralString]
"""What the rows that follow a position have in common: ranges of the index, one after the other in the list's order."""
Source = Callable[[Statement, Listing, Asked, LiteralString, Ranges], list[LiteralString]]
"""Makes what to read from, of the conditions that must hold, and of ranges.

All that matches in the first part stands before what does in the second, and each has as much of it as is wanted.
"""
EVERYTHING: Ranges = ("",)


async def _read(search: Search, listing: Listing, merchant_id: str, asked: Asked, source: Source) -> Rows:
    """Return a page, with the kept count in each row."""
    statement = Statement(merchant_id)
    where = statement.where(asked.conditions)
    (rows,) = source(statement, listing, asked, where, EVERYTHING)
    return await search.rows(
        f"""
        select {listing.columns}, {counts.present(statement, listing, asked.conditions, where)} as counted
        from {rows}
        order by {_order(asked)}
        limit {statement.place(asked.paging.size)} offset {statement.place(asked.paging.offset)}
        """,
        *statement.arguments,
    )


async def _seek(
    search: Search, listing: Listing, merchant_id: str, asked: Asked, source: Source
) -> tuple[Rows, Sequence[str] | None]:
    """Return what a source has of a page, and the kept count also where that is nothing."""
    statement = Statement(merchant_id)
    where = statement.where(asked.conditions)
    (found,) = source(statement, listing, asked, where, EVERYTHING)
    rows = await search.rows(
        f"""
        select {listing.columns}, {counts.present(statement, listing, asked.conditions, where)} as counted
        from (select) as once left join (
            select {listing.table}.* from {found}
            order by {_order(asked)}
            limit {statement.place(asked.paging.size)} offset {statement.place(asked.paging.offset)}
        ) as page on true
        order by {_order(asked)}
        """,
        *statement.arguments,
    )
    return [row for row in rows if row["id"] is not None], rows[0]["counted"]


def _walk(
    _statement: Statement, listing: Listing, _asked: Asked, where: LiteralString, ranges: Ranges
) -> list[LiteralString]:
    """Leave it to the planner, which mostly goes along the index of the sort until the page is full."""
    return [f"{listing.table} where {where}{each}" for each in ranges]


def _glance(
    statement: Statement, listing: Listing, asked: Asked, where: LiteralString, ranges: Ranges
) -> list[LiteralString]:
    """Look at the next rows in the order of the list: most of what no index finds is everywhere."""
    wanted = asked.paging.size if asked.walks else asked.paging.offset + asked.paging.size
    return [_first(listing, asked, where, ranges, statement.place(GLANCE * wanted))]


def _long_glance(
    statement: Statement, listing: Listing, asked: Asked, where: LiteralString, ranges: Ranges
) -> list[LiteralString]:
    """Look further for what is known to be there."""
    return [_first(listing, asked, where, ranges, statement.place(LONG_GLANCE))]


def _first(listing: Listing, asked: Asked, where: LiteralString, ranges: Ranges, limit: LiteralString) -> LiteralString:
    """Look at the first rows of all ranges together: what matches in the second counts only where the first was seen.

    PostgreSQL merges the ranges as it goes, and reads no more of either than it is asked for.
    """
    end: LiteralString = f"order by {_order(asked)} limit {limit}"
    parts: list[LiteralString] = [
        f"(select * from {listing.table} where merchant_id = $1{each} {end})" for each in ranges
    ]
    rows: LiteralString = f"select * from ({' union all '.join(parts)}) as rest {end}" if parts[1:] else parts[0]
    return f"({rows}) as {listing.table} where {where}"


def _few(
    statement: Statement, listing: Listing, asked: Asked, where: LiteralString, ranges: Ranges
) -> list[LiteralString]:
    """Find all matches first, in whatever order, and sort them; `offset 0` keeps the planner from going around that.

    Only the first ones are joined to the rest of their rows: the planner may expect a hundred times as many as there
    are, and would compare each with each row of the table.
    """
    wanted = asked.paging.size + 1 if asked.walks else asked.paging.offset + asked.paging.size
    first: LiteralString = f"order by {_order(asked, 'position')} limit {statement.place(wanted)}"
    parts: list[LiteralString] = []
    for each in ranges:
        found: LiteralString = f"select id, {asked.sort.sorted_by} as position from {listing.table} where {where}{each}"
        page: LiteralString = f"(select id as found_id from ({found} offset 0) as found {first}) as page"
        parts.append(f"{page} join {listing.table} on merchant_id = $1 and id = found_id")
    return parts


async def _step(
    search: Search, listing: Listing, merchant_id: str, asked: Asked, load: Callable[[asyncpg.Record], T]
) -> Page[T]:
    """Return what follows a position, and one row more to see whether that is the end."""
    size = asked.paging.size
    rows = await _follow(search, listing, merchant_id, asked, _glance if asked.is_guessed else _walk)
    if len(rows) <= size and asked.is_guessed:
        count = await counts.count(search, listing, merchant_id, asked.conditions)
        if count > FEW:
            rows = await _follow(search, listing, merchant_id, asked, _long_glance)
        if len(rows) <= size:
            rows = await _follow(search, listing, merchant_id, asked, _few)
    last = Position(rows[size - 1]["position"], rows[size - 1]["id"]) if len(rows) > size else None
    return step_of([load(row) for row in rows[:size]], last, listing, asked)


async def _follow(search: Search, listing: Listing, merchant_id: str, asked: Asked, source: Source) -> Rows:
    statement = Statement(merchant_id)
    where = statement.where(asked.conditions)
    limit = statement.place(asked.paging.size + 1)
    parts: list[LiteralString] = [
        f"""(
            select {listing.columns}, {asked.sort.sorted_by} as position
            from {rows} order by {_order(asked)} limit {limit}
        )"""
        for rows in source(statement, listing, asked, where, _ranges(statement, asked))
    ]
    return await search.rows(
        f"select * from ({' union all '.join(parts)}) as steps order by {_order(asked, 'position')} limit {limit}",
        *statement.arguments,
    )


def _ranges(statement: Statement, asked: Asked) -> Ranges:
    """Return the conditions that follow a position, each one range of the index; null comes after all that is not."""
    after, column = asked.after, asked.sort.sorted_by
    if after is None:
        return EVERYTHING
    sign: LiteralString = "<" if asked.is_descending else ">"
    last_id = statement.place(after.id)
    if after.value is None:
        same: LiteralString = f" and {column} is null and id {sign} {last_id}"
        return [same, f" and {column} is not null"] if asked.is_descending else [same]
    beyond: LiteralString = f" and ({column}, id) {sign} ({statement.place(after.value)}, {last_id})"
    return [beyond, f" and {column} is null"] if asked.sort.is_nullable and not asked.is_descending else [beyond]


def _order(asked: Asked, column: LiteralString = "") -> LiteralString:
    return order(asked.sort, column, is_descending=asked.is_descending)


def _too_slow(asked: Asked) -> problems.Problem:
    slow = [parameter for parameter, condition in asked.filters if not condition.is_served]
    hint = (
        f"No index serves {', '.join(slow)}: give more of the value, or a second filter that few match."
        if slow
        else "Narrow it by a filter that few match, such as createdAt[gte]."
    )
    return problems.UNAVAILABLE(f"The list took too long and was given up. {hint}")
