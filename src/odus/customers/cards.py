"""Cards: what other features show on a customer's page; the application says which, in their order."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from odus.customers.model import Customer
from odus.kit import db
from odus.kit.logs import log
from odus.kit.pages import Visit
from odus.kit.permissions import Permission
from odus.kit.problems import Problem

T = TypeVar("T")
Content = Mapping[str, object]


class Card(msgspec.Struct, frozen=True):
    """A card: who sees it, its template, and what loads that template's `shown`; `count` in it stands in the head."""

    title: str
    permission: Permission
    template: str
    load: Callable[[Visit, Customer], Awaitable[Content]]


class Filled(msgspec.Struct, frozen=True):
    """A card with what it shows; None where that could not be read."""

    card: Card
    shown: Content | None


async def filled(visit: Visit, customer: Customer) -> list[Filled]:
    """Return the cards that the person may see, each loaded by itself: one that fails takes no other with it."""
    cards: Sequence[Card] = visit.call.app.state.customer_cards
    return [
        Filled(card, await apart(visit, card.title, card.load(visit, customer)))
        for card in cards
        if visit.may(card.permission)
    ]


async def apart(visit: Visit, title: str, loading: Awaitable[T]) -> T | None:
    """Load what a card shows; None where it could not be read."""
    try:
        return await loading
    except Exception as error:
        if not isinstance(error, Problem) and db.unavailable(error) is None:
            raise
        log.warning("unavailable", requestId=visit.who.request_id, card=title, reason=type(error).__name__)
        return None
