"""Every SQL statement on events."""

from collections.abc import Iterable
from functools import cache
from typing import LiteralString, get_args

import asyncpg
import msgspec

from odus.events.model import Change, Entry, Event, EventType
from odus.kit import bodies, kinds
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Condition, Field
from odus.kit.lists import Asked, Listing, Page
from odus.kit.permissions import Actor
from odus.kit.search import find
from odus.kit.times import Moment


async def write_with(
    write: Write, entry: Entry, change: LiteralString, *arguments: object, besides: LiteralString = ""
) -> bool:
    """Make a change and write its event in one statement, and so in one transaction; return whether a row changed.

    `change` is a data-modifying statement ending in `returning`, with its parameters from `$11` on and the merchant
    in `$1`; `besides` are further CTEs, which may look at its result as `changed`. The event is written only if it
    returned a row.
    """
    return bool(await write.count(_with_event(change, besides), *_values(entry), *arguments))


async def copy(write: Write, entries: Iterable[Entry]) -> None:
    """Add many events at once; what they tell of is for the caller to write, in the same transaction."""
    await write.copy("events", _INSERTED.split(", "), (_values(entry) for entry in entries))


async def vacuum(write: Write) -> None:
    """Let PostgreSQL look at what was written, so that it plans well at once; nothing where the role may not."""
    await write.run("vacuum (analyze) events")


async def get(read: Read, merchant_id: str, event_id: str) -> Event | None:
    """Return one event."""
    row = await read.row(f"select {_COLUMNS} from events where merchant_id = $1 and id = $2", merchant_id, event_id)
    return None if row is None else _event(row)


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[Event]:
    """Return the events that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _event)


async def search_of(search: Search, merchant_id: str, resource: str, asked: Asked) -> Page[Event]:
    """Return what was asked for of the events of one resource."""
    return await find(
        search, LISTING, merchant_id, asked.within("resource", Condition("resource = {0}", (resource,))), _event
    )


@cache
def _with_event(change: LiteralString, besides: LiteralString) -> LiteralString:
    return f"""
        with changed as ({change}),
        {besides}
        event as (
            insert into events ({_INSERTED})
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 from changed
        )
        select count(*) from changed
    """


_COLUMNS: LiteralString = "id, event_type, resource, data, changes, actor_type, actor_id, request_id, created_at"

LISTING = Listing(
    table="events",
    columns=_COLUMNS,
    changes="event_changes",
    fields=(
        kinds.ID,
        Field(
            name="eventType", kind=kinds.choice(*get_args(EventType)), column="event_type", folded="lower(event_type)"
        ),
        Field(name="resource", kind=kinds.TEXT, column="resource", folded="lower(resource)", indexed="resource"),
        kinds.CREATED_AT,
    ),
)
"""How events are listed."""
_INSERTED: LiteralString = f"merchant_id, {_COLUMNS}"


def _values(entry: Entry) -> tuple[object, ...]:
    event = entry.event
    return (
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
