"""The Dashboard door to events: Developers > Events."""

from odus.events import queries
from odus.kit import bodies, list_pages
from odus.kit.list_bars import Control, Place
from odus.kit.pages import Visit, shows
from odus.kit.permissions import Permission
from odus.kit.requests import Response, not_found

PATH = "/dashboard/events"

LIST = Place(
    PATH,
    "/events",
    "events/list.html",
    queries.LISTING,
    (Control("eventType", "Type"), Control("resource", "Resource"), Control("createdAt", "Created", "dates")),
)


@shows(PATH, Permission.EVENT_READ)
async def events_page(visit: Visit) -> Response:
    """Show the events that the address asks for."""
    return await list_pages.show(visit, LIST, queries.search)


@shows(f"{PATH}/{{id}}", Permission.EVENT_READ)
async def event_page(visit: Visit) -> Response:
    """Show an event as the API answers it."""
    event = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if event is None:
        raise not_found()
    return visit.page("events/event.html", event=event, text=bodies.pretty(event))


HANDLERS = [events_page, event_page]
