"""Payments beside a plain model of them, through whatever happens in whatever order.

`ODUS_TEST_PAYMENT_EXAMPLES` says how many courses of events are looked at. Unless it is set, a run is the same each
time.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from odus.app import create_app
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Database, Limits
from odus.kit.ids import new_id
from odus.kit.times import Moment, now
from odus.payments import jobs
from odus.settings import Settings
from tests import make
from tests.faults import store
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import Object
from tests.payments.model import BEHAVIOURS, CONFLICT, OK, Model

T = TypeVar("T")

EXAMPLES = int(os.environ.get("ODUS_TEST_PAYMENT_EXAMPLES", "50"))
STEPS = 25
MOST_PAYMENTS = 4

courses = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    derandomize="ODUS_TEST_PAYMENT_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)

amounts = st.integers(1, 6)
parts = st.none() | st.integers(1, 7)
"""Few and small, so that what just fits, and what just does not, comes often."""
numbers = st.sampled_from([*BEHAVIOURS, make.CHALLENGED])
which = st.integers(0, 59)
"""Mostly one of the payments on which it is possible (see `at`)."""
ways = st.sampled_from([("automatic", 0), ("manual", 0), ("automaticDelayed", 1), ("automaticDelayed", 5)])
hours = st.sampled_from([0, 23, 25, 49, 119, 121, 1000])


@dataclass
class Place:
    """A shop, and the loop that its requests run in, since the steps of a course are plain functions."""

    runner: asyncio.Runner
    database: Database
    shop: Shop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for something."""
        return self.runner.run(coroutine)


@dataclass
class Known:
    """A payment as it was last answered, and its model."""

    payment: Object
    model: Model


class Courses(RuleBasedStateMachine):
    """All that can happen to the payments of a customer."""

    place: ClassVar[Place]

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []
        self.saved: dict[str, str] = {}
        """The payment methods of the customer, by the number of the card."""

    @initialize()
    def begin(self) -> None:
        """Make the customer."""
        self.customer = self.place.run(make.customer(self.place.shop.client))["id"]
        self.create_tried(3, ("automatic", 0), make.VISA)

    @precondition(lambda self: len(self.known) < MOST_PAYMENTS)
    @rule(
        amount=amounts, way=ways, initiator=st.sampled_from(["customer", "customer", "merchant"]), named=st.booleans()
    )
    def create(self, amount: int, way: tuple[str, int], initiator: str, *, named: bool) -> None:
        """Make a payment."""
        options = {"captureMethod": way[0], **({"captureDelay": way[1]} if way[1] else {})}
        fields = {"customer": self.customer} if named else {}
        made = make.payment(
            self.place.shop.client, amount=amount, initiator=initiator, paymentMethodOptions=options, **fields
        )
        self.known.append(Known(self.place.run(made), Model(amount, *way, initiator, named)))
        self.check(self.known[-1])

    @precondition(lambda self: len(self.known) < MOST_PAYMENTS)
    @rule(amount=amounts, way=ways, number=st.sampled_from([make.CHALLENGED, make.VISA, make.DECLINED]))
    def create_tried(self, amount: int, way: tuple[str, int], number: str) -> None:
        """Make a payment that a card is tried on, as most are."""
        self.create(amount, way, "customer", named=True)
        body = {"card": make.card(number)}
        self.ask(self.known[-1], "authorize", body, self.known[-1].model.authorize(number, saves=True))

    @precondition(lambda self: self.known)
    @rule(index=which, number=numbers, saves=st.booleans())
    def authorize_by_card(self, index: int, number: str, *, saves: bool) -> None:
        """Charge it to a card."""
        known = self.at(index, lambda model: model.status == "open")
        body = {"card": make.card(number), "savePaymentMethod": saves}
        self.ask(known, "authorize", body, known.model.authorize(number, saves=saves))

    @precondition(lambda self: self.known and self.saved)
    @rule(index=which, data=st.data())
    def authorize_by_saved_method(self, index: int, data: st.DataObject) -> None:
        """Charge it to one of the customer's methods."""
        known = self.at(index, lambda model: model.status == "open" and model.has_customer)
        number = data.draw(st.sampled_from(list(self.saved)))
        body = {"paymentMethod": self.saved[number]}
        belongs = known.model.has_customer
        self.ask(known, "authorize", body, known.model.authorize(number, saves=True, is_saved=True) if belongs else 400)

    @precondition(lambda self: any(each.model.challenged for each in self.known))
    @rule(index=which, outcome=st.sampled_from(["succeeded", "failed"]))
    def complete(self, index: int, outcome: str) -> None:
        """End its challenge."""
        known = self.at(index, lambda model: model.challenged)
        self.ask(known, "complete-action", {"outcome": outcome}, known.model.complete(outcome))

    @precondition(lambda self: any(each.model.challenged for each in self.known))
    @rule(index=which)
    def confirm_unheard(self, index: int) -> None:
        """Confirm it at the gateway, of which nothing is heard."""
        known = self.at(index, lambda model: model.challenged)
        if known.model.challenged:
            self.place.run(_confirm(self.place, known.payment))
            known.model.is_confirmed = True
            self.check(known)

    @precondition(lambda self: self.known)
    @rule(index=which, amount=parts)
    def capture(self, index: int, amount: int | None) -> None:
        """Capture it."""
        known = self.at(index, lambda model: model.display_status == "uncaptured")
        self.ask(known, "capture", {"amount": amount}, known.model.capture(amount))

    @precondition(lambda self: len(self.known) == MOST_PAYMENTS)
    @rule(index=which)
    def cancel(self, index: int) -> None:
        """Cancel it."""
        known = self.at(index, lambda model: not model.captured)
        self.ask(known, "cancel", {}, known.model.cancel())

    @precondition(lambda self: self.known)
    @rule(index=which, amount=parts, is_external=st.booleans())
    def reverse(self, index: int, amount: int | None, *, is_external: bool) -> None:
        """Give back."""
        known = self.at(index, lambda model: model.captured > model.reversed)
        body = {"amount": amount, "isExternal": is_external}
        self.ask(known, "reverse", body, known.model.reverse(amount, is_external=is_external))

    @precondition(lambda self: self.known)
    @rule(index=which)
    def charge_back(self, index: int) -> None:
        """Record a chargeback."""
        known = self.at(index, lambda model: model.captured and not model.is_charged_back)
        self.ask(known, "record-chargeback", {}, known.model.charge_back())

    @precondition(lambda self: self.known)
    @rule(index=which, hours=hours)
    def pass_time(self, index: int, hours: int) -> None:
        """Let be done what falls due by a later moment."""
        known, place = self.at(index, lambda model: model.challenged or model.is_due), self.place
        known.model.pass_time(hours)
        who, at = make.who(place.shop.merchant_id), Moment.of(now() + timedelta(hours=hours))
        place.run(jobs.fall_due(place.database.write, who, known.payment["id"], at))
        known.payment = place.run(acts.current(place.shop.client, known.payment))
        self.check(known)

    @invariant()
    def the_books_agree(self) -> None:
        """Hold all payments against the books of the gateway."""
        for known in self.known:
            self.place.run(_check_books(self.place, known))

    def teardown(self) -> None:
        """Hold all payments against their events."""
        for known in self.known:
            events = self.place.run(acts.events(self.place.shop.client, known.payment))
            check_chain(events, known.payment)

    def at(self, index: int, possible: Callable[[Model], object]) -> Known:
        """Return one of the payments on which something is possible; any one at times, and where there is none."""
        chosen = [each for each in self.known if possible(each.model)] if index % 6 else []
        chosen = chosen or self.known
        return chosen[index % len(chosen)]

    def ask(self, known: Known, verb: str, body: Object, status: int) -> None:
        """Ask for something, and hold the answer against the model, which was asked first."""
        response = self.place.run(acts.ask(self.place.shop.client, known.payment, verb, body))
        assert response.status_code == status, response.text
        if status == OK:
            known.payment = response.json()
        elif status == CONFLICT:
            assert response.json()["code"] == "conflict"
        self.check(known)

    def check(self, known: Known) -> None:
        """Hold a payment against its model, and what a read gives against the last answer."""
        payment, model = known.payment, known.model
        assert {name: payment[name] for name in model.shown} == model.shown
        assert self.place.run(acts.current(self.place.shop.client, payment)) == payment
        assert (payment["action"] is not None) == (model.challenged is not None)
        assert (payment["captureAt"] is not None) == model.is_due
        assert (payment["paymentMethod"] is not None) == (model.card is not None)
        if model.card is not None:
            assert self.saved.setdefault(model.card, payment["paymentMethod"]) == payment["paymentMethod"]


async def _confirm(place: Place, payment: Object) -> None:
    *_, charge = await acts.charges(place.database, payment)
    sandbox = Sandbox(place.database.write, place.shop.merchant_id, b"secret")
    await sandbox.complete(new_id("try"), charge["reference"])


async def _check_books(place: Place, known: Known) -> None:
    payment, model = known.payment, known.model
    assert await acts.money(place.database, payment) == model.taken
    charges = await acts.charges(place.database, payment)
    held = [each for each in charges if each["is_open"] and not each["voided"]]
    assert len(held) == (model.status == "succeeded" or model.is_confirmed)
    unsettled = [each for each in charges if not each["is_open"] and not each["voided"]]
    assert len(unsettled) == (model.challenged is not None and not model.is_confirmed)
    row = await place.database.read.row("select display_status from payments where id = $1", payment["id"])
    assert row
    assert row["display_status"] == payment["displayStatus"] == model.display_status


@asynccontextmanager
async def _shop(server_url: str) -> AsyncIterator[tuple[Database, Shop]]:
    async with store.database(server_url, 2, Limits()) as (_, database):
        app = create_app(Settings(log_level="error"), database)
        async with make.shop(app, database) as shop:
            yield database, shop


def test_whatever_happens_in_whatever_order_is_as_the_model_says(server_url: str) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        opened = _shop(server_url)
        database, shop = runner.run(opened.__aenter__())
        Courses.place = Place(runner, database, shop)
        try:
            run_state_machine_as_test(Courses, settings=courses)
        finally:
            runner.run(opened.__aexit__(None, None, None))
