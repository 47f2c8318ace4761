"""Samples: plausible payments in every state, made by the real actions at moments of the past."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from odus.customers.model import Customer
from odus.gateways.sandbox import CARDS
from odus.kit import bodies, times
from odus.kit.db import Write
from odus.kit.permissions import Principal
from odus.kit.problems import CUSTOMER_RESTRICTED, Problem
from odus.kit.times import Moment
from odus.kit.versions import IfMatch
from odus.payments import actions
from odus.payments.model import (
    Payment,
    PaymentAuthorize,
    PaymentCapture,
    PaymentCompleteAction,
    PaymentCreate,
    PaymentRecordChargeback,
    PaymentReverse,
)
from odus.products import actions as products
from odus.products.model import Price, PriceCreate, ProductCreate

GOODS = (
    ("Coffee box", "Six bags of single-origin beans", (("Small", 2400), ("Large", 4200))),
    ("Brewing course", "An afternoon in the roastery", (("Seat", 8900),)),
    ("Espresso machine", "Two boilers, three-year warranty", (("Standard", 64900), ("Refurbished", 38900))),
    ("Gift card", "Good for anything in the shop", (("25", 2500), ("50", 5000), ("100", 10000))),
)
"""What the sample merchant sells: names, descriptions, and prices in cents."""

GOOD_CARDS = [number for number, behaviour in CARDS.items() if behaviour == "approves"]
CHALLENGING = next(number for number, behaviour in CARDS.items() if behaviour == "challenges")
BAD_CARDS = [number for number, behaviour in CARDS.items() if behaviour not in ("approves", "challenges")][1:]

RECENT = timedelta(hours=20)
"""What waits for somebody was made so recently: later it would no longer wait."""


class Teller:
    """Makes one customer's payments, each step a little later than the last."""

    def __init__(self, write: Write, who: Principal, customer: Customer, chance: random.Random) -> None:
        """Take where to write, who acts, whose payments they are, and the source of chance."""
        self._write = write
        self._who = who
        self._customer = customer
        self.chance = chance
        self.present = customer.created_at

    async def ask(self, prices: Sequence[Price], **more: object) -> Payment:
        """Make a payment for one thing or several of it."""
        price = self.chance.choice(prices)
        quantity = self.chance.choice((1, 1, 1, 2, 3)) if price.amount < 10_000 else 1  # noqa: PLR2004 - cents
        body = {
            "currency": price.currency,
            "customer": self._customer.id,
            "cart": {"items": [{"price": price.id, "quantity": quantity}]},
            "metadata": {"order": str(self.chance.randrange(10_000, 99_999))},
            **more,
        }
        data = _create(bodies.encode(body))
        return await self._do(lambda: actions.create(self._write, self._who, data))

    async def pay(self, payment: Payment, number: str) -> Payment:
        """Type in a card."""
        card = {
            "number": number,
            "expMonth": f"{self.chance.randrange(1, 13):02}",
            "expYear": str(times.today_anywhere().year + self.chance.randrange(1, 5)),
            "cvc": "1234" if number.startswith("3") else "123",
            "cardholderName": self._customer.name,
        }
        data = _authorize(bodies.encode({"card": card}))
        return await self._do(lambda: actions.authorize(self._write, self._who, payment.id, data, IfMatch()))

    async def confirm(self, payment: Payment) -> Payment:
        """Complete the challenge of a card."""
        data = PaymentCompleteAction(outcome="succeeded")
        return await self._do(lambda: actions.complete_action(self._write, self._who, payment.id, data, IfMatch()))

    async def capture(self, payment: Payment, amount: int | None = None) -> Payment:
        """Take what was authorized."""
        data = PaymentCapture(amount=amount)
        return await self._do(lambda: actions.capture(self._write, self._who, payment.id, data, IfMatch()))

    async def refund(self, payment: Payment, amount: int | None = None) -> Payment:
        """Give money back, some days later."""
        self.present = Moment.of(self.present + timedelta(days=self.chance.randrange(1, 9)))
        data = PaymentReverse(amount=amount)
        return await self._do(lambda: actions.reverse(self._write, self._who, payment.id, data, IfMatch()))

    async def cancel(self, payment: Payment) -> Payment:
        """Cancel what was not captured."""
        return await self._do(lambda: actions.cancel(self._write, self._who, payment.id, IfMatch()))

    async def charge_back(self, payment: Payment) -> Payment:
        """Record that the bank took the money back, weeks later, and let the customer pay no more."""
        self.present = Moment.of(self.present + timedelta(days=self.chance.randrange(10, 40)))
        data = _chargeback(
            bodies.encode({"customerRestrictions": {"restrictCit": True, "restrictReason": "Chargeback"}})
        )
        return await self._do(lambda: actions.record_chargeback(self._write, self._who, payment.id, data, IfMatch()))

    async def _do(self, action: Callable[[], Awaitable[Payment]]) -> Payment:
        later = Moment.of(self.present + timedelta(seconds=self.chance.randrange(5, 600)))
        self.present = min(later, times.now())
        with times.at(self.present):
            return await action()


_create = bodies.decoder(PaymentCreate)
_authorize = bodies.decoder(PaymentAuthorize)
_chargeback = bodies.decoder(PaymentRecordChargeback)

Story = Callable[[Teller, Sequence[Price]], Awaitable[object]]


async def _paid(teller: Teller, prices: Sequence[Price]) -> Payment:
    return await teller.pay(await teller.ask(prices), teller.chance.choice(GOOD_CARDS))


async def _declined(teller: Teller, prices: Sequence[Price]) -> Payment:
    return await teller.pay(await teller.ask(prices), teller.chance.choice(BAD_CARDS))


async def _paid_at_last(teller: Teller, prices: Sequence[Price]) -> None:
    await teller.pay(await _declined(teller, prices), teller.chance.choice(GOOD_CARDS))


async def _confirmed(teller: Teller, prices: Sequence[Price]) -> None:
    await teller.confirm(await teller.pay(await teller.ask(prices), CHALLENGING))


async def _refunded(teller: Teller, prices: Sequence[Price]) -> None:
    await teller.refund(await _paid(teller, prices))


async def _refunded_in_part(teller: Teller, prices: Sequence[Price]) -> None:
    paid = await _paid(teller, prices)
    await teller.refund(paid, paid.amount // 2)


async def _charged_back(teller: Teller, prices: Sequence[Price]) -> None:
    await teller.charge_back(await _paid(teller, prices))


async def _cancelled(teller: Teller, prices: Sequence[Price]) -> None:
    await teller.cancel(await teller.ask(prices))


async def _captured_in_part(teller: Teller, prices: Sequence[Price]) -> None:
    asked = await teller.ask(prices, paymentMethodOptions={"captureMethod": "manual"})
    await teller.capture(await teller.pay(asked, teller.chance.choice(GOOD_CARDS)), asked.amount * 3 // 4)


async def _unattempted(teller: Teller, prices: Sequence[Price]) -> None:
    await teller.ask(prices)


async def _waits_for_capture(teller: Teller, prices: Sequence[Price]) -> None:
    how = teller.chance.choice(({"captureMethod": "manual"}, {"captureMethod": "automaticDelayed", "captureDelay": 3}))
    await teller.pay(await teller.ask(prices, paymentMethodOptions=how), teller.chance.choice(GOOD_CARDS))


async def _waits_for_payer(teller: Teller, prices: Sequence[Price]) -> None:
    await teller.pay(await teller.ask(prices), CHALLENGING)


STORIES: tuple[tuple[Story, int], ...] = (
    (_paid, 56),
    (_declined, 9),
    (_paid_at_last, 7),
    (_confirmed, 4),
    (_refunded, 4),
    (_refunded_in_part, 4),
    (_charged_back, 2),
    (_cancelled, 3),
    (_captured_in_part, 2),
    (_unattempted, 3),
    (_waits_for_capture, 4),
    (_waits_for_payer, 2),
)
"""What becomes of payments, and of how many in a hundred."""

LATEST = (_waits_for_capture, _waits_for_payer)


async def sell(write: Write, who: Principal, at: Moment) -> list[Price]:
    """Make the products of the sample merchant, and return their prices."""
    prices: list[Price] = []
    with times.at(at):
        for name, description, costs in GOODS:
            product = await products.create_product(write, who, ProductCreate(name=name, description=description))
            for title, amount in costs:
                body = {
                    "product": product.id,
                    "name": title,
                    "type": "one_time",
                    "currency": "usd",
                    "amount": amount,
                }
                prices.append(await products.create_price(write, who, _price(bodies.encode(body))))
    return prices


_price = bodies.decoder(PriceCreate)


async def play(write: Write, who: Principal, customer: Customer, prices: Sequence[Price], seed: object) -> None:
    """Make one payment of a customer, in whatever state; what it is follows from the seed alone.

    Nothing is made for a customer who may not pay any more.
    """
    chance = random.Random(f"{seed} {customer.id}")  # noqa: S311 - samples must be repeatable, and are no secret
    story = chance.choices([story for story, _ in STORIES], [weight for _, weight in STORIES])[0]
    teller = Teller(write, who, customer, chance)
    ago = RECENT * max(chance.random(), 0.1) if story in LATEST else timedelta(days=45)
    latest = Moment.of(times.now() - ago)
    span = max(latest - customer.created_at, timedelta(minutes=10))
    teller.present = Moment.of(latest if story in LATEST else customer.created_at + span * chance.random())
    try:
        await story(teller, prices)
    except Problem as problem:
        if problem.kind is not CUSTOMER_RESTRICTED:
            raise
