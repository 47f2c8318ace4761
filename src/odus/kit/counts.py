"""Counts: how many rows match, exactly, without counting a million each time.

A count is kept together with the snapshot of the database at which it was true. Every table whose counts are kept has a
log of its changes, written by a trigger: a row with the weight 1 for each version that came, -1 for each that went. So
the present count is the kept one and the weights of the matching changes that its snapshot had not seen
(docs/decisions/0008).
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import LiteralString

import msgspec

from odus.kit.cursors import digest
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Condition
from odus.kit.lists import Listing
from odus.kit.statements import Statement

REFRESH_AFTER = 200
"""Changes that a kept count may lie behind before it is kept anew: each costs about a microsecond with every look."""
TRANSACTIONS_LOGGED = 200_000
"""How many transactions back the logs of changes reach."""
MOST_KEPT = 10_000
"""Kept counts of each list."""


WORTH_KEEPING = 0.005
"""Seconds of the database from which a count is kept; what takes less is counted each time."""


_SERVER: LiteralString = "pg_postmaster_start_time()::text || ' ' || id"
AS_OF: LiteralString = f"pg_current_snapshot()::text as snapshot, (select {_SERVER} from count_epoch) as server"
"""What a statement that counts also gives, for `Counted`."""


class Counted(msgspec.Struct, frozen=True):
    """A count, and the snapshot of the database at which it was true."""

    count: int
    snapshot: str
    server: str | None
    """When the server was started that the snapshot is of, and the epoch of the logs: in another one it means nothing.

    None where the server has emptied the logs, and no epoch has begun since.
    """
    behind: int = 0
    """How many changes a kept count lay behind."""
    seconds: float = 0.0
    """How long the database took to count."""


def present(
    statement: Statement, listing: Listing, conditions: Sequence[Condition], where: LiteralString
) -> LiteralString:
    """Return a subquery of the count at the statement's own snapshot, for `counted`; null where none is kept."""
    if not listing.changes:
        return f"(select array[count(*)::text, '', '', '0'] from {listing.table} where {where})"
    return f"""(
        select array[
            (kept.count + coalesce(since.weight, 0))::text,
            pg_current_snapshot()::text, kept.server::text || ' ' || kept.epoch, since.seen::text
        ]
        from kept_counts as kept
        cross join lateral (
            select sum(weight) filter (where {where}) as weight, count(*) as seen,
                count(*) filter (where weight is null) as unknown
            from {listing.changes}
            where merchant_id = $1 and server = kept.server
                and xid >= pg_snapshot_xmin(kept.snapshot) and not pg_visible_in_snapshot(xid, kept.snapshot)
        ) as since
        where kept.merchant_id = $1 and kept.list = '{listing.table}'
            and kept.filters = {statement.place(digest(conditions))}
            and kept.server = pg_postmaster_start_time() and kept.epoch is not null and since.unknown = 0
            and not exists (
                select from count_horizons
                where merchant_id = $1 and list = '{listing.table}' and gone_until >= pg_snapshot_xmin(kept.snapshot)
            )
    )"""


def counted(found: Sequence[str] | None) -> Counted | None:
    """Read what `present` gave."""
    return None if found is None else Counted(int(found[0]), found[1], found[2], int(found[3]))


async def count(search: Search, listing: Listing, merchant_id: str, conditions: Sequence[Condition]) -> int:
    """Return how many rows match."""
    return (await exact(search, listing, merchant_id, conditions)).count


async def exact(search: Search, listing: Listing, merchant_id: str, conditions: Sequence[Condition]) -> Counted:
    """Return how many rows match, and as of when: by the kept count, or by counting them."""
    known = await look(search, listing, merchant_id, conditions)
    if known is None:
        return await count_anew(search, listing, merchant_id, conditions)
    await settle(search, listing, merchant_id, conditions, known)
    return known


async def count_anew(search: Search, listing: Listing, merchant_id: str, conditions: Sequence[Condition]) -> Counted:
    """Count what matches, where no count is kept; equal requests in flight share the work.

    What another request counts may be older than this request, so it is waited for, and looked up where it was kept.
    Where it was not, the next count is taken over, whoever makes it: it began after this request.
    """
    key = (listing.table, merchant_id, digest(conditions))
    waited = False
    while (running := search.counting.get(key)) is not None:
        await asyncio.wait([running])
        if waited and not running.cancelled() and running.exception() is None:
            return running.result()
        if not waited and (known := await look(search, listing, merchant_id, conditions)) is not None:
            await settle(search, listing, merchant_id, conditions, known)
            return known
        waited = True
    task = asyncio.ensure_future(_count(search, listing, merchant_id, conditions))
    search.counting[key] = task
    try:
        return await task
    finally:
        del search.counting[key]


async def settle(
    search: Search, listing: Listing, merchant_id: str, conditions: Sequence[Condition], known: Counted
) -> None:
    """Keep a count anew where the kept one lies far behind."""
    if known.behind > REFRESH_AFTER:
        await keep(search, listing, merchant_id, conditions, known)


async def keep_slow(
    search: Search, listing: Listing, merchant_id: str, conditions: Sequence[Condition], known: Counted
) -> None:
    """Keep a count that took the database so long to make that this pays."""
    if known.seconds >= WORTH_KEEPING:
        await keep(search, listing, merchant_id, conditions, known)


async def tidy(write: Write, listings: Iterable[Listing]) -> None:
    """Drop what the logs of changes and the kept counts need no more; one process at a time, the others pass."""
    async with write.transaction() as transaction:
        if not await transaction.count("select pg_try_advisory_xact_lock($1)::int", _LOCK):
            return
        for listing in {listing.table: listing for listing in listings if listing.changes}.values():
            await _tidy(transaction, listing)


async def look(read: Read, listing: Listing, merchant_id: str, conditions: Sequence[Condition]) -> Counted | None:
    """Return how many rows match by the kept count; None where none is kept."""
    statement = Statement(merchant_id)
    where = statement.where(conditions)
    sql: LiteralString = f"select {present(statement, listing, conditions, where)} as counted"
    (row,) = await read.rows(sql, *statement.arguments)
    return counted(row["counted"])


async def number(read: Read, listing: Listing, merchant_id: str, conditions: Sequence[Condition]) -> Counted:
    """Count what matches, and keep nothing."""
    statement = Statement(merchant_id)
    where = statement.where(conditions)
    # `rows`, not `row`: PostgreSQL counts in parallel only where all rows are asked for.
    (row,) = await read.rows(
        f"""
        select count(*), {AS_OF},
            extract(epoch from clock_timestamp() - statement_timestamp()) as seconds
        from {listing.table} where {where}
        """,
        *statement.arguments,
    )
    return Counted(row["count"], row["snapshot"], row["server"], seconds=row["seconds"])


async def _count(search: Search, listing: Listing, merchant_id: str, conditions: Sequence[Condition]) -> Counted:
    known = await number(search, listing, merchant_id, conditions)
    await keep_slow(search, listing, merchant_id, conditions, known)
    return known


async def keep(
    search: Search, listing: Listing, merchant_id: str, conditions: Sequence[Condition], known: Counted
) -> None:
    """Keep a count, as of its snapshot; where there is no epoch, let one begin, so that the next one can be kept."""
    if known.server is None:
        await search.keep(_BEGIN_EPOCH)
        return
    place = merchant_id, listing.table, digest(conditions)
    await search.keep(_KEEP, *place, known.count, known.snapshot, known.server)


# A transaction that has written would find its own changes in no snapshot, and so twice in the sum: it keeps nothing.
# Nor does one of a server that was started since, or lost its logs in a crash from which it recovered by itself: the
# changes that were written before are in no log.
_KEEP: LiteralString = f"""
insert into kept_counts (merchant_id, list, filters, count, snapshot, epoch)
select $1, $2, $3, $4, $5::text::pg_snapshot, id from count_epoch
where pg_current_xact_id_if_assigned() is null and {_SERVER} = $6
on conflict (merchant_id, list, filters)
do update set count = excluded.count, snapshot = excluded.snapshot, server = excluded.server, epoch = excluded.epoch,
    kept_at = excluded.kept_at
"""
_BEGIN_EPOCH: LiteralString = "insert into count_epoch default values on conflict do nothing"

_LOCK = 6_035_717_350_282
"""The advisory lock that lets one process tidy at a time: an arbitrary number of our own."""


async def _tidy(transaction: Write, listing: Listing) -> None:
    """Shorten a log, and say so: whatever a snapshot from then on has not seen is in the part that stays.

    What came from another server goes, and so does a horizon of one: it may lie beyond all transactions of this one.
    """
    await transaction.run(
        f"""
        with gone as (
            delete from {listing.changes} where server <> pg_postmaster_start_time()
                or xid < greatest(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - $2, 0)::text::xid8
            returning merchant_id, xid, server
        )
        insert into count_horizons (merchant_id, list, gone_until)
        select merchant_id, $1, max(xid) from gone where server = pg_postmaster_start_time() group by merchant_id
        on conflict (merchant_id, list)
        do update set gone_until = greatest(count_horizons.gone_until, excluded.gone_until)
        """,
        listing.table,
        TRANSACTIONS_LOGGED,
    )
    await transaction.run(_DROP_HORIZONS, listing.table)
    await transaction.run(_DROP_KEPT, listing.table, MOST_KEPT)


_DROP_HORIZONS = """
delete from count_horizons where list = $1 and gone_until >= pg_snapshot_xmax(pg_current_snapshot())
"""
_DROP_KEPT = """
delete from kept_counts as kept using (
    select merchant_id, list, filters, row_number() over (order by kept_at desc) as age from kept_counts where list = $1
) as aged
where kept.merchant_id = aged.merchant_id and kept.list = aged.list and kept.filters = aged.filters
    and (aged.age > $2 or kept.server <> pg_postmaster_start_time())
"""
