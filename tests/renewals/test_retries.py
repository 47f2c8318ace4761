"""Declined renewals: tried again some days later, then no more; and who can be charged at all."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from odus.gateways import connect
from odus.gateways.protocol import Answer, Card, GatewayError, Order
from odus.gateways.sandbox import Sandbox
from odus.kit import times
from odus.kit.db import Database
from odus.kit.times import Moment
from odus.kit.versions import IfMatch
from odus.payments import actions
from odus.payments import jobs as payment_jobs
from odus.payments.model import CardSent, Payment, PaymentAuthorize
from odus.renewals import jobs
from odus.renewals.actions import fall_due
from tests import make
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts as payments
from tests.subscriptions import acts
from tests.subscriptions.acts import Object

GoOn = Callable[[Shop, Database, Object], Awaitable[None]]

CARD = CardSent(number=make.CHALLENGED, exp_month="12", exp_year="2035", cvc="123", cardholder_name=None)
RETRYING, STOPPED = "latest_invoice_retrying", "recurring_payment_errored"


async def declined(client: httpx.AsyncClient, number: str = make.APPROVED_ONCE) -> Object:
    """Return a subscription at the moment at which its first renewal was declined."""
    subscription = await acts.subscribed(client, number)
    return await acts.advanced(client, subscription, subscription["currentPeriodEnd"])


async def now_declined(database: Database, subscription: Object, behaviour: str) -> None:
    """Let the card of a subscription behave otherwise from now on."""
    sql = "update payment_methods set token = 'sbx_' || $2 || '.x' where id = $1"
    await database.write.run(sql, subscription["paymentMethod"], behaviour)


async def test_a_soft_decline_is_tried_again_after_1_3_5_and_7_days_and_then_no_more(client: httpx.AsyncClient) -> None:
    subscription = await declined(client)
    end = subscription["currentPeriodEnd"]
    for day in (1, 3, 5, 7):
        assert acts.billing(subscription) == ("active", False, RETRYING, str(acts.later(end, days=day)))
        assert subscription["nextChargeAmount"] == 2000
        assert subscription["autoBillingDisabledDetail"] == "Declined: generic_decline"
        early = await acts.advanced(client, subscription, acts.later(subscription["nextChargeAt"], seconds=-5))
        assert early == subscription
        subscription = await acts.advanced(client, subscription, subscription["nextChargeAt"])
    assert acts.billing(subscription) == ("active", False, STOPPED, None)
    later = await acts.advanced(client, subscription, acts.later(end, days=400))
    assert later == subscription
    (renewal,) = await acts.renewals(client, subscription)
    assert acts.tries(renewal) == [str(acts.later(end, days=day)) for day in (0, 1, 3, 5, 7)]
    assert acts.shown(subscription, "currentCycle", "currentPeriodEnd") == (1, end)
    check_chain(await payments.events(client, subscription), subscription)
    check_chain(await payments.events(client, renewal), renewal)


async def test_the_retries_that_a_worker_was_away_for_are_made_a_day_apart(shop: Shop, database: Database) -> None:
    subscription = await declined(shop.client)
    end, days = subscription["currentPeriodEnd"], (6, 7, 8, 9)
    for day in days:
        at = acts.later(end, days=day)
        with times.at(at):
            for _ in range(3):
                await fall_due(database.write, make.who(shop.merchant_id), subscription["id"], at)
    (renewal,) = await acts.renewals(shop.client, subscription)
    assert acts.tries(renewal) == [str(acts.later(end, days=day)) for day in (0, *days)]
    assert acts.billing(await acts.current(shop.client, subscription)) == ("active", False, STOPPED, None)


@pytest.mark.parametrize("days", [0, 2, 6])
async def test_a_retry_that_succeeds_begins_the_cycle_as_if_nothing_had_been(
    client: httpx.AsyncClient, days: int
) -> None:
    subscription = await declined(client)
    end = subscription["currentPeriodEnd"]
    good = await make.paid(client, customer=subscription["customer"])
    await acts.advance(client, acts.later(end, days=days, minutes=1))
    await acts.act(client, subscription, "", {"paymentMethod": good["paymentMethod"]})
    after = await acts.advanced(client, subscription, acts.later(end, days=days + 2))
    (renewal,) = await acts.renewals(client, subscription)
    assert renewal["displayStatus"] == "succeeded"
    assert acts.shown(after, "currentCycle", "currentPeriodStart") == (2, end)
    assert acts.billing(after) == ("active", True, None, after["currentPeriodEnd"])
    assert after["nextChargeAt"] < str(acts.later(end, days=32))


async def test_the_next_declined_cycle_has_all_of_its_retries_again(shop: Shop, database: Database) -> None:
    client = shop.client
    subscription = await declined(client)
    await now_declined(database, subscription, "approves")
    after = await acts.advanced(client, subscription, subscription["nextChargeAt"])
    assert after["currentCycle"] == 2
    await now_declined(database, subscription, "insufficient_funds")
    after = await acts.advanced(client, subscription, acts.later(after["currentPeriodEnd"], days=40))
    made = await acts.renewals(client, subscription)
    assert [len(acts.tries(each)) for each in made] == [2, 5]
    assert acts.billing(after) == ("active", False, STOPPED, None)


async def test_a_hard_decline_stops_the_billing_at_once(shop: Shop, database: Database) -> None:
    subscription = await acts.subscribed(shop.client)
    await now_declined(database, subscription, "fraud_suspected")
    after = await acts.advanced(shop.client, subscription, acts.later(subscription["currentPeriodEnd"], days=40))
    (renewal,) = await acts.renewals(shop.client, subscription)
    assert acts.billing(after) == ("active", False, STOPPED, None)
    assert acts.tries(renewal) == [subscription["currentPeriodEnd"]]
    assert renewal["transactions"][0]["outcome"]["declineType"] == "hard_decline"
    assert after["autoBillingDisabledDetail"] == f"Declined: {renewal['transactions'][0]['outcome']['errorCode']}"


async def test_a_hard_decline_of_a_retry_stops_it_too(shop: Shop, database: Database) -> None:
    subscription = await declined(shop.client)
    await now_declined(database, subscription, "fraud_suspected")
    after = await acts.advanced(shop.client, subscription, subscription["nextChargeAt"])
    assert acts.billing(after) == ("active", False, STOPPED, None)


async def test_a_customer_who_is_restricted_is_not_charged_and_the_billing_stops(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    body = {"restrictMit": True, "restrictReason": "Chargeback"}
    await client.post(f"/customers/{subscription['customer']}", json=body)
    after = await acts.advanced(client, subscription, acts.later(subscription["currentPeriodEnd"], days=40))
    (renewal,) = await acts.renewals(client, subscription)
    assert acts.billing(after) == ("active", False, STOPPED, None)
    assert (renewal["displayStatus"], renewal["transactions"]) == ("unattempted", [])
    assert after["autoBillingDisabledDetail"].endswith(": Chargeback")
    await client.post(f"/customers/{subscription['customer']}", json={"restrictMit": False})
    resumed = await acts.act(client, subscription, "resume")
    assert resumed["autoBillingDisabledDetail"] is None
    await acts.advance(client, acts.later(subscription["currentPeriodEnd"], days=41))
    (renewal, *_) = await acts.renewals(client, subscription)
    assert renewal["displayStatus"] == "succeeded"


async def test_one_who_is_restricted_while_it_is_retried_is_not_tried_again(client: httpx.AsyncClient) -> None:
    subscription = await declined(client)
    await client.post(f"/customers/{subscription['customer']}", json={"restrictMit": True})
    after = await acts.advanced(client, subscription, subscription["nextChargeAt"])
    (renewal,) = await acts.renewals(client, subscription)
    assert acts.billing(after) == ("active", False, STOPPED, None)
    assert len(acts.tries(renewal)) == 1


async def test_one_whose_customer_may_not_pay_is_still_charged(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    await client.post(f"/customers/{subscription['customer']}", json={"restrictCit": True})
    after = await acts.advanced(client, subscription, subscription["currentPeriodEnd"])
    assert after["currentCycle"] == 2


# Resumed -------------------------------------------------------------------------------------------------------------


async def test_one_that_is_retried_is_charged_at_once_when_it_is_resumed(client: httpx.AsyncClient) -> None:
    subscription = await declined(client)
    resumed = await acts.act(client, subscription, "resume")
    assert acts.shown(resumed, "autoBillingEnabled", "autoBillingDisabledReason") == (True, None)
    assert resumed["nextChargeAt"] == resumed["updatedAt"]
    after = await acts.advanced(client, subscription, acts.later(resumed["nextChargeAt"], minutes=1))
    assert acts.billing(after)[:3] == ("active", False, RETRYING)
    (renewal,) = await acts.renewals(client, subscription)
    tried = acts.tries(renewal)[-1]
    assert resumed["nextChargeAt"] <= tried < str(acts.later(resumed["nextChargeAt"], seconds=10))
    assert after["nextChargeAt"] == str(acts.later(tried, days=1))


async def test_one_whose_billing_stopped_catches_up_each_cycle_when_it_is_resumed(client: httpx.AsyncClient) -> None:
    subscription = await declined(client)
    end = subscription["currentPeriodEnd"]
    stopped = await acts.advanced(client, subscription, acts.later(end, days=100))
    good = await make.paid(client, customer=subscription["customer"])
    await acts.act(client, stopped, "", {"paymentMethod": good["paymentMethod"]})
    await acts.act(client, stopped, "resume")
    after = await acts.advanced(client, stopped, acts.later(end, days=101))
    made = await acts.renewals(client, stopped)
    assert [each["displayStatus"] for each in made] == ["succeeded"] * 4
    assert after["currentCycle"] == 5
    assert after["currentPeriodStart"] <= str(acts.later(end, days=101)) < after["currentPeriodEnd"]
    assert acts.billing(after) == ("active", True, None, after["currentPeriodEnd"])
    check_chain(await payments.events(client, after), after)


# Late ----------------------------------------------------------------------------------------------------------------


async def stopped_since_long(client: httpx.AsyncClient) -> tuple[Object, Object, str]:
    """Return a subscription that is charged no more, the payment that is open, and a moment two cycles later."""
    subscription = await declined(client)
    late = str(acts.later(subscription["currentPeriodEnd"], days=70))
    stopped = await acts.advanced(client, subscription, late)
    (renewal,) = await acts.renewals(client, stopped)
    return stopped, renewal, late


async def by_advance(shop: Shop, _database: Database, subscription: Object) -> None:
    """Let the clock go on by an hour."""
    now = (await shop.client.get("/test-clock")).json()["now"]
    await acts.advanced(shop.client, subscription, acts.later(now, hours=1))


async def by_worker(shop: Shop, database: Database, subscription: Object) -> None:
    """Let a worker do what is due, for as long as something is."""
    del subscription
    while keys := [key for key in await jobs.find_due(database.read, 100) if key.startswith(shop.merchant_id)]:
        for key in keys:
            await jobs.run_due(database, key)


late_by = pytest.mark.parametrize("go_on", [by_advance, by_worker])


def assert_since(late: str, made: list[Object]) -> None:
    """Hold that none of these payments, nor a try of one, lies before a moment, or long after it."""
    moments = [at for each in made for at in (each["createdAt"], *acts.tries(each))]
    assert all(late <= at < str(acts.later(late, minutes=10)) for at in moments), moments
    assert moments == sorted(moments)


@late_by
async def test_what_is_resumed_late_is_charged_at_that_time_whoever_does_it(
    shop: Shop, database: Database, go_on: GoOn
) -> None:
    stopped, renewal, late = await stopped_since_long(shop.client)
    await now_declined(database, stopped, "approves")
    resumed = await acts.act(shop.client, stopped, "resume")
    await go_on(shop, database, stopped)
    first, *made = await acts.renewals(shop.client, stopped)
    assert (first["id"], len(made)) == (renewal["id"], 2)
    assert resumed["updatedAt"] <= acts.tries(first)[-1]
    assert_since(resumed["updatedAt"], made)
    assert late < made[0]["createdAt"]
    check_chain(await payments.events(shop.client, stopped), await acts.current(shop.client, stopped))


@late_by
async def test_after_a_late_payment_by_hand_the_next_cycles_are_tried_from_then_on(
    shop: Shop, database: Database, go_on: GoOn
) -> None:
    stopped, renewal, _ = await stopped_since_long(shop.client)
    paid = await payments.act(shop.client, renewal, "authorize", {"card": make.card()})
    await go_on(shop, database, stopped)
    (_, second) = await acts.renewals(shop.client, stopped)
    assert len(acts.tries(second)) == 1  # none of its retries is used up in the past
    assert_since(paid["updatedAt"], [second])
    after = await acts.current(shop.client, stopped)
    assert acts.billing(after)[:3] == ("active", False, RETRYING)
    tomorrow = acts.later(acts.tries(second)[0], days=1)
    assert str(tomorrow) <= after["nextChargeAt"] < str(acts.later(str(tomorrow), minutes=1))


# No decline of the subscription's own ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [make.INSUFFICIENT, make.DECLINED, make.FRAUD])
async def test_cards_that_are_typed_in_and_declined_use_up_none_of_its_tries(
    client: httpx.AsyncClient, number: str
) -> None:
    subscription = await declined(client)
    (renewal,) = await acts.renewals(client, subscription)
    for _ in range(5):
        tried = await payments.act(client, renewal, "authorize", {"card": make.card(number)})
        assert tried["displayStatus"] == "failed"
    assert await acts.current(client, subscription) == subscription
    after = await acts.advanced(client, subscription, subscription["nextChargeAt"])
    assert acts.billing(after)[:3] == ("active", False, RETRYING)


async def test_a_confirmation_by_hand_that_fails_uses_up_none_of_its_tries(client: httpx.AsyncClient) -> None:
    subscription = await declined(client)
    (renewal,) = await acts.renewals(client, subscription)
    await payments.act(client, renewal, "authorize", {"card": make.card(make.CHALLENGED)})
    failed = await payments.act(client, renewal, "complete-action", {"outcome": "failed"})
    assert failed["displayStatus"] == "failed"
    assert await acts.current(client, subscription) == subscription


async def test_one_whose_payer_begins_to_confirm_at_the_moment_of_its_retry_waits_for_that(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = await declined(shop.client)
    (renewal,) = await acts.renewals(shop.client, subscription)
    at, who = Moment.parse(subscription["nextChargeAt"]), make.who(shop.merchant_id)
    authorize = actions.authorize

    async def challenged_first(*arguments: Any) -> Payment:
        data = PaymentAuthorize(card=CARD)
        await authorize(database.write, who, renewal["id"], data, IfMatch())
        return await authorize(*arguments)

    with times.at(at):
        with monkeypatch.context() as patch:
            patch.setattr(actions, "authorize", challenged_first)
            assert not await fall_due(database.write, who, subscription["id"], at)
        assert await acts.current(shop.client, subscription) == subscription
        assert await fall_due(database.write, who, subscription["id"], at)
    waiting = await acts.current(shop.client, subscription)
    assert acts.billing(waiting) == ("active", False, RETRYING, str(acts.later(str(at), days=1, minutes=1)))


async def test_one_whose_payment_takes_no_more_tries_is_stopped(shop: Shop, database: Database) -> None:
    subscription = await declined(shop.client)
    sql = """
        update payments set transactions = to_jsonb(array(select transactions -> 0 from generate_series(1, 100)))
        where subscription_id = $1 and cycle is not null
    """
    await database.write.run(sql, subscription["id"])
    after = await acts.advanced(shop.client, subscription, subscription["nextChargeAt"])
    assert acts.billing(after) == ("active", False, STOPPED, None)


class Unreached(Sandbox):
    """A sandbox that no call reaches."""

    async def authorize(self, key: str, order: Order, means: Card | str) -> Answer:
        """Hear nothing."""
        del key, order, means
        raise GatewayError


@pytest.mark.parametrize("is_retried", [False, True])
async def test_a_try_that_never_reached_the_gateway_is_no_decline_and_is_made_again_soon(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, *, is_retried: bool
) -> None:
    before = await (declined(shop.client) if is_retried else acts.subscribed(shop.client))
    await now_declined(database, before, "approves")
    who, at = make.who(shop.merchant_id), Moment.parse(before["nextChargeAt"])
    for minutes in (1, 2, 4):
        with times.at(at):
            with monkeypatch.context() as patch:
                patch.setitem(connect.INTEGRATIONS, "sandbox", Unreached)
                assert await fall_due(database.write, who, before["id"], at)
            renewal = (await acts.renewals(shop.client, before))[-1]
            asked = Moment.of(times.everywhere() + timedelta(minutes=2))
            await payment_jobs.fall_due(database.write, who, renewal["id"], asked)
        waiting = await acts.current(shop.client, before)
        soon = acts.later(str(at), minutes=minutes)
        known = {**before, "nextChargeAt": str(soon), "updatedAt": waiting["updatedAt"]}
        assert waiting == known
        at = soon
    with times.at(at):
        assert await fall_due(database.write, who, before["id"], at)
    after = await acts.current(shop.client, before)
    assert (after["currentCycle"], after["autoBillingEnabled"]) == (2, True)
    (renewal,) = await acts.renewals(shop.client, before)
    assert renewal["displayStatus"] == "succeeded"
    check_chain(await payments.events(shop.client, after), after)
