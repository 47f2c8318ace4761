"""Samples: plausible subscriptions in every state, each with its history, made by the real actions and the clock."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from odus.customers.model import Customer
from odus.kit import bodies, times
from odus.kit.db import Write
from odus.kit.permissions import Principal
from odus.kit.problems import CUSTOMER_RESTRICTED, Problem
from odus.kit.times import Moment
from odus.kit.versions import IfMatch
from odus.payments.samples import GOOD_CARDS, Teller
from odus.products import actions as products
from odus.products.model import Price, PriceCreate, ProductCreate
from odus.renewals import clock, ending
from odus.subscriptions.model import SubscriptionCancel

PLANS = (
    ("Monthly", ((2900, "month"),)),
    ("Monthly, first one for less", ((500, "month"), (2900, "month"))),
    ("Weekly", ((900, "week"),)),
    ("Yearly", ((29000, "year"),)),
)
"""What the sample merchant sells again and again: what each cycle costs in cents, and lasts; the last one repeats."""
WEIGHTS = (12, 8, 2, 5)
"""How many of the subscriptions have each plan."""

APPROVED_ONCE = "4000000000000341"
MONTH, YEAR = timedelta(days=31), timedelta(days=366)
STOPPED, RETRYING = 3, 2
"""How many are paid by a card that declines every renewal: some are given up by now, some are tried again."""
ENDED_AT_ONCE, ENDED_WITH_PERIOD, ENDING = 3, 2, 2
"""How many were cancelled a while ago, and how many are to end with the period that they are in."""
WHILE = timedelta(days=40)


class Begun(msgspec.Struct, frozen=True):
    """A subscription as it was begun, and whether its card lets it go on."""

    id: str
    is_good: bool


async def play(write: Write, who: Principal, customers: Sequence[Customer], count: int) -> None:
    """Make subscriptions of these customers, some of whom may pay no more, and bring them to the present.

    What each is follows from its customer alone. Whatever else of the merchant's is due by now happens too.
    """
    present = times.now()
    prices = await _sell(write, who, min(customer.created_at for customer in customers))
    willing = [customer for customer in customers if customer.created_at < present - 2 * MONTH - WHILE]
    subscribers = willing[:: max(1, len(willing) // count)][:count]  # the oldest too, for a year of history
    begun = [await _begin(write, who, customer, prices, number) for number, customer in enumerate(subscribers)]
    good = [each.id for each in begun if each is not None and each.is_good]
    ended = {each: number < ENDED_AT_ONCE for number, each in enumerate(good[: ENDED_AT_ONCE + ENDED_WITH_PERIOD])}
    await clock.run_until(write, who, Moment.of(present - WHILE))
    await _cancel(write, who, ended, Moment.of(present - WHILE))
    await clock.run_until(write, who, present)
    await _cancel(write, who, dict.fromkeys(good[len(ended) :][:ENDING], False), present)


_price = bodies.decoder(PriceCreate)


async def _sell(write: Write, who: Principal, at: Moment) -> list[Price]:
    """Make the product of the sample merchant that is charged again and again, and return its prices."""
    with times.at(at):
        product = await products.create_product(
            write, who, ProductCreate(name="Coffee club", description="Fresh beans")
        )
        return [await products.create_price(write, who, _plan(product.id, *plan)) for plan in PLANS]


def _plan(product: str, name: str, cycles: Sequence[tuple[int, str]]) -> PriceCreate:
    steps = [
        {"position": position, "amount": amount, "intervalUnit": unit, "intervalValue": 1}
        for position, (amount, unit) in enumerate(cycles, 1)
    ]
    body = {"product": product, "name": name, "type": "recurring", "currency": "usd"}
    return _price(bodies.encode({**body, "billingSchedule": {"cycleDefinitions": steps}}))


async def _begin(
    write: Write, who: Principal, customer: Customer, prices: Sequence[Price], number: int
) -> Begun | None:
    """Let a customer pay for a subscription; None where that may not be."""
    chance = random.Random(f"subscription {customer.id}")  # noqa: S311 - samples must be repeatable, and are no secret
    teller = Teller(write, who, customer, chance)
    is_good = number >= STOPPED + RETRYING
    price = chance.choices(prices, WEIGHTS)[0] if is_good else prices[0]
    present = times.now()
    teller.present = Moment.of(present - MONTH - timedelta(days=2))
    if not STOPPED <= number < STOPPED + RETRYING:
        earliest = max(customer.created_at, Moment.of(present - YEAR))
        teller.present = Moment.of(earliest + chance.random() ** 2 * (present - WHILE - MONTH - earliest))
    try:
        paid = await teller.pay(await teller.ask([price]), chance.choice(GOOD_CARDS) if is_good else APPROVED_ONCE)
    except Problem as problem:
        if problem.kind is not CUSTOMER_RESTRICTED:
            raise
        return None
    assert paid.subscription  # noqa: S101 - these cards approve the first time
    return Begun(paid.subscription, is_good)


async def _cancel(write: Write, who: Principal, chosen: Mapping[str, bool], at: Moment) -> None:
    """Cancel subscriptions at a moment: each at once, or with its period."""
    with times.at(at):
        for subscription_id, is_at_once in chosen.items():
            data = SubscriptionCancel(cancel_immediately=is_at_once)
            await ending.cancel(write, who, subscription_id, data, IfMatch())
