"""Every SQL statement on events."""

from functools import cache
from typing import LiteralString

import asyncpg
import msgspec

from odus.events.model import Change, Entry, Event
from odus.kit import bodies
from odus.kit.db import Read, Write
from odus.kit.lists import Page, Paging, page_of
from odus.kit.permissions import Actor
from odus.kit.times import Moment


async def write_with(
    write: Write, entry: Entry, change: LiteralString, *arguments: object, besides: LiteralString = ""
) -> bool:
    """Make a change and write its event in one statement, and so in one transaction; return whether a row changed.

    `change` is a data-modifying statement ending in `returning`, with its parameters from `$11` on and the merchant
    in `$1`; `besides` are further CTEs, which may look at its result as `changed`. The event is written only if it
    returned a row.
    """
    event = entry.event
    values = (
        entry.merchant_id,
        event.id,
        event.event_type,
        event.resource,
        bytes(event.data).decode(),
        bodies.text(event.changes),
        event.actor.type,
        event.actor.id,
        event.request_id,
        event.created_at,
    )
    return bool(await write.count(_with_event(change, besides), *values, *arguments))


async def get(read: Read, merchant_id: str, event_id: str) -> Event | None:
    """Return one event."""
    row = await read.row(f"select {_COLUMNS} from events where merchant_id = $1 and id = $2", merchant_id, event_id)
    return None if row is None else _event(row)


async def search(read: Read, merchant_id: str, paging: Paging) -> Page[Event]:
    """Return a page of a merchant's events, oldest first."""
    rows = await read.rows(
        f"select {_COLUMNS} from events where merchant_id = $1 order by created_at, id limit $2 offset $3",
        merchant_id,
        paging.size,
        paging.offset,
    )
    count = await read.count("select count(*) from events where merchant_id = $1", merchant_id)
    return page_of([_event(row) for row in rows], count, paging)


async def search_of(read: Read, merchant_id: str, resource: str, paging: Paging) -> Page[Event]:
    """Return a page of what happened to one resource, oldest first."""
    rows = await read.rows(
        f"select {_COLUMNS} from events where merchant_id = $1 and resource = $2"
        " order by created_at, id limit $3 offset $4",
        merchant_id,
        resource,
        paging.size,
        paging.offset,
    )
    count = await read.count(
        "select count(*) from events where merchant_id = $1 and resource = $2", merchant_id, resource
    )
    return page_of([_event(row) for row in rows], count, paging)


@cache
def _with_event(change: LiteralString, besides: LiteralString) -> LiteralString:
    return f"""
        with changed as ({change}),
        {besides}
        event as (
            insert into events (
                merchant_id, id, event_type, resource, data, changes, actor_type, actor_id, request_id, created_at
            )
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 from changed
        )
        select count(*) from changed
    """


_COLUMNS = "id, event_type, resource, data, changes, actor_type, actor_id, request_id, created_at"

_decode_changes = msgspec.json.Decoder(dict[str, Change]).decode


def _event(row: asyncpg.Record) -> Event:
    return Event(
        id=row["id"],
        event_type=row["event_type"],
        resource=row["resource"],
        data=msgspec.Raw(row["data"]),
        changes=_decode_changes(row["changes"]),
        actor=Actor(row["actor_type"], row["actor_id"]),
        request_id=row["request_id"],
        created_at=Moment.of(row["created_at"]),
    )
