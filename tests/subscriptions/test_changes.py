"""What is done to subscriptions: another card, metadata, an end, and going on."""

import pkgutil
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from odus.gateways import connect
from odus.gateways.protocol import Answer, Card, GatewayError, Order
from odus.gateways.sandbox import Sandbox
from odus.kit import times
from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.kit.times import Moment, everywhere
from odus.kit.versions import IfMatch
from odus.payments import jobs
from odus.renewals import ending
from odus.renewals.actions import fall_due
from odus.subscriptions.model import SubscriptionCancel
from tests import make, operations
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts as payments
from tests.subscriptions import acts
from tests.subscriptions.acts import Object

CANCELLED = ("cancelled", False, "subscription_cancelled", None)


async def refused(client: httpx.AsyncClient, subscription: Object, verb: str, body: object = None) -> str:
    """Hold that something is in conflict with the state of a subscription, and changes nothing; return why."""
    before = await acts.current(client, subscription)
    response = await acts.ask(client, subscription, verb, body)
    assert (response.status_code, response.json()["code"]) == (409, "conflict"), response.text
    assert await acts.current(client, subscription) == before
    return response.json()["detail"]


async def retried(client: httpx.AsyncClient) -> Object:
    """Return a subscription whose renewal is tried again tomorrow."""
    subscription = await acts.subscribed(client, make.APPROVED_ONCE)
    return await acts.advanced(client, subscription, acts.later(subscription["currentPeriodEnd"], hours=1))


async def stopped(client: httpx.AsyncClient) -> Object:
    """Return a subscription that is charged no more."""
    subscription = await retried(client)
    return await acts.advanced(client, subscription, acts.later(subscription["currentPeriodEnd"], days=9))


# Cancelled -----------------------------------------------------------------------------------------------------------


async def test_one_that_is_cancelled_goes_on_to_the_end_of_its_period(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    end = subscription["currentPeriodEnd"]
    ending = await acts.act(client, subscription, "cancel")
    assert acts.shown(ending, "status", "cancelAtPeriodEnd", "cancelledAt", "autoBillingEnabled") == (
        "active",
        True,
        None,
        True,
    )
    assert acts.shown(ending, "nextChargeAt", "nextChargeAmount") == (None, None)
    assert await acts.advanced(client, subscription, acts.later(end, seconds=-5)) == ending
    after = await acts.advanced(client, subscription, acts.later(end, days=100))
    assert acts.billing(after) == CANCELLED
    assert acts.shown(after, "cancelledAt", "currentCycle", "currentPeriodEnd") == (end, 1, end)
    assert await acts.renewals(client, subscription) == []
    check_chain(await payments.events(client, after), after)


@pytest.mark.parametrize("body", [{}, {"cancelImmediately": False}], ids=str)
async def test_a_second_cancellation_at_the_end_of_the_period_is_400(client: httpx.AsyncClient, body: Object) -> None:
    subscription = await acts.subscribed(client)
    ending = await acts.act(client, subscription, "cancel", body)
    operations.assert_invalid(
        await acts.ask(client, subscription, "cancel", body), {("cancelImmediately", "invalid_value")}
    )
    assert await acts.current(client, subscription) == ending


@pytest.mark.parametrize("is_ending", [False, True])
async def test_one_can_be_cancelled_at_once(client: httpx.AsyncClient, *, is_ending: bool) -> None:
    subscription = await acts.subscribed(client)
    if is_ending:
        await acts.act(client, subscription, "cancel")
    after = await acts.act(client, subscription, "cancel", {"cancelImmediately": True})
    assert acts.billing(after) == CANCELLED
    assert after["cancelledAt"] == after["updatedAt"]
    assert await acts.advanced(client, subscription, acts.later(after["currentPeriodEnd"], days=99)) == after
    assert await acts.renewals(client, subscription) == []


@pytest.mark.parametrize("state", [retried, stopped], ids=["retried", "stopped"])
@pytest.mark.parametrize("at_once", [False, True])
async def test_one_that_is_not_paid_for_ends_now_either_way(
    client: httpx.AsyncClient, state: object, *, at_once: bool
) -> None:
    subscription = await (retried if state is retried else stopped)(client)
    after = await acts.act(client, subscription, "cancel", {"cancelImmediately": at_once})
    assert acts.billing(after) == CANCELLED
    assert after["cancelledAt"] == after["updatedAt"] > after["currentPeriodEnd"]
    (renewal,) = await acts.renewals(client, subscription)
    tried = len(renewal["transactions"])
    assert await acts.advanced(client, subscription, acts.later(after["currentPeriodEnd"], days=99)) == after
    (renewal,) = await acts.renewals(client, subscription)
    assert len(renewal["transactions"]) == tried


async def test_one_that_is_cancelled_stays_so(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    await acts.act(client, subscription, "cancel", {"cancelImmediately": True})
    for verb, body in (("cancel", {}), ("cancel", {"cancelImmediately": True}), ("resume", {})):
        assert "cancelled" in await refused(client, subscription, verb, body)
    changed = await acts.act(client, subscription, "", {"metadata": {"why": "moved"}})
    assert changed["metadata"] == {"why": "moved"}


# Resumed -------------------------------------------------------------------------------------------------------------


async def test_one_that_was_to_end_goes_on_as_before_when_it_is_resumed(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    await acts.act(client, subscription, "cancel")
    resumed = await acts.act(client, subscription, "resume")
    assert resumed == {**subscription, "updatedAt": resumed["updatedAt"]}
    after = await acts.advanced(client, subscription, subscription["currentPeriodEnd"])
    assert (after["currentCycle"], len(await acts.renewals(client, subscription))) == (2, 1)
    check_chain(await payments.events(client, after), after)


async def test_one_that_goes_on_anyway_cannot_be_resumed(client: httpx.AsyncClient) -> None:
    assert "nothing to resume" in await refused(client, await acts.subscribed(client), "resume")


# Another card --------------------------------------------------------------------------------------------------------


async def test_the_next_cycle_is_charged_to_the_card_that_it_is_changed_to(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    other = (await make.paid(client, make.MASTERCARD, customer=subscription["customer"]))["paymentMethod"]
    changed = await acts.act(client, subscription, "", {"paymentMethod": other})
    assert changed == {**subscription, "paymentMethod": other, "updatedAt": changed["updatedAt"]}
    await acts.advance(client, subscription["currentPeriodEnd"])
    (renewal,) = await acts.renewals(client, subscription)
    assert renewal["paymentMethod"] == other
    assert renewal["transactions"][0]["card"]["brand"] == "mastercard"


async def test_a_retry_goes_to_the_card_that_it_is_changed_to(client: httpx.AsyncClient) -> None:
    subscription = await retried(client)
    other = (await make.paid(client, make.MASTERCARD, customer=subscription["customer"]))["paymentMethod"]
    await acts.act(client, subscription, "", {"paymentMethod": other})
    after = await acts.advanced(client, subscription, subscription["nextChargeAt"])
    (renewal,) = await acts.renewals(client, subscription)
    assert (after["currentCycle"], renewal["paymentMethod"]) == (2, other)


async def test_a_card_that_cannot_be_charged_for_it_is_named(shop: Shop, other_shop: Shop) -> None:
    client = shop.client
    subscription = await acts.subscribed(client)
    theirs = (await acts.subscribed(client))["paymentMethod"]
    elsewhere = (await acts.subscribed(other_shop.client))["paymentMethod"]
    detached = (await make.paid(client, make.MASTERCARD, customer=subscription["customer"]))["paymentMethod"]
    await client.post(f"/payment-methods/{detached}/detach", json={})
    for method in (theirs, elsewhere, detached, new_id("pm"), ""):
        response = await acts.ask(client, subscription, "", {"paymentMethod": method})
        operations.assert_invalid(response, {("paymentMethod", "invalid_value")})
    assert await acts.current(client, subscription) == subscription


@pytest.mark.parametrize("field", ["status", "customer", "price", "currentPeriodEnd", "quantity", "cancelAtPeriodEnd"])
async def test_nothing_else_can_be_changed(client: httpx.AsyncClient, field: str) -> None:
    subscription = await acts.subscribed(client)
    response = await acts.ask(client, subscription, "", {field: subscription[field]})
    operations.assert_invalid(response, {(field, "unknown_field")})


async def test_a_card_that_is_charged_for_one_cannot_be_detached(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    path = f"/payment-methods/{subscription['paymentMethod']}/detach"
    response = await client.post(path, json={})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    await acts.act(client, subscription, "cancel")
    assert (await client.post(path, json={})).status_code == 409
    await acts.act(client, subscription, "cancel", {"cancelImmediately": True})
    assert (await client.post(path, json={})).status_code == 200


async def test_a_card_can_be_detached_once_another_is_charged(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    other = (await make.paid(client, make.MASTERCARD, customer=subscription["customer"]))["paymentMethod"]
    await acts.act(client, subscription, "", {"paymentMethod": other})
    assert (await client.post(f"/payment-methods/{subscription['paymentMethod']}/detach", json={})).status_code == 200
    after = await acts.advanced(client, subscription, subscription["currentPeriodEnd"])
    assert after["currentCycle"] == 2


# For everyone --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "body"), [("", {"metadata": {"a": "b"}}), ("cancel", {}), ("resume", {})])
async def test_another_merchants_subscription_is_not_there(
    shop: Shop, other_shop: Shop, verb: str, body: Object
) -> None:
    theirs = await acts.subscribed(other_shop.client)
    assert (await shop.client.get(f"/subscriptions/{theirs['id']}")).status_code == 404
    assert (await acts.ask(shop.client, theirs, verb, body)).status_code == 404
    assert (await shop.client.get("/subscriptions")).json()["data"] == []
    assert await acts.current(other_shop.client, theirs) == theirs


async def test_a_change_that_is_sent_again_is_made_once(client: httpx.AsyncClient) -> None:
    subscription, key = await acts.subscribed(client), {"Idempotency-Key": "once"}
    first, again = [await acts.ask(client, subscription, "cancel", **key) for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    assert len(await payments.events(client, subscription)) == 2


async def test_a_version_that_is_no_more_is_not_changed(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    tag = (await client.get(f"/subscriptions/{subscription['id']}")).headers["ETag"]
    await acts.advance(client, subscription["currentPeriodEnd"])
    for verb, body in (("", {"metadata": {"a": "b"}}), ("cancel", {}), ("resume", {})):
        assert (await acts.ask(client, subscription, verb, body, **{"If-Match": tag})).status_code == 412


class Silent(Sandbox):
    """A sandbox that charges, and never says so."""

    async def authorize(self, key: str, order: Order, means: Card | str) -> Answer:
        """Do it, and lose the answer."""
        await super().authorize(key, order, means)
        raise GatewayError


async def test_one_whose_next_cycle_is_being_charged_cannot_end_before_that_has(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await acts.subscribed(shop.client)
    end = Moment.parse(made["currentPeriodEnd"])
    with monkeypatch.context() as patch:
        patch.setitem(connect.INTEGRATIONS, "sandbox", Silent)
        await fall_due(database.write, make.who(shop.merchant_id), made["id"], end)
    for body in ({}, {"cancelImmediately": True}):
        response = await acts.ask(shop.client, made, "cancel", body)
        assert (response.status_code, response.json()["code"]) == (409, "attempt_in_progress")
        assert response.headers["Retry-After"] == "1"
    (charge,) = await acts.renewals(shop.client, made)
    later = Moment.of(everywhere() + timedelta(minutes=2))
    await jobs.fall_due(database.write, make.who(shop.merchant_id), charge["id"], later)
    renewed = await acts.current(shop.client, made)
    assert renewed["currentCycle"] == 2
    ending = await acts.act(shop.client, renewed, "cancel")
    assert (ending["cancelAtPeriodEnd"], ending["currentCycle"]) == (True, 2)


@pytest.mark.parametrize("moment", ["odus.renewals.actions.of_cycle", "odus.payments.actions.authorize"])
async def test_one_that_is_cancelled_in_time_is_not_charged_by_who_looked_at_it_before(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    made = await acts.subscribed(shop.client)
    end, who = Moment.parse(made["currentPeriodEnd"]), make.who(shop.merchant_id)
    goes_on: Callable[..., Awaitable[object]] = pkgutil.resolve_name(moment.replace(".actions.", ".actions:"))

    async def cancelled_first(*arguments: object) -> object:
        with times.at(acts.later(str(end), seconds=-1)):
            await ending.cancel(database.write, who, made["id"], SubscriptionCancel(), IfMatch())
        return await goes_on(*arguments)

    with monkeypatch.context() as patch, times.at(end):
        patch.setattr(moment, cancelled_first)
        assert not await fall_due(database.write, who, made["id"], end)
    accepted = await acts.current(shop.client, made)
    assert acts.shown(accepted, "status", "cancelAtPeriodEnd", "currentCycle") == ("active", True, 1)
    after = await acts.advanced(shop.client, made, acts.later(str(end), days=40))
    assert acts.shown(after, "status", "cancelledAt", "currentCycle") == ("cancelled", str(end), 1)
    for each in await acts.renewals(shop.client, made):
        assert acts.shown(each, "status", "transactions") == ("cancelled", [])
    assert len(await payments.charges(database, {"id": made["payment"]})) == 1


async def test_no_cycle_of_one_that_has_ended_is_charged(shop: Shop, database: Database) -> None:
    made = await acts.subscribed(shop.client, make.APPROVED_ONCE)
    await fall_due(database.write, make.who(shop.merchant_id), made["id"], Moment.parse(made["currentPeriodEnd"]))
    (charge,) = await acts.renewals(shop.client, made)
    await acts.act(shop.client, made, "cancel", {"cancelImmediately": True})
    response = await shop.client.post(f"/payments/{charge['id']}/authorize", json={"card": make.card(make.VISA)})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert len(await acts.renewals(shop.client, made)) == 1
    assert await database.read.count("select count(*) from payments where attempt is not null") == 0
