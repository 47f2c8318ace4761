"""Every SQL statement on merchants."""

from datetime import timedelta

import asyncpg

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit.db import Read, Write
from odus.kit.times import Moment
from odus.merchants.model import Merchant


async def insert(write: Write, merchant: Merchant, entry: Entry) -> None:
    """Add a merchant, and its event."""
    await events.write_with(write, entry, _INSERT, merchant.name, merchant.environment, merchant.created_at)


async def get(read: Read, merchant_id: str) -> Merchant | None:
    """Return one merchant."""
    row = await read.row(f"select {_COLUMNS} from merchants where id = $1", merchant_id)
    return None if row is None else _merchant(row)


async def search(read: Read) -> list[Merchant]:
    """Return all merchants, oldest first."""
    return [_merchant(row) for row in await read.rows(f"select {_COLUMNS} from merchants order by created_at, id")]


async def clock(read: Read, merchant_id: str) -> timedelta:
    """Return how far a merchant's clock is ahead. Raises `LookupError` for one that is not there."""
    row = await read.row("select clock_offset from merchants where id = $1", merchant_id)
    if row is None:
        raise LookupError(merchant_id)
    return row["clock_offset"]


async def put_ahead(write: Write, merchant_id: str, by: timedelta) -> None:
    """Put a merchant's clock ahead, never back."""
    await write.run("update merchants set clock_offset = greatest(clock_offset, $2) where id = $1", merchant_id, by)


async def advance(write: Write, entry: Entry, by: timedelta) -> None:
    """Put a merchant's clock ahead, and write the event of that."""
    sql = "update merchants set clock_offset = greatest(clock_offset, $11) where id = $1 returning id"
    await events.write_with(write, entry, sql, by)


_COLUMNS = "id, name, environment, created_at"

_INSERT = """
insert into merchants (id, name, environment, created_at) values ($1, $11, $12, $13) returning id
"""


def _merchant(row: asyncpg.Record) -> Merchant:
    at = Moment.of(row["created_at"])
    return Merchant(id=row["id"], name=row["name"], environment=row["environment"], created_at=at, updated_at=at)
