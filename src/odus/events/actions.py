"""What can happen with events: they are noted, beside the change itself."""

from collections.abc import Iterator
from functools import cache

import msgspec

from odus.events.model import Change, Entry, Event, EventType
from odus.kit import bodies
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.times import Moment

_fields = cache(msgspec.structs.fields)


def note(who: Principal, event_type: EventType, before: msgspec.Struct | None, after: msgspec.Struct) -> Entry:
    """Return the event of a change, to be written by the statement that makes the change."""
    resource: str = getattr(after, "id")  # noqa: B009 - every resource has an id, which no common type says
    at: Moment = getattr(after, "updated_at")  # noqa: B009 - the same
    event = Event(
        id=new_id("evt"),
        event_type=event_type,
        resource=resource,
        data=msgspec.Raw(bodies.encode(after)),
        changes={} if before is None else dict(_changes(before, after)),
        actor=who.actor,
        request_id=who.request_id or None,
        created_at=at,
    )
    return Entry(who.merchant_id, event)


def _changes(before: msgspec.Struct, after: msgspec.Struct) -> Iterator[tuple[str, Change]]:
    for field in _fields(type(after)):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old == new or field.name == "updated_at":
            continue
        if field.name == "metadata":
            keys = [*old, *(key for key in new if key not in old)]
            yield from (
                (f"metadata.{key}", Change(old.get(key), new.get(key))) for key in keys if old.get(key) != new.get(key)
            )
        else:
            yield field.encode_name, Change(old, new)
