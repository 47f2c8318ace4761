"""The card of a customer's page that shows what the customer can be charged by."""

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

import msgspec

from odus.customers.cards import Card
from odus.customers.model import Customer
from odus.kit import counts
from odus.kit.filters import Condition
from odus.kit.pages import Visit
from odus.kit.permissions import Permission
from odus.kit.times import now
from odus.payment_methods import queries
from odus.payment_methods.model import PaymentMethod, SavedCard

SHOWN = 10
SOON = timedelta(days=60)
"""How long before its end a card is said to expire soon."""


class Line(msgspec.Struct, frozen=True):
    """A payment method, and whether its card goes on."""

    method: PaymentMethod
    expiry: Literal["", "soon", "expired"]


async def load(visit: Visit, customer: Customer) -> Mapping[str, object]:
    """Return a customer's first payment methods, the default before the newest, and how many there are."""
    merchant_id, today = visit.who.merchant_id, now().date()
    conditions = [queries.ATTACHED, Condition("customer_id = {0}", (customer.id,))]
    methods = await queries.of_customer(visit.database.search, merchant_id, customer.id, SHOWN)
    count = len(methods)
    if count == SHOWN:
        count = await counts.count(visit.database.search, queries.LISTING, merchant_id, conditions)
    return {
        "lines": [Line(method, expiry(method.card, today)) for method in methods],
        "count": count,
        "all_at": f"/dashboard/payment-methods?customer={customer.id}" if count > SHOWN else "",
    }


CARD = Card("Payment methods", Permission.PAYMENT_METHOD_READ, "payment_methods/card.html", load)


def expiry(card: SavedCard, today: date) -> Literal["", "soon", "expired"]:
    """Tell whether a card, which is good until the end of its month, has expired or soon will."""
    year, month = int(card.exp_year), int(card.exp_month)
    last = date(year, month, calendar.monthrange(year, month)[1])
    if last < today:
        return "expired"
    return "soon" if last - today <= SOON else ""
