"""The REST door to events."""

from odus.events import queries
from odus.events.model import Event
from odus.kit.db import Read
from odus.kit.endpoints import lists_of, reads
from odus.kit.lists import Page, Paging
from odus.kit.permissions import Permission, Principal
from odus.kit.requests import not_found


@lists_of("/events", Permission.EVENT_READ)
async def list_events(read: Read, who: Principal, paging: Paging) -> Page[Event]:
    """List events.

    All changes of the merchant's objects, oldest first.
    """
    return await queries.search(read, who.merchant_id, paging)


@reads("/events/{id}", Permission.EVENT_READ)
async def get_event(read: Read, who: Principal, event_id: str) -> Event:
    """Read an event."""
    event = await queries.get(read, who.merchant_id, event_id)
    if event is None:
        raise not_found()
    return event


HANDLERS = [list_events, get_event]
