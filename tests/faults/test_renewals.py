"""Two workers at the same subscriptions, also after days of absence: each cycle is charged once, and in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from odus.app import create_app
from odus.gateways.protocol import Answer, Card, Order
from odus.gateways.sandbox import Sandbox
from odus.kit import db, times
from odus.kit.db import Database, Limits
from odus.kit.problems import ATTEMPT_IN_PROGRESS, Problem
from odus.kit.times import Moment, everywhere
from odus.kit.versions import IfMatch
from odus.merchants import queries as merchants
from odus.payments import jobs as payment_jobs
from odus.renewals import clock, ending, jobs
from odus.renewals.actions import fall_due
from odus.settings import Settings
from odus.subscriptions.model import SubscriptionCancel
from tests import make
from tests.faults import store
from tests.faults.figures import note
from tests.make import Shop
from tests.payments import acts as payments
from tests.payments.acts import DELAYED
from tests.subscriptions import acts, books
from tests.subscriptions.acts import Object


@dataclass
class Place:
    """A shop in a database that two workers use."""

    shop: Shop
    workers: tuple[Database, Database]

    @property
    def database(self) -> Database:
        """The first worker's."""
        return self.workers[0]


@pytest.fixture
async def place(server_url: str) -> AsyncIterator[Place]:
    async with (
        store.database(server_url, 6, Limits()) as (url, first),
        db.connect(url, 6) as second,
        make.shop(create_app(Settings(log_level="error"), first), first) as shop,
    ):
        yield Place(shop, (first, second))


async def come_back(place: Place, **absence: float) -> int:
    """Let time go by without a worker, and then both do all that is due; return how often they were at it."""
    await merchants.put_ahead(place.database.write, place.shop.merchant_id, timedelta(**absence))
    runs = 0
    while True:
        found = await asyncio.gather(*(jobs.find_due(worker.read, 1000) for worker in place.workers))
        captures = await payment_jobs.find_due(place.database.read, 1000)
        if not any(found) and not captures:
            return runs
        tasks = [jobs.run_due(worker, key) for worker, keys in zip(place.workers, found, strict=True) for key in keys]
        more = [payment_jobs.run_due(worker, key) for worker in place.workers for key in captures]
        await asyncio.gather(*tasks, *more)
        runs += len(tasks) + len(more)


async def check(place: Place, subscription: Object, cycles: int) -> list[Object]:
    """Hold that so many cycles began, each once and in order, as their events say; return their payments."""
    record = await books.check(place.database, place.shop, subscription["id"])
    assert record.current_cycle == cycles
    await books.check_histories(place.shop, subscription["id"])
    made = await acts.renewals(place.shop.client, subscription)
    sql = "select cycle from payments where subscription_id = $1 and cycle is not null order by created_at, id"
    ordered = [row["cycle"] for row in await place.database.read.rows(sql, subscription["id"])]
    assert ordered == list(range(2, 2 + len(made)))
    for each in made:
        assert len(await payments.charges(place.database, each)) == (each["status"] == "succeeded")
    return made


async def test_two_workers_charge_each_cycle_once(place: Place) -> None:
    known = [await acts.subscribed(place.shop.client) for _ in range(10)]
    runs = await come_back(place, days=32)
    assert runs > 10  # both were at it
    for each in known:
        await check(place, each, 2)
    await books.check_money(place.database, place.shop)


async def test_after_days_of_absence_each_cycle_is_charged_once_and_in_order(place: Place) -> None:
    price = await acts.price(place.shop.client, acts.cycle(100, "day"), acts.cycle(7, "day", 2))
    known = [await acts.subscribed(place.shop.client, price_id=price) for _ in range(4)]
    await come_back(place, days=40, hours=1)
    cycles = 1 + 20  # the first ends after a day, each later one two days after the one before it
    for each in known:
        made = await check(place, each, cycles)
        assert [payment["amount"] for payment in made] == [7] * (cycles - 1)
        assert all(Moment.parse(one["createdAt"]) > acts.later(each["startDate"], days=40) for one in made)
    await books.check_money(place.database, place.shop)
    note(f"subscriptions: {len(known) * (cycles - 1)} cycles that two workers found due at once, each charged once")


async def test_two_workers_capture_the_delayed_charges_of_renewals_once(place: Place) -> None:
    subscription = await acts.subscribed(place.shop.client, paymentMethodOptions=DELAYED)
    await come_back(place, days=32)
    await come_back(place, days=40)
    (made,) = await check(place, subscription, 2)
    assert made["displayStatus"] == "succeeded"
    assert [each["type"] for each in made["transactions"]] == ["authorize", "capture"]
    await books.check_money(place.database, place.shop)


async def test_two_workers_try_a_declined_renewal_once_each_time(place: Place) -> None:
    known = [await acts.subscribed(place.shop.client, make.APPROVED_ONCE) for _ in range(6)]
    for number, days in enumerate((32, 33.1, 35.2, 37.3, 39.4, 60), 1):
        await come_back(place, days=days)
        for each in known:
            (made,) = await check(place, each, 1)
            assert len(acts.tries(made)) == min(number, 5)
    for each in known:
        after = await acts.current(place.shop.client, each)
        assert after["autoBillingDisabledReason"] == "recurring_payment_errored"


async def test_one_who_cancels_while_both_are_at_it_is_charged_once_or_not(place: Place) -> None:
    client = place.shop.client
    known = [await acts.subscribed(client) for _ in range(10)]
    await merchants.put_ahead(place.database.write, place.shop.merchant_id, timedelta(days=32))
    keys = await jobs.find_due(place.database.read, 100)

    async def cancel(subscription: Object) -> None:
        """Cancel it, as soon as it is not being charged."""
        while (response := await acts.ask(client, subscription, "cancel", {"cancelImmediately": True})).is_error:
            assert response.json()["code"] == "attempt_in_progress", response.text
            await asyncio.sleep(0.01)

    cancels = [cancel(each) for each in known]
    await asyncio.gather(*(jobs.run_due(worker, key) for key in keys for worker in place.workers), *cancels)
    for each in known:
        after = await acts.current(client, each)
        assert after["status"] == "cancelled"
        made = await acts.renewals(client, each)
        assert len(made) <= 1
        for payment in made:
            assert payment["status"] in ("succeeded", "cancelled")
            assert len(await payments.charges(place.database, payment)) == (payment["status"] == "succeeded")
    await books.check_money(place.database, place.shop)


async def test_one_that_is_to_end_with_its_period_is_not_charged_once_that_was_accepted(place: Place) -> None:
    known = [await acts.subscribed(place.shop.client) for _ in range(20)]
    await merchants.put_ahead(place.database.write, place.shop.merchant_id, timedelta(days=32))
    keys = await jobs.find_due(place.database.read, 100)

    async def cancelled(subscription: Object) -> int | None:
        """Cancel it within its first period; return the one that is to be its last, None while one is charged."""
        database, who, data = place.database, make.who(place.shop.merchant_id), SubscriptionCancel()
        with times.at(acts.later(subscription["currentPeriodEnd"], seconds=-1)):
            try:
                return (await ending.cancel(database.write, who, subscription["id"], data, IfMatch())).current_cycle
            except Problem as problem:
                if problem.kind is ATTEMPT_IN_PROGRESS:
                    return None
                raise

    runs = [jobs.run_due(worker, key) for key in keys for worker in place.workers]
    accepted, _ = await asyncio.gather(asyncio.gather(*map(cancelled, known)), asyncio.gather(*runs))
    await come_back(place)
    for each, last in zip(known, accepted, strict=True):
        after = await acts.current(place.shop.client, each)
        assert last is None or after["currentCycle"] == last
        assert after["cancelAtPeriodEnd"] == (last is not None)
    await books.check_money(place.database, place.shop)


async def test_an_advance_beside_two_workers_charges_each_cycle_once(place: Place) -> None:
    client = place.shop.client
    price = await acts.price(client, acts.cycle(5, "day", 3))
    known = [await acts.subscribed(client, price_id=price) for _ in range(3)]
    to = acts.later(known[-1]["startDate"], days=91)
    advancing = asyncio.create_task(acts.advance(client, to))
    while not advancing.done():
        await come_back(place)
    assert await advancing == str(to)
    await come_back(place)
    for each in known:
        await check(place, each, 31)
    await books.check_money(place.database, place.shop)


def taking_until(done: Callable[[], Awaitable[object]]) -> Callable[..., Awaitable[Answer]]:
    """Return a gateway's authorization that takes as long as something else."""
    works = Sandbox.authorize

    async def authorize(self: Sandbox, key: str, order: Order, means: Card | str) -> Answer:
        await done()
        return await works(self, key, order, means)

    return authorize


async def test_two_advances_at_once_are_answered_when_all_is_done_each_at_its_moment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = place.shop.client
    monkeypatch.setattr(Sandbox, "authorize", taking_until(lambda: asyncio.sleep(0.01)))
    price = await acts.price(client, acts.cycle(5, "day", 3))
    known = [await acts.subscribed(client, price_id=price) for _ in range(3)]
    to = acts.later(known[-1]["startDate"], days=91)
    advances = [asyncio.create_task(acts.advance(client, to)) for _ in range(2)]
    await asyncio.wait(advances, return_when=asyncio.FIRST_COMPLETED)
    assert await jobs.find_due(place.database.read, 100) == []
    await asyncio.gather(*advances)
    for each in known:
        made = await check(place, each, 31)
        moments = [str(acts.later(each["startDate"], days=3 * number)) for number in range(1, 31)]
        assert [payment["createdAt"] for payment in made] == moments
    await books.check_money(place.database, place.shop)


async def test_an_advance_waits_for_who_is_at_a_charge(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    client, merchant_id = place.shop.client, place.shop.merchant_id
    subscription = await acts.subscribed(client)
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def told() -> None:
        began.set()
        await goes_on.wait()

    monkeypatch.setattr(Sandbox, "authorize", taking_until(told))
    end = Moment.parse(subscription["currentPeriodEnd"])
    charging = asyncio.create_task(fall_due(place.database.write, make.who(merchant_id), subscription["id"], end))
    await began.wait()
    advancing = asyncio.create_task(acts.advance(client, acts.later(str(end), days=60)))
    await asyncio.sleep(0.2)
    assert not advancing.done()
    goes_on.set()
    await asyncio.gather(charging, advancing)
    await check(place, subscription, 3)


async def test_an_advance_that_takes_too_long_says_so_and_goes_on_when_it_is_asked_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = place.shop.client
    subscription = await acts.subscribed(client, price_id=await acts.price(client, acts.cycle(5, "hour")))
    to = acts.later(subscription["startDate"], hours=100)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "ADVANCE_SECONDS", 0.3)
        response = await client.post("/test-clock/advance", json={"to": str(to)})
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert "again" in response.json()["detail"]
    reached = (await client.get("/test-clock")).json()["now"]
    assert subscription["startDate"] < reached < str(to)
    # What was cut off at the gateway is asked about a minute later.
    for row in await place.database.read.rows("select id from payments where attempt is not null"):
        at = Moment.of(everywhere() + timedelta(minutes=2))
        await payment_jobs.fall_due(place.database.write, make.who(place.shop.merchant_id), row["id"], at)
    assert await acts.advance(client, to) == str(to)
    await check(place, subscription, 101)
    await books.check_money(place.database, place.shop)
