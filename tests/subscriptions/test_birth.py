"""Subscriptions begin with the payment that pays for their first cycle, and not without it."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from odus.kit.db import Database, Write
from odus.kit.times import Moment, now
from odus.payment_methods import actions
from odus.payment_methods.model import PaymentMethod
from odus.payments import jobs
from tests import make, operations
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts as payments
from tests.payments.acts import DELAYED, MANUAL
from tests.subscriptions import acts


async def count(client: httpx.AsyncClient) -> int:
    """Return how many subscriptions there are."""
    return (await client.get("/subscriptions")).json()["pagination"]["itemCount"]


async def test_a_payment_that_succeeds_begins_a_subscription(client: httpx.AsyncClient) -> None:
    price = await acts.price(client, acts.cycle(1500))
    paid = await acts.bought(client, price_id=price)
    subscription = await acts.current(client, paid["subscription"])
    at = paid["transactions"][1]["createdAt"]
    assert subscription == {
        "id": paid["subscription"],
        "customer": paid["customer"],
        "price": price,
        "quantity": 1,
        "payment": paid["id"],
        "paymentMethod": paid["paymentMethod"],
        "status": "active",
        "startDate": at,
        "currentPeriodStart": at,
        "currentPeriodEnd": subscription["currentPeriodEnd"],
        "currentCycle": 1,
        "cancelAtPeriodEnd": False,
        "cancelledAt": None,
        "autoBillingEnabled": True,
        "autoBillingDisabledReason": None,
        "autoBillingDisabledDetail": None,
        "nextChargeAt": subscription["currentPeriodEnd"],
        "nextChargeAmount": 1500,
        "currency": "usd",
        "metadata": {},
        "createdAt": at,
        "updatedAt": at,
    }
    assert acts.later(at, days=27) < Moment.parse(subscription["currentPeriodEnd"]) < acts.later(at, days=32)
    check_chain(await payments.events(client, subscription), subscription)


async def test_each_recurring_item_becomes_one_with_its_quantity_and_the_rest_of_the_cart_none(
    client: httpx.AsyncClient,
) -> None:
    first, second = await acts.price(client, acts.cycle(100)), await acts.price(client, acts.cycle(7), acts.cycle(9))
    once = (await make.price(client, amount=5))["id"]
    customer = (await make.customer(client))["id"]
    items = [{"price": once}, {"price": second, "quantity": 3}, {"price": first, "quantity": 2}]
    paid = await make.paid(client, customer=customer, cart={"items": items})
    assert paid["amount"] == 5 + 21 + 200
    made = (await client.get("/subscriptions", params={"customer": customer})).json()["data"]
    shown = {acts.shown(each, "price", "quantity", "nextChargeAmount", "payment") for each in made}
    assert shown == {(second, 3, 27, paid["id"]), (first, 2, 200, paid["id"])}
    assert [each["id"] for each in made if each["price"] == second] == [paid["subscription"]]


async def test_the_setup_fee_is_paid_once(client: httpx.AsyncClient) -> None:
    price = await acts.price(client, acts.cycle(2000), amount=999)
    paid = await acts.bought(client, price_id=price)
    assert (paid["amount"], paid["cart"]["items"][0]["amount"]) == (2999, 2999)
    subscription = await acts.current(client, paid["subscription"])
    assert subscription["nextChargeAmount"] == 2000
    await acts.advance(client, subscription["currentPeriodEnd"])
    (renewal,) = await acts.renewals(client, subscription)
    assert (renewal["amount"], renewal["amountCaptured"]) == (2000, 2000)


async def test_a_setup_fee_alone_can_begin_one_whose_first_cycle_is_free(client: httpx.AsyncClient) -> None:
    price = await acts.price(client, acts.cycle(0), acts.cycle(2000), amount=100)
    subscription = await acts.subscribed(client, price_id=price)
    assert subscription["nextChargeAmount"] == 2000


@pytest.mark.parametrize("options", [MANUAL, DELAYED], ids=["manual", "delayed"])
async def test_one_begins_with_the_authorization_however_it_is_captured(
    client: httpx.AsyncClient, options: dict[str, object]
) -> None:
    paid = await acts.bought(client, paymentMethodOptions=options)
    assert paid["displayStatus"] == "uncaptured"
    subscription = await acts.current(client, paid["subscription"])
    captured = await payments.act(client, paid, "capture")
    assert captured["subscription"] == subscription["id"]
    assert await count(client) == 1
    assert await acts.current(client, subscription) == subscription


async def test_one_begins_when_the_payer_has_confirmed_and_not_before(client: httpx.AsyncClient) -> None:
    challenged = await acts.make.payment(
        client,
        customer=(await make.customer(client))["id"],
        cart={"items": [{"price": await acts.price(client)}]},
    )
    body = {"card": make.card(make.CHALLENGED), "savePaymentMethod": True}
    challenged = await payments.act(client, challenged, "authorize", body)
    assert (challenged["status"], challenged["subscription"], await count(client)) == ("requires_action", None, 0)
    failed = await payments.act(client, challenged, "complete-action", {"outcome": "failed"})
    assert (failed["subscription"], await count(client)) == (None, 0)
    await payments.act(client, failed, "authorize", body)
    paid = await payments.act(client, challenged, "complete-action", {"outcome": "succeeded"})
    subscription = await acts.current(client, paid["subscription"])
    assert acts.shown(subscription, "paymentMethod", "payment") == (paid["paymentMethod"], paid["id"])
    assert await count(client) == 1


async def test_none_is_born_of_a_decline_and_one_of_the_try_that_succeeds(client: httpx.AsyncClient) -> None:
    declined = await acts.bought(client, make.DECLINED)
    assert (declined["displayStatus"], declined["subscription"], await count(client)) == ("failed", None, 0)
    paid = await payments.act(client, declined, "authorize", {"card": make.card()})
    assert paid["subscription"]
    assert await count(client) == 1


async def test_none_is_born_of_a_payment_that_is_cancelled(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    made = await make.payment(client, customer=customer, cart={"items": [{"price": await acts.price(client)}]})
    await payments.act(client, made, "cancel")
    assert await payments.refused(client, made, "authorize", {"card": make.card()})
    assert await count(client) == 0


async def test_none_is_born_of_a_cart_that_is_paid_once(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    once = (await make.price(client))["id"]
    assert (await make.paid(client, customer=customer, cart={"items": [{"price": once}]}))["subscription"] is None
    assert await count(client) == 0


async def test_a_card_that_is_not_saved_cannot_begin_one(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    made = await make.payment(client, customer=customer, cart={"items": [{"price": await acts.price(client)}]})
    response = await payments.ask(client, made, "authorize", {"card": make.card(), "savePaymentMethod": False})
    operations.assert_invalid(response, {("savePaymentMethod", "invalid_value")})
    assert await payments.current(client, made) == made


async def test_a_saved_payment_method_can_begin_one(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    method = (await make.paid(client, make.MASTERCARD, customer=customer))["paymentMethod"]
    cart = {"items": [{"price": await acts.price(client)}]}
    made = await make.payment(client, customer=customer, paymentMethod=method, cart=cart)
    paid = await payments.act(client, made, "authorize")
    assert (await acts.current(client, paid["subscription"]))["paymentMethod"] == method


async def test_a_recurring_price_needs_a_customer(client: httpx.AsyncClient) -> None:
    body = {"currency": "usd", "cart": {"items": [{"price": await acts.price(client)}]}}
    operations.assert_invalid(await client.post("/payments", json=body), {("customer", "required")})


async def test_the_way_of_capture_is_taken_over(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client, paymentMethodOptions=DELAYED)
    await acts.advance(client, subscription["currentPeriodEnd"])
    (renewal,) = await acts.renewals(client, subscription)
    assert acts.shown(renewal, "captureMethod", "captureDelay", "displayStatus") == (
        "automaticDelayed",
        2,
        "uncaptured",
    )
    assert renewal["paymentMethodOptions"]["captureDelay"] == 2
    await acts.advance(client, renewal["captureAt"])
    (renewal,) = await acts.renewals(client, subscription)
    assert renewal["displayStatus"] == "succeeded"


async def test_a_subscription_is_born_once_however_often_the_request_is_sent(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    made = await make.payment(client, customer=customer, cart={"items": [{"price": await acts.price(client)}]})
    body, key = {"card": make.card()}, {"Idempotency-Key": "once"}
    first, again = [await payments.ask(client, made, "authorize", body, **key) for _ in range(2)]
    assert first.content == again.content
    assert await count(client) == 1


async def test_one_begins_with_the_answer_that_was_asked_for_later(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = (await make.customer(shop.client))["id"]
    cart = {"items": [{"price": await acts.price(shop.client)}]}
    made = await make.payment(shop.client, customer=customer, cart=cart)
    with monkeypatch.context() as patch:
        patch.setattr("odus.gateways.sandbox.Sandbox.authorize", _after(TimeoutError))
        assert (await payments.ask(shop.client, made, "authorize", {"card": make.card()})).status_code == 504
    assert await count(shop.client) == 0
    at = Moment.of(now() + timedelta(minutes=2))
    await jobs.fall_due(database.write, make.who(shop.merchant_id), made["id"], at)
    paid = await payments.current(shop.client, made)
    assert (paid["status"], paid["subscription"] is not None, await count(shop.client)) == ("succeeded", True, 1)


def _after(error: type[Exception]) -> object:
    from odus.gateways.sandbox import Sandbox  # noqa: PLC0415 - as it is before it is patched

    works = Sandbox.authorize

    async def authorize(self: Sandbox, *arguments: object) -> object:
        await works(self, *arguments)  # pyright: ignore[reportArgumentType]
        raise error

    return authorize


# Detached meanwhile --------------------------------------------------------------------------------------------------


async def test_one_whose_card_is_detached_as_it_is_saved_begins_with_the_card_saved_anew(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = (await make.customer(client))["id"]
    known = (await make.paid(client, customer=customer))["paymentMethod"]
    save, saved = actions.save, list[str]()

    async def saved_and_detached(write: Write, *arguments: Any) -> PaymentMethod:
        method = await save(write, *arguments)
        if not saved:
            await write.run("update payment_methods set is_default = false, detached_at = now() where id = $1", known)
        saved.append(method.id)
        return method

    monkeypatch.setattr(actions, "save", saved_and_detached)
    subscription = await acts.subscribed(client, customer=customer)
    assert saved == [known, subscription["paymentMethod"]]
    assert acts.billing(subscription)[:3] == ("active", True, None)


async def test_what_was_paid_begins_even_on_a_method_that_was_detached_and_then_its_billing_stops(
    client: httpx.AsyncClient, database: Database
) -> None:
    customer = (await make.customer(client))["id"]
    known = await make.paid(client, make.CHALLENGED, customer=customer)
    known = await payments.act(client, known, "complete-action", {"outcome": "succeeded"})
    cart = {"items": [{"price": await acts.price(client)}]}
    made = await make.payment(client, customer=customer, cart=cart, paymentMethod=known["paymentMethod"])
    challenged = await payments.act(client, made, "authorize")
    assert challenged["status"] == "requires_action"
    # No method can be detached so any more, but one was perhaps before that was refused.
    await database.write.run("alter table payment_methods disable trigger check_detached")
    sql = "update payment_methods set is_default = false, detached_at = now() where id = $1"
    await database.write.run(sql, known["paymentMethod"])
    await database.write.run("alter table payment_methods enable trigger check_detached")
    paid = await payments.act(client, challenged, "complete-action", {"outcome": "succeeded"})
    assert paid["displayStatus"] == "succeeded"
    subscription = await acts.current(client, paid["subscription"])
    assert acts.billing(subscription) == ("active", False, "recurring_payment_errored", None)
    assert "detached" in subscription["autoBillingDisabledDetail"]
