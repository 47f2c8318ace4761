"""Renewals: each cycle is charged at its time, once, and begins with its charge."""

from datetime import timedelta

import httpx
import pytest

from odus.kit.db import Database
from odus.kit.fields import LARGEST_AMOUNT
from odus.kit.times import Moment
from odus.merchants import queries as merchants
from odus.renewals import jobs
from tests import make, operations
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts as payments
from tests.subscriptions import acts


async def test_a_cycle_that_ends_is_followed_by_the_next_once_that_is_charged(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    end = subscription["currentPeriodEnd"]
    before = await acts.advanced(client, subscription, acts.later(end, seconds=-5))
    assert (before, await acts.renewals(client, subscription)) == (subscription, [])
    after = await acts.advanced(client, subscription, end)
    (renewal,) = await acts.renewals(client, subscription)
    assert acts.shown(after, "currentCycle", "currentPeriodStart", "startDate") == (2, end, subscription["startDate"])
    assert after["currentPeriodEnd"] > end
    assert acts.billing(after) == ("active", True, None, after["currentPeriodEnd"])
    assert {name: renewal[name] for name in ("amount", "currency", "customer", "paymentMethod", "subscription")} == {
        "amount": 2000,
        "currency": "usd",
        "customer": subscription["customer"],
        "paymentMethod": subscription["paymentMethod"],
        "subscription": subscription["id"],
    }
    assert acts.shown(renewal, "initiator", "offSessionType", "displayStatus") == ("merchant", "recurring", "succeeded")
    assert renewal["createdAt"] == end
    assert renewal["cart"]["items"] == [
        {"price": subscription["price"], "quantity": 1, "amount": 2000, "type": "recurring"}
    ]
    check_chain(await payments.events(client, after), after)
    check_chain(await payments.events(client, renewal), renewal)


async def test_a_year_is_twelve_charges_in_one_step_each_at_its_time(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    after = await acts.advanced(client, subscription, acts.later(subscription["startDate"], days=366))
    made = await acts.renewals(client, subscription)
    assert (after["currentCycle"], len(made), acts.total(made)) == (13, 12, 24_000)
    starts = [
        event["data"]["currentPeriodStart"]
        for event in await payments.events(client, subscription)
        if "currentCycle" in event["changes"]
    ]
    assert [each["createdAt"] for each in made] == starts
    assert after["currentPeriodStart"] == starts[-1]


async def test_quantities_count_in_each_cycle_and_definitions_follow_each_other(client: httpx.AsyncClient) -> None:
    price = await acts.price(client, acts.cycle(100, "day", 14), acts.cycle(200), acts.cycle(300, "month", 3))
    customer = (await make.customer(client))["id"]
    paid = await make.paid(client, customer=customer, cart={"items": [{"price": price, "quantity": 2}]})
    subscription = await acts.current(client, paid["subscription"])
    await acts.advance(client, acts.later(subscription["startDate"], days=300))
    amounts = [each["amount"] for each in await acts.renewals(client, subscription)]
    assert [paid["amount"], *amounts] == [200, 400, 600, 600, 600]


async def test_cycles_that_cost_nothing_pass_without_a_payment(client: httpx.AsyncClient) -> None:
    price = await acts.price(client, acts.cycle(500), acts.cycle(0), acts.cycle(0), acts.cycle(700))
    subscription = await acts.subscribed(client, price_id=price)
    after = await acts.advanced(client, subscription, acts.later(subscription["startDate"], days=80))
    assert (after["currentCycle"], await acts.renewals(client, subscription)) == (3, [])
    after = await acts.advanced(client, subscription, acts.later(subscription["startDate"], days=100))
    assert (after["currentCycle"], acts.total(await acts.renewals(client, subscription))) == (4, 700)
    check_chain(await payments.events(client, after), after)


async def test_minutes_are_charged_one_after_the_other(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client, price_id=await acts.price(client, acts.cycle(1, "minute", 10)))
    after = await acts.advanced(client, subscription, acts.later(subscription["startDate"], hours=3))
    made = await acts.renewals(client, subscription)
    assert (after["currentCycle"], len(made)) == (19, 18)
    assert [each["createdAt"] for each in made] == [
        str(acts.later(subscription["startDate"], minutes=10 * number)) for number in range(1, 19)
    ]


async def test_the_merchants_zone_says_when_a_month_ends_even_after_it_is_changed(client: httpx.AsyncClient) -> None:
    config = (await client.get("/merchant-configs")).json()["data"][0]["id"]
    await client.post(f"/merchant-configs/{config}", json={"timezone": "Europe/Vienna"})
    await acts.advance(client, "2030-03-01T11:00:00.000Z")
    subscription = await acts.subscribed(client)
    await client.post(f"/merchant-configs/{config}", json={"timezone": "Asia/Tokyo"})
    start = Moment.parse(subscription["startDate"])
    assert Moment.parse(subscription["currentPeriodEnd"]) == acts.later(str(start), days=31, hours=-1)
    after = await acts.advanced(client, subscription, "2030-05-15T00:00:00.000Z")
    assert after["currentPeriodStart"] == str(acts.later(str(start), days=61, hours=-1))


async def test_a_price_that_is_sold_no_more_goes_on_for_who_has_it(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    await client.post(f"/prices/{subscription['price']}", json={"active": False})
    after = await acts.advanced(client, subscription, subscription["currentPeriodEnd"])
    assert after["currentCycle"] == 2


async def test_two_subscriptions_of_a_payment_are_charged_apart(client: httpx.AsyncClient) -> None:
    month, week = await acts.price(client, acts.cycle(1000)), await acts.price(client, acts.cycle(10, "week"))
    customer = (await make.customer(client))["id"]
    await make.paid(client, customer=customer, cart={"items": [{"price": month}, {"price": week}]})
    made = (await client.get("/subscriptions", params={"customer": customer})).json()["data"]
    await acts.advance(client, acts.later(made[0]["startDate"], days=35, hours=1))
    charged = {each["price"]: acts.total(await acts.renewals(client, each)) for each in made}
    assert charged == {month: 1000, week: 50}


async def test_the_payments_of_a_subscription_are_listed_by_it_the_first_one_too(client: httpx.AsyncClient) -> None:
    subscription, other = await acts.subscribed(client), await acts.subscribed(client)
    await acts.advance(client, other["currentPeriodEnd"])
    page = (await client.get("/payments", params={"subscription": subscription["id"]})).json()["data"]
    assert [each["offSessionType"] for each in page] == [None, "recurring"]
    assert page[0]["id"] == subscription["payment"]
    recurring = (await client.get("/payments", params={"offSessionType": "recurring"})).json()["data"]
    assert {each["subscription"] for each in recurring} == {subscription["id"], other["id"]}


async def test_the_payment_that_several_were_born_of_is_listed_by_each(client: httpx.AsyncClient) -> None:
    cart = {"items": [{"price": await acts.price(client)}, {"price": await acts.price(client)}]}
    await make.paid(client)
    paid = await make.paid(client, customer=(await make.customer(client))["id"], cart=cart)
    first, second = (await client.get("/subscriptions")).json()["data"]
    await acts.advance(client, second["currentPeriodEnd"])
    for each in (first, second):
        for name in ("subscription", "subscription[in]"):
            answer = (await client.get("/payments", params={name: each["id"]})).json()
            assert answer["data"][0]["id"] == paid["id"]
            assert answer["pagination"]["itemCount"] == len(answer["data"]) == 2
        for name in ("subscription[ne]", "subscription[nin]"):
            answer = (await client.get("/payments", params={name: each["id"]})).json()
            assert paid["id"] not in [one["id"] for one in answer["data"]]
            assert answer["pagination"]["itemCount"] == len(answer["data"]) == 2


async def test_each_cycle_of_a_subscription_can_be_paid_for_at_all(client: httpx.AsyncClient) -> None:
    price = await acts.price(client, acts.cycle(1), acts.cycle(LARGEST_AMOUNT))
    customer = (await make.customer(client))["id"]
    body = {"currency": "usd", "customer": customer, "cart": {"items": [{"price": price, "quantity": 2}]}}
    operations.assert_invalid(await client.post("/payments", json=body), {("cart.items[0].quantity", "out_of_range")})


async def test_a_charge_that_is_reversed_leaves_the_cycle_as_it_is(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    after = await acts.advanced(client, subscription, subscription["currentPeriodEnd"])
    (renewal,) = await acts.renewals(client, subscription)
    await payments.act(client, renewal, "reverse")
    assert await acts.current(client, subscription) == after


async def test_a_worker_that_was_away_catches_up_all_cycles_in_one_run_as_long_as_that_may_take(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = await acts.subscribed(shop.client, price_id=await acts.price(shop.client, acts.cycle(1, "day")))
    key = f"{shop.merchant_id} {subscription['id']}"
    await merchants.put_ahead(database.write, shop.merchant_id, timedelta(days=30, minutes=1))
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "LONGEST_SECONDS", 0)
        await jobs.run_due(database, key)
    assert (await acts.current(shop.client, subscription))["currentCycle"] == 2
    await jobs.run_due(database, key)
    after = await acts.current(shop.client, subscription)
    assert (after["currentCycle"], len(await acts.renewals(shop.client, subscription))) == (31, 30)
    assert key not in await jobs.find_due(database.read, 100)


# By hand -------------------------------------------------------------------------------------------------------------


async def unpaid(client: httpx.AsyncClient) -> tuple[acts.Object, acts.Object]:
    """Return a subscription whose second cycle was declined, and the payment that is open for it."""
    subscription = await acts.subscribed(client, make.APPROVED_ONCE)
    subscription = await acts.advanced(client, subscription, subscription["currentPeriodEnd"])
    (renewal,) = await acts.renewals(client, subscription)
    assert renewal["displayStatus"] == "failed"
    return subscription, renewal


async def test_a_renewal_that_is_paid_by_hand_begins_its_cycle(client: httpx.AsyncClient) -> None:
    subscription, renewal = await unpaid(client)
    paid = await payments.act(client, renewal, "authorize", {"card": make.card()})
    after = await acts.current(client, subscription)
    assert paid["displayStatus"] == "succeeded"
    assert acts.shown(after, "currentCycle", "currentPeriodStart") == (2, subscription["currentPeriodEnd"])
    assert acts.billing(after) == ("active", True, None, after["currentPeriodEnd"])
    assert after["paymentMethod"] == subscription["paymentMethod"]
    await acts.advance(client, acts.later(subscription["currentPeriodEnd"], days=20))
    assert [each["id"] for each in await acts.renewals(client, subscription)] == [paid["id"]]


async def test_one_whose_billing_stopped_goes_on_once_its_cycle_is_paid_by_hand(client: httpx.AsyncClient) -> None:
    subscription, renewal = await unpaid(client)
    stopped = await acts.advanced(client, subscription, acts.later(subscription["currentPeriodEnd"], days=8))
    assert stopped["autoBillingDisabledReason"] == "recurring_payment_errored"
    await payments.act(client, renewal, "authorize", {"card": make.card()})
    after = await acts.current(client, subscription)
    assert acts.billing(after) == ("active", True, None, after["currentPeriodEnd"])


async def test_a_renewal_that_is_cancelled_by_hand_is_made_anew(client: httpx.AsyncClient) -> None:
    subscription, renewal = await unpaid(client)
    await payments.act(client, renewal, "cancel")
    after = await acts.advanced(client, subscription, subscription["nextChargeAt"])
    made = await acts.renewals(client, subscription)
    assert [each["displayStatus"] for each in made] == ["cancelled", "failed"]
    assert after["currentCycle"] == 1


@pytest.mark.parametrize("body", [{"cancelImmediately": True}, {}], ids=["at once", "as its period is over"])
async def test_the_open_payment_of_one_that_is_cancelled_cannot_be_paid(
    client: httpx.AsyncClient, body: acts.Object
) -> None:
    subscription, renewal = await unpaid(client)
    assert (await acts.act(client, subscription, "cancel", body))["status"] == "cancelled"
    assert "cancelled" in await payments.refused(client, renewal, "authorize", {"card": make.card()})
    page = await client.get(str(renewal["checkoutUrl"]))
    assert page.status_code == 200
    assert "There is nothing left to pay here" in page.text
    assert "<form" not in page.text
    (closed,) = await acts.renewals(client, subscription)
    assert acts.shown(closed, "status", "checkoutUrl") == ("cancelled", None)
    check_chain(await payments.events(client, closed), closed)


async def test_a_subscription_ends_at_once_when_no_payer_is_asked_to_confirm_its_payment(
    client: httpx.AsyncClient, database: Database
) -> None:
    subscription, challenged = await confirming(client)
    before = await make.snapshot(database)
    response = await acts.ask(client, subscription, "cancel", {"cancelImmediately": True})
    assert (response.status_code, response.json()["code"]) == (409, "attempt_in_progress")
    assert str(challenged["id"]) in response.json()["detail"]
    assert await make.snapshot(database) == before
    closed = await payments.act(client, challenged, "cancel")
    assert closed["transactions"][-1]["outcome"]["errorCode"] == "action_abandoned"
    ended = await acts.act(client, subscription, "cancel", {"cancelImmediately": True})
    assert acts.shown(ended, "status", "currentCycle") == ("cancelled", 1)
    assert "cancelled" in await payments.refused(client, challenged, "complete-action", {"outcome": "succeeded"})
    assert not [each for each in await payments.charges(database, challenged) if each["captured"]]
    after = await acts.advanced(client, subscription, acts.later(challenged["action"]["expiresAt"], days=9))
    assert acts.shown(after, "status", "currentCycle") == ("cancelled", 1)


async def test_the_payment_is_open_still_where_its_subscription_could_not_be_cancelled(
    client: httpx.AsyncClient,
) -> None:
    subscription, renewal = await unpaid(client)
    tag = (await client.get(f"/subscriptions/{subscription['id']}")).headers["ETag"]
    await acts.act(client, subscription, "", {"metadata": {"a": "b"}})
    response = await acts.ask(client, subscription, "cancel", {"cancelImmediately": True}, **{"If-Match": tag})
    assert response.status_code == 412
    assert await payments.current(client, renewal) == renewal


async def confirming(client: httpx.AsyncClient) -> tuple[acts.Object, acts.Object]:
    """Return a subscription whose second cycle was declined, and its payment, which a payer is asked to confirm."""
    subscription, renewal = await unpaid(client)
    challenged = await payments.act(client, renewal, "authorize", {"card": make.card(make.CHALLENGED)})
    assert challenged["status"] == "requires_action"
    return subscription, challenged


async def test_a_retry_waits_for_a_payer_who_is_asked_to_confirm(client: httpx.AsyncClient) -> None:
    subscription, challenged = await confirming(client)
    later = acts.later(challenged["action"]["expiresAt"], minutes=1)
    waiting = await acts.advanced(client, subscription, acts.later(subscription["nextChargeAt"], minutes=-5))
    assert waiting == subscription
    await acts.act(client, subscription, "resume")
    waiting = await acts.advanced(client, subscription, subscription["nextChargeAt"])
    assert acts.shown(waiting, "status", "nextChargeAt") == ("active", str(later))
    await payments.act(client, challenged, "complete-action", {"outcome": "succeeded"})
    after = await acts.current(client, subscription)
    assert (after["currentCycle"], after["autoBillingEnabled"]) == (2, True)


async def test_a_retry_is_made_once_nobody_confirmed(client: httpx.AsyncClient) -> None:
    subscription, challenged = await confirming(client)
    expires = challenged["action"]["expiresAt"]
    after = await acts.advanced(client, subscription, acts.later(expires, hours=1))
    assert after["autoBillingDisabledReason"] == "latest_invoice_retrying"
    (renewal,) = await acts.renewals(client, subscription)
    assert len(acts.tries(renewal)) == 3


async def test_the_books_of_the_gateway_hold_one_charge_for_each_cycle(shop: Shop, database: Database) -> None:
    subscription = await acts.subscribed(shop.client)
    after = await acts.advanced(shop.client, subscription, acts.later(subscription["startDate"], days=700))
    made = await acts.renewals(shop.client, subscription)
    held = [charge for each in made for charge in await payments.charges(database, each)]
    assert len(held) == len(made) == after["currentCycle"] - 1
    assert sum(each["captured"] for each in held) == acts.total(made)
