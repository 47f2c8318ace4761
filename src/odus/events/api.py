"""The REST door to events."""

from odus.events import queries
from odus.events.model import Event
from odus.kit.db import Read, Search
from odus.kit.endpoints import lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.requests import not_found


@lists_of(
    "/events",
    Permission.EVENT_READ,
    queries.LISTING,
    example={"createdAt": {"gte": "2024-03-09", "lt": "2024-03-10"}, "sortDirection": "desc"},
)
async def list_events(search: Search, who: Principal, asked: Asked) -> Page[Event]:
    """List events.

    All changes of the merchant's objects, oldest first by default.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/events/{id}", Permission.EVENT_READ)
async def get_event(read: Read, who: Principal, event_id: str) -> Event:
    """Read an event."""
    event = await queries.get(read, who.merchant_id, event_id)
    if event is None:
        raise not_found()
    return event


HANDLERS = [list_events, get_event]
