"""Subscriptions through whatever happens in whatever order, crashes in the middle of any of it among it.

`ODUS_TEST_SUBSCRIPTION_EXAMPLES` says how many courses of events are looked at. Unless it is set, a run is the same
each time.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import pytest
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
from odus.gateways.protocol import GatewayError
from odus.gateways.sandbox import Sandbox
from odus.kit import times
from odus.kit.db import Database, Limits
from odus.kit.permissions import system
from odus.kit.times import Moment
from odus.merchants import queries as merchants
from odus.payments import jobs as payment_jobs
from odus.renewals import clock
from odus.renewals import jobs as renewal_jobs
from odus.settings import Settings
from tests import make
from tests.faults import store
from tests.make import Shop
from tests.payments import acts as payments
from tests.subscriptions import acts, books, crashes
from tests.subscriptions.acts import Object
from tests.subscriptions.crashes import CrashError
from tests.subscriptions.strategies import prices, starts, typed, zones

T = TypeVar("T")

NAMED = "ODUS_TEST_SUBSCRIPTION_EXAMPLES"
EXAMPLES = int(os.environ.get(NAMED, "20"))
STEPS = 14
MOST_SUBSCRIPTIONS = 2
MOST_STATEMENTS = 45
"""More than two charges take."""
LAST = timedelta(days=40 * 365)

courses = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    derandomize=NAMED not in os.environ,
    suppress_health_check=list(HealthCheck),
)

which = st.integers(0, MOST_SUBSCRIPTIONS - 1)
days = st.sampled_from([1, 2, 4, 8, 31, 93, 400, 3653])
statements = st.one_of(st.just(0), st.integers(1, MOST_STATEMENTS))
"""Before which statement the process ends; 0 for none."""
BEHAVIOURS = ("approves", "insufficient_funds", "fraud_suspected")


@dataclass
class Place:
    """Where the shops are, and the loop that its requests run in, since the steps of a course are plain functions."""

    runner: asyncio.Runner
    database: Database
    seen: Counter[str] = field(default_factory=Counter[str])

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for something."""
        return self.runner.run(coroutine)


class Courses(RuleBasedStateMachine):
    """All that can happen to the subscriptions of a customer."""

    place: ClassVar[Place]

    def __init__(self) -> None:
        super().__init__()
        self.opened = AsyncExitStack()
        self.known: list[Object] = []
        self.behaviour = "approves"
        self.is_restricted = False
        self.was_always_good = True

    @initialize(zone=zones, start=starts)
    def begin(self, zone: str, start: str) -> None:
        """Open a shop somewhere, at some time, with a customer who has two cards."""
        app = create_app(Settings(log_level="error"), self.place.database)
        self.shop: Shop = self.place.run(self.opened.enter_async_context(make.shop(app, self.place.database)))
        self.began = times.everywhere()
        config = self.place.run(self.shop.client.get("/merchant-configs")).json()["data"][0]["id"]
        self.place.run(self.shop.client.post(f"/merchant-configs/{config}", json={"timezone": zone}))
        self.place.run(acts.advance(self.shop.client, start))
        self.customer = str(self.place.run(make.customer(self.shop.client))["id"])
        paid = [make.paid(self.shop.client, number, customer=self.customer) for number in (make.VISA, make.MASTERCARD)]
        self.methods = [str(self.place.run(each)["paymentMethod"]) for each in paid]

    @precondition(lambda self: len(self.known) < MOST_SUBSCRIPTIONS and not self.is_restricted)
    @rule(cycles=prices, quantity=st.integers(1, 3), statement=statements)
    def subscribe(self, cycles: tuple[Object, ...], quantity: int, statement: int) -> None:
        """Buy a subscription, which is there if the payment succeeded, wherever it was cut off."""
        self.place.run(self._behave("approves"))
        price = self.place.run(acts.price(self.shop.client, *cycles, amount=50))
        cart = {"items": [{"price": price, "quantity": quantity}]}
        made = self.place.run(make.payment(self.shop.client, customer=self.customer, cart=cart))
        with self.crashing(statement):
            self.place.run(payments.ask(self.shop.client, made, "authorize", {"card": make.card(expYear="2099")}))
        self.place.run(self._settle())
        paid = self.place.run(payments.current(self.shop.client, made))
        assert (paid["status"] == "succeeded") == (paid["subscription"] is not None)
        assert statement or paid["subscription"]
        if paid["subscription"]:
            self.known.append(self.place.run(acts.current(self.shop.client, paid["subscription"])))

    @rule(behaviour=st.sampled_from(BEHAVIOURS))
    def let_the_cards_behave(self, behaviour: str) -> None:
        """Let both cards be approved or declined from now on."""
        self.place.run(self._behave(behaviour))

    @precondition(lambda self: self.known)
    @rule(is_restricted=st.sampled_from([False, False, True]))
    def restrict(self, *, is_restricted: bool) -> None:
        """Forbid or permit charges without the customer."""
        body = {"restrictMit": is_restricted}
        self.place.run(self.shop.client.post(f"/customers/{self.customer}", json=body))
        self.is_restricted = is_restricted

    @precondition(lambda self: self.known)
    @rule(index=which, method=st.integers(0, 1), statement=statements)
    def change_the_card(self, index: int, method: int, statement: int) -> None:
        """Charge a subscription to one of the cards."""
        self.ask(index, "", {"paymentMethod": self.methods[method]}, {200}, statement)

    @precondition(lambda self: self.known)
    @rule(index=which, at_once=st.booleans(), statement=statements)
    def cancel(self, index: int, statement: int, *, at_once: bool) -> None:
        """Cancel a subscription, at once or at the end of its period."""
        before = self.now(index)
        expected = (
            409 if before["status"] == "cancelled" else 400 if before["cancelAtPeriodEnd"] and not at_once else 200
        )
        self.ask(index, "cancel", {"cancelImmediately": at_once}, {expected}, statement)

    @precondition(lambda self: self.known)
    @rule(index=which, statement=statements)
    def resume(self, index: int, statement: int) -> None:
        """Let a subscription go on."""
        before = self.now(index)
        is_possible = before["cancelAtPeriodEnd"] or not before["autoBillingEnabled"]
        expected = 200 if is_possible and before["status"] == "active" else 409
        self.ask(index, "resume", {}, {expected}, statement)
        self.place.run(self._settle())

    @precondition(lambda self: self.known)
    @rule(index=which, number=typed, statement=statements)
    def pay_by_hand(self, index: int, number: str, statement: int) -> None:
        """Let a payer type a card for a cycle that was not paid; what is declined uses up no try."""
        before, payment = self.now(index), self.unpaid(index, "open")
        if payment is None:
            return
        with self.crashing(statement):
            body = {"card": make.card(number, expYear="2099"), "savePaymentMethod": False}
            answer = self.place.run(payments.ask(self.shop.client, payment, "authorize", body))
        assert answer.status_code == (409 if self.is_restricted else 200) or statement
        tried = self.place.run(payments.current(self.shop.client, payment))
        if not statement and tried["status"] != "succeeded":
            assert self.now(index) == before
        self.place.seen["paid by hand" if tried["status"] == "succeeded" else "tried by hand"] += 1
        self.place.run(self._settle())

    @precondition(lambda self: self.known)
    @rule(index=which, outcome=st.sampled_from(["succeeded", "failed"]), statement=statements)
    def confirm(self, index: int, outcome: str, statement: int) -> None:
        """Let a payer confirm, or not, what was begun by hand."""
        if (payment := self.unpaid(index, "requires_action")) is not None:
            with self.crashing(statement):
                self.place.run(payments.ask(self.shop.client, payment, "complete-action", {"outcome": outcome}))
            self.place.seen["confirmed"] += 1
            self.place.run(self._settle())

    @precondition(lambda self: self.known)
    @rule(index=which, statement=statements)
    def cancel_the_payment(self, index: int, statement: int) -> None:
        """Cancel the payment of a cycle that was not paid; the next try makes another one."""
        payment = self.unpaid(index, "open") or self.unpaid(index, "requires_action")
        if payment is not None:
            with self.crashing(statement):
                self.place.run(payments.ask(self.shop.client, payment, "cancel"))
            self.place.seen["cancelled by hand"] += 1
            self.place.run(self._settle())

    @precondition(lambda self: self.known)
    @rule(days=days, statement=statements)
    def work_after_an_absence(self, days: int, statement: int) -> None:
        """Let time go by without a worker, and one come back that ends before some statement."""
        self.passing()
        self.place.run(self._put_ahead(days))
        with self.crashing(statement), suppress(CrashError):
            self.place.run(self._work())
        self.place.run(self._settle())

    @precondition(lambda self: self.known)
    @rule(days=days, behaviour=st.sampled_from(["", *BEHAVIOURS, "insufficient_funds"]))
    def pass_time(self, days: int, behaviour: str) -> None:
        """Let time go by, in which the cards may behave otherwise."""
        if behaviour:
            self.place.run(self._behave(behaviour))
        self.passing()
        self.place.run(self._advance(days))

    @precondition(lambda self: self.known)
    @rule(days=days, statement=st.integers(1, MOST_STATEMENTS))
    def crash_as_time_passes(self, days: int, statement: int) -> None:
        """Let time go by, and the process end before some statement of it."""
        self.passing()
        with self.crashing(statement), suppress(CrashError):
            self.place.run(self._advance(days))
            self.place.seen["survived"] += 1
        self.place.seen["crashed"] += 1
        self.place.run(self._settle())

    @precondition(lambda self: self.known)
    @rule(days=days, is_carried_out=st.booleans())
    def hear_nothing_as_time_passes(self, days: int, *, is_carried_out: bool) -> None:
        """Let time go by while the gateway does not answer, whether or not it does what it is asked."""
        self.passing()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Sandbox, "authorize", _unheard(Sandbox.authorize, is_carried_out=is_carried_out))
            self.place.run(self._advance(days))
        self.place.run(self._settle())

    @invariant()
    def the_books_agree(self) -> None:
        """Hold the subscriptions against their payments, and those against the gateway's books."""
        if not self.known:
            return
        self.place.run(books.check_money(self.place.database, self.shop))
        now = Moment.parse(self.place.run(self.shop.client.get("/test-clock")).json()["now"])
        for known in self.known:
            record = self.place.run(books.check(self.place.database, self.shop, known["id"]))
            self.place.seen[record.disabled_reason or "billed"] += 1
            if record.due_at is not None:
                assert record.due_at > now - timedelta(seconds=10)  # nothing that is due is left undone
            if record.status == "active" and record.disabled_reason is None and not books.is_put_off(record):
                assert record.current_period_end > now - timedelta(seconds=10)
                assert record.current_period_start <= now
            assert not self.was_always_good or record.disabled_reason in (None, "subscription_cancelled")

    def teardown(self) -> None:
        """Hold the histories against what is there."""
        for known in self.known:
            self.place.run(books.check_histories(self.shop, known["id"]))
        self.place.run(self.opened.aclose())

    def now(self, index: int) -> Object:
        """Return a subscription as it is now."""
        return self.place.run(acts.current(self.shop.client, self.known[index % len(self.known)]))

    def unpaid(self, index: int, status: str) -> Object | None:
        """Return the payment of a subscription's cycle that was not paid, where it is in this state."""
        sql = "select id from payments where subscription_id = $1 and cycle is not null and status = $2"
        row = self.place.run(self.place.database.read.row(sql, self.now(index)["id"], status))
        return row and self.place.run(payments.current(self.shop.client, dict(row)))

    def ask(self, index: int, verb: str, body: Object, statuses: set[int], statement: int = 0) -> None:
        """Ask for something to be done to a subscription, by a process that may end before some statement."""
        with self.crashing(statement):
            response = self.place.run(acts.ask(self.shop.client, self.known[index % len(self.known)], verb, body))
        assert response.status_code in statuses | ({500} if statement else set()), response.text

    def crashing(self, statement: int) -> AbstractContextManager[None]:
        """Let the process end before some statement of what is done in here; 0 for none."""
        return crashes.before(statement, self.place.seen)

    def passing(self) -> None:
        """Take it that something may be charged, which the customer or the card may not permit."""
        self.was_always_good &= self.behaviour == "approves" and not self.is_restricted

    async def _behave(self, behaviour: str) -> None:
        sql = "update payment_methods set token = 'sbx_' || $2 || '.x' where id = any($1)"
        await self.place.database.write.run(sql, self.methods, behaviour)
        self.behaviour = behaviour

    async def _advance(self, days: int) -> None:
        database, merchant_id = self.place.database, self.shop.merchant_id
        ahead = await merchants.clock(database.read, merchant_id)
        with times.ahead(ahead):
            to = min(times.now() + timedelta(days=days), self.began + max(ahead, LAST))
            who = system(merchant_id, "test", ahead)
            await clock.advance(database.write, who, Moment.of(max(to, times.now() + timedelta(seconds=1))))

    async def _put_ahead(self, days: int) -> None:
        database, merchant_id = self.place.database, self.shop.merchant_id
        ahead = await merchants.clock(database.read, merchant_id)
        by = min(ahead + timedelta(days=days), max(ahead, LAST))
        await merchants.put_ahead(database.write, merchant_id, by)

    async def _work(self) -> bool:
        """Do what is due now, as a worker does; tell whether anything was."""
        database, found = self.place.database, False
        for jobs in (payment_jobs, renewal_jobs):
            for key in await jobs.find_due(database.read, 1000):
                if key.startswith(self.shop.merchant_id):
                    found = True
                    await jobs.run_due(database, key)
        return found

    async def _settle(self) -> None:
        """Let the jobs do what is left, until nothing is."""
        database, merchant_id = self.place.database, self.shop.merchant_id
        who = system(merchant_id, "jobs", await merchants.clock(database.read, merchant_id))
        while True:
            asked = await database.read.rows(_ASKED, merchant_id)
            with times.ahead(who.clock):
                for row in asked:
                    later = Moment.of(times.now() + timedelta(minutes=2))
                    await payment_jobs.fall_due(database.write, who, row["id"], later)
            if not await self._work() and not asked:
                return


_ASKED = "select id from payments where merchant_id = $1 and attempt is not null"


def _unheard(works: Any, *, is_carried_out: bool) -> Any:
    async def authorize(self: Sandbox, *arguments: object) -> object:
        if is_carried_out:
            await works(self, *arguments)
        raise GatewayError

    return authorize


@asynccontextmanager
async def _place(server_url: str) -> AsyncIterator[Database]:
    async with store.database(server_url, 2, Limits()) as (_, database):
        yield database


def test_whatever_happens_in_whatever_order_each_cycle_is_charged_once(server_url: str) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        opened = _place(server_url)
        Courses.place = Place(runner, runner.run(opened.__aenter__()))
        try:
            run_state_machine_as_test(Courses, settings=courses)
        finally:
            runner.run(opened.__aexit__(None, None, None))
    seen = Courses.place.seen
    assert seen["crashed"] > seen["survived"]
    assert seen["ended"] > seen["crashed"] - seen["survived"]  # in other rules too
    assert {"billed", "latest_invoice_retrying", "recurring_payment_errored", "subscription_cancelled"} <= seen.keys()
    assert seen["tried by hand"] + seen["paid by hand"] > 0
