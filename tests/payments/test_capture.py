"""Capturing: at once, by hand or after days, all or a part; and cancelling what was not captured."""

from datetime import timedelta

import httpx
import pytest

from odus.kit.db import Database
from odus.kit.times import Moment
from odus.payments import jobs
from tests import make, operations
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import DELAYED, MANUAL, act, ask, refused


async def test_a_manual_payment_waits_for_its_capture(client: httpx.AsyncClient, database: Database) -> None:
    held = await make.paid(client, paymentMethodOptions=MANUAL)
    assert (held["status"], held["displayStatus"], held["isCaptured"]) == ("succeeded", "uncaptured", False)
    assert (held["amountCaptured"], held["captureAt"]) == (0, None)
    assert await acts.money(database, held) == 0
    done = await act(client, held, "capture")
    assert (done["displayStatus"], done["isCaptured"], done["amountCaptured"]) == ("succeeded", True, 4200)
    assert [each["type"] for each in done["transactions"]] == ["authorize", "capture"]
    assert await acts.money(database, held) == 4200


@pytest.mark.parametrize("amount", [1, 4199, 4200])
async def test_a_part_can_be_captured_once(client: httpx.AsyncClient, database: Database, amount: int) -> None:
    held = await make.paid(client, paymentMethodOptions=MANUAL)
    done = await act(client, held, "capture", {"amount": amount})
    assert (done["displayStatus"], done["amount"], done["amountCaptured"]) == ("succeeded", 4200, amount)
    assert done["transactions"][-1]["amount"] == amount
    assert await acts.money(database, held) == amount
    await refused(client, done, "capture", {"amount": 1})


async def test_what_is_captured_is_more_than_nothing_and_at_most_what_was_authorized(client: httpx.AsyncClient) -> None:
    held = await make.paid(client, paymentMethodOptions=MANUAL)
    for amount, code in ((0, "out_of_range"), (-1, "out_of_range"), (4201, "out_of_range"), ("1", "invalid_type")):
        operations.assert_invalid(await ask(client, held, "capture", {"amount": amount}), {("amount", code)})
    assert await acts.current(client, held) == held


async def test_only_an_uncaptured_authorization_can_be_captured(client: httpx.AsyncClient) -> None:
    for payment in (
        await make.payment(client),
        await make.paid(client),
        await make.paid(client, make.DECLINED),
        await make.paid(client, make.CHALLENGED, paymentMethodOptions=MANUAL),
        await act(client, await make.payment(client), "cancel"),
    ):
        await refused(client, payment, "capture")


async def test_a_delayed_capture_is_made_when_its_days_are_over(shop: Shop, database: Database) -> None:
    held = await make.paid(shop.client, paymentMethodOptions=DELAYED)
    due = Moment.parse(held["captureAt"])
    began = Moment.parse(held["transactions"][0]["createdAt"])
    assert held["displayStatus"] == "uncaptured"
    assert timedelta(days=2) <= due - began <= timedelta(days=2, seconds=30)
    assert await acts.fall_due(database, shop, held, Moment.of(due - timedelta(milliseconds=1))) == held
    done = await acts.fall_due(database, shop, held, due)
    assert (done["displayStatus"], done["amountCaptured"], done["captureAt"]) == ("succeeded", 4200, None)
    assert await acts.fall_due(database, shop, held, Moment.of(due + timedelta(days=30))) == done
    assert await acts.money(database, held) == 4200


async def test_what_is_due_is_found_with_its_merchant_the_longest_due_first(shop: Shop, database: Database) -> None:
    late, early = [await make.paid(shop.client, paymentMethodOptions=DELAYED) for _ in range(2)]
    await make.paid(shop.client, paymentMethodOptions=DELAYED)
    await make.paid(shop.client)
    for payment, days in ((late, 1), (early, 2)):
        sql = "update payments set due_at = now() - $2::interval, capture_at = now() where id = $1"
        await database.write.run(sql, payment["id"], timedelta(days=days))
    found = [f"{shop.merchant_id} {payment['id']}" for payment in (early, late)]
    assert await jobs.find_due(database.read, 10) == found
    assert await jobs.find_due(database.read, 1) == found[:1]
    for key in found:
        await jobs.run_due(database, key)
    assert await jobs.find_due(database.read, 10) == []
    for payment in (late, early):
        assert (await acts.current(shop.client, payment))["displayStatus"] == "succeeded"
        assert (await acts.events(shop.client, payment))[-1]["actor"] == {"type": "system", "id": "jobs"}


async def test_a_delayed_payment_can_be_captured_or_released_before(shop: Shop, database: Database) -> None:
    taken, released = [await make.paid(shop.client, paymentMethodOptions=DELAYED) for _ in range(2)]
    due = Moment.parse(taken["captureAt"])
    taken = await act(shop.client, taken, "capture", {"amount": 100})
    released = await act(shop.client, released, "cancel")
    assert (taken["captureAt"], released["captureAt"]) == (None, None)
    for payment, taken_in in ((taken, 100), (released, 0)):
        assert await acts.fall_due(database, shop, payment, due) == payment
        assert await acts.money(database, payment) == taken_in


async def test_what_was_not_authorized_is_cancelled_for_good(client: httpx.AsyncClient, database: Database) -> None:
    for payment in (
        await make.payment(client),
        await make.paid(client, make.DECLINED),
        await make.paid(client, make.CHALLENGED),
    ):
        done = await act(client, payment, "cancel")
        assert (done["status"], done["displayStatus"], done["action"]) == ("cancelled", "cancelled", None)
        assert done["checkoutUrl"] is None
        assert all(each["outcome"]["status"] == "failure" for each in done["transactions"])
        for verb, body in (
            ("cancel", {}),
            ("authorize", {"card": make.card()}),
            ("complete-action", {"outcome": "succeeded"}),
            ("capture", {}),
            ("reverse", {}),
            ("reverse", {"amount": 1, "isExternal": True}),
            ("record-chargeback", {}),
        ):
            await refused(client, done, verb, body)
        assert await acts.money(database, done) == 0


@pytest.mark.parametrize("verb", ["cancel", "reverse"])
async def test_an_uncaptured_authorization_is_released(
    client: httpx.AsyncClient, database: Database, verb: str
) -> None:
    held = await make.paid(client, paymentMethodOptions=MANUAL)
    done = await act(client, held, verb)
    assert (done["status"], done["displayStatus"], done["isCaptured"]) == ("cancelled", "cancelled", False)
    assert [(each["type"], each["amount"]) for each in done["transactions"]] == [("authorize", 4200), ("reverse", 4200)]
    (charge,) = await acts.charges(database, held)
    assert (charge["voided"], charge["captured"]) == (True, 0)


async def test_what_was_captured_is_reversed_and_not_cancelled(client: httpx.AsyncClient) -> None:
    paid = await make.paid(client)
    await refused(client, paid, "cancel")
    await refused(client, await act(client, paid, "reverse"), "cancel")
