"""Activity: an object's events as its page tells them: who, when, and each field from what to what."""

from collections.abc import Callable

import msgspec

from odus.customers import cards
from odus.events import queries as events
from odus.events.model import Event
from odus.kit import fields
from odus.kit.bodies import Json
from odus.kit.db import Database
from odus.kit.lists import Asked, Paging, paging
from odus.kit.pages import Visit
from odus.kit.times import Moment
from odus.secret_keys import queries as secret_keys
from odus.users import queries as users

SHOWN = 20


class Sum(msgspec.Struct, frozen=True):
    """An amount of a currency, in its minor unit."""

    amount: int
    currency: str


Told = str | Moment | Sum
"""A value as it is told: in words, or as what the page writes in the viewer's zone and language."""


class Step(msgspec.Struct, frozen=True):
    """One event, in words."""

    title: str
    """What happened; empty where the changes say it."""
    changes: list[tuple[str, Told, Told]]
    """Each field that changed, what it was, and what it became; empty where there was or is nothing."""
    actor: str
    at: Moment


class Activity(msgspec.Struct, frozen=True):
    """Some steps, newest first, and how many there are in all."""

    steps: list[Step]
    count: int
    paging: Paging

    @property
    def is_last(self) -> bool:
        """Whether nothing is older than these steps."""
        return self.paging.offset + len(self.steps) >= self.count


TITLES = {
    "customer.created": "Customer created",
    "customer.updated": "Customer updated",
    "payment.created": "Payment created",
    "payment.updated": "Payment updated",
    "subscription.created": "Subscription begun",
    "subscription.updated": "Subscription updated",
}


class Words(msgspec.Struct, frozen=True):
    """How an object's events are told."""

    tell: Callable[[str, Json], Told | None]
    """Writes the value of a field; None for a field that is not told."""
    headline: Callable[[Event], str] = lambda _: ""
    """Says in one line what happened; empty where the changes say it."""


def told(field: str, value: Json) -> Told:
    """Write any value: what an object has that needs no words of its own."""
    match value:
        case str() if field == "phoneNumber":
            return fields.phone(value)
        case str() if field.endswith("At") and not field.startswith("metadata."):
            return Moment.parse(value)
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict():
            parts = msgspec.convert(value, dict[str, str | None])
            return ", ".join(part for part in parts.values() if part)
        case _:
            return str(value)


def titled(event: Event) -> str:
    """Return what an event is called."""
    return TITLES.get(event.event_type, event.event_type)


PLAIN = Words(told)
"""Tells every field as it is."""


async def activity(visit: Visit, resource: str, words: Words = PLAIN) -> Activity | None:
    """Return an object's newest events, or the older ones that `activity` in the address asks for by a page's number.

    None where they cannot be read: the rest of the page is shown all the same.
    """
    return await cards.apart(visit, "Activity", _activity(visit, resource, words))


async def _activity(visit: Visit, resource: str, words: Words) -> Activity:
    database, merchant_id = visit.database, visit.who.merchant_id
    asked = Asked(
        sort=events.LISTING.sorts["createdAt"],
        is_descending=True,
        paging=Paging(paging({"page": visit.query.get("activity", ["1"])[0]}).number, SHOWN),
    )
    page = await events.search_of(database.search, merchant_id, resource, asked)
    names = await _names(database, merchant_id, page.data)
    count = page.pagination.item_count
    steps = [_step(event, names, words) for event in page.data]
    return Activity(steps, count if isinstance(count, int) else len(page.data), asked.paging)


async def _names(database: Database, merchant_id: str, found: list[Event]) -> dict[str, str]:
    """Return what to call those who acted."""
    people = {event.actor.id for event in found if event.actor.type == "user"}
    keys = {event.actor.id for event in found if event.actor.type == "secretKey"}
    names: dict[str, str] = {}
    if people:
        named = await users.named(database.read, merchant_id, sorted(people))
        names |= {user_id: user.email for user_id, user in named.items()}
    if keys:
        notes = await secret_keys.notes(database.read, merchant_id, sorted(keys))
        names |= {key_id: f"key {note}" for key_id, note in notes.items()}
    return names


def _step(event: Event, names: dict[str, str], words: Words) -> Step:
    tell = words.tell
    changes = [
        (_label(field), before, after)
        for field, change in event.changes.items()
        if (before := tell(field, change.before)) is not None
        and (after := tell(field, change.after)) is not None
        and before != after
    ]
    title = words.headline(event) or ("" if changes else titled(event))
    return Step(title, changes, names.get(event.actor.id, event.actor.id), event.created_at)


def _label(field: str) -> str:
    """Write a field as words; a key of the metadata stands as it is."""
    if field.startswith("metadata."):
        return field.removeprefix("metadata.")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in field)
