"""A challenge that is left is withdrawn at the gateway first; where the payer confirmed it before, that holds."""

from collections.abc import Awaitable, Callable
from itertools import count

import httpx
import pytest

from odus.gateways.protocol import Answer, Approved, Challenged, Declined, GatewayError
from odus.gateways.sandbox import Sandbox
from odus.kit import times
from odus.kit.db import Database
from odus.kit.problems import Problem
from odus.kit.times import Moment
from tests import make
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import DELAYED, MANUAL, Object, act, ask, current

SECOND = {"card": make.card(make.MASTERCARD)}
_keys = count()


async def confirmed(database: Database, payment: Object) -> Answer:
    """Confirm a challenge at the gateway, as a payer does of whom we do not hear."""
    (charge,) = [each for each in await acts.charges(database, payment) if not each["is_open"]]
    sandbox = Sandbox(database.write, charge["merchant_id"], b"secret")
    return await sandbox.complete(f"payer {next(_keys)}", charge["reference"])


async def challenged(client: httpx.AsyncClient, **fields: object) -> Object:
    """Make a customer's payment that the payer is asked to confirm."""
    return await make.paid(client, make.CHALLENGED, customer=(await make.customer(client))["id"], **fields)


def over(payment: Object) -> Moment:
    """Return when a challenge is over."""
    return Moment.parse(payment["action"]["expiresAt"])


async def cancels(shop: Shop, database: Database, payment: Object) -> Object:
    """Cancel it."""
    del database
    return await act(shop.client, payment, "cancel")


async def refuses(shop: Shop, database: Database, payment: Object) -> Object:
    """Say that the payer does not confirm it."""
    del database
    return await act(shop.client, payment, "complete-action", {"outcome": "failed"})


async def expires(shop: Shop, database: Database, payment: Object) -> Object:
    """Let its time be over."""
    return await acts.fall_due(database, shop, payment, over(payment))


Way = Callable[[Shop, Database, Object], Awaitable[Object]]
WAYS = {cancels: ("cancelled", "action_abandoned"), refuses: ("failed", "authentication_failed")}
WAYS[expires] = ("failed", "authentication_expired")
ways = pytest.mark.parametrize("way", WAYS)


@ways
async def test_what_is_left_can_no_longer_be_confirmed(shop: Shop, database: Database, way: Way) -> None:
    left = await way(shop, database, await challenged(shop.client))
    status, code = WAYS[way]
    assert (left["displayStatus"], left["action"]) == (status, None)
    assert left["transactions"][0]["outcome"]["errorCode"] == code
    assert isinstance(await confirmed(database, left), Declined)
    assert await acts.money(database, left) == 0
    assert await current(shop.client, left) == left


@ways
@pytest.mark.parametrize("options", [None, MANUAL, DELAYED], ids=["automatic", "manual", "delayed"])
async def test_what_was_confirmed_before_is_paid(
    shop: Shop, database: Database, way: Way, options: Object | None
) -> None:
    waiting = await challenged(shop.client, paymentMethodOptions=options)
    assert isinstance(await confirmed(database, waiting), Approved)
    paid = await way(shop, database, waiting)
    assert paid["displayStatus"] == ("uncaptured" if options else "succeeded")
    assert paid["paymentMethod"] is not None
    assert await acts.money(database, paid) == paid["amountCaptured"] == (0 if options else 4200)
    done = paid if options is None else await act(shop.client, paid, "capture")
    assert (await act(shop.client, done, "reverse"))["displayStatus"] == "reversed"
    assert await acts.money(database, done) == 0


@ways
async def test_what_was_confirmed_before_begins_its_subscription(shop: Shop, database: Database, way: Way) -> None:
    cart = {"items": [{"price": (await make.recurring_price(shop.client))["id"]}]}
    waiting = await challenged(shop.client, cart=cart)
    await confirmed(database, waiting)
    paid = await way(shop, database, waiting)
    subscription = (await shop.client.get(f"/subscriptions/{paid['subscription']}")).json()
    assert (subscription["status"], subscription["paymentMethod"]) == ("active", paid["paymentMethod"])


@ways
async def test_while_the_gateway_does_not_say_whether_it_is_withdrawn_nothing_else_is_done(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    waiting = await challenged(shop.client)

    async def unheard(*_: object) -> None:
        raise GatewayError

    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "withdraw", unheard)
        with pytest.raises((AssertionError, Problem), match=r"gateway_timeout|did not answer"):
            await way(shop, database, waiting)
    assert await current(shop.client, waiting) == waiting
    for verb, body in (("authorize", SECOND), ("cancel", {}), ("complete-action", {"outcome": "succeeded"})):
        response = await ask(shop.client, waiting, verb, body)
        assert response.json()["code"] == ("conflict" if verb == "authorize" else "attempt_in_progress")
    # It never arrived, so that the payer is still asked, until it is asked for again.
    assert await acts.fall_due(database, shop, waiting, Moment.parse("2100-01-01T00:00:00.000Z")) == waiting
    assert (await way(shop, database, waiting))["displayStatus"] == WAYS[way][0]


async def test_another_card_is_charged_only_once_the_first_can_no_longer_be(
    client: httpx.AsyncClient, database: Database
) -> None:
    first, second = await challenged(client), await challenged(client)
    await confirmed(database, second)
    with times.at(over(second)):
        paid = await act(client, first, "authorize", SECOND)
        assert isinstance(await confirmed(database, first), Declined)
        response = await ask(client, second, "authorize", SECOND)
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
    for payment in (paid, await current(client, second)):
        assert payment["displayStatus"] == "succeeded"
        assert await acts.money(database, payment) == 4200


async def test_the_callers_version_holds_though_the_challenge_was_ended_first(client: httpx.AsyncClient) -> None:
    waiting = await challenged(client)
    tag = (await client.get(f"/payments/{waiting['id']}")).headers["ETag"]
    changed = await client.post(f"/payments/{waiting['id']}", json={"metadata": {"a": "b"}})
    with times.at(over(waiting)):
        stale = await ask(client, waiting, "authorize", SECOND, **{"If-Match": tag})
        assert stale.status_code == 412
        paid = await ask(client, waiting, "authorize", SECOND, **{"If-Match": changed.headers["ETag"]})
    assert (paid.status_code, paid.json()["displayStatus"]) == (200, "succeeded")


async def test_a_gateway_that_does_not_end_a_challenge_is_asked_again(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = await challenged(shop.client)

    async def stands(_: Sandbox, __: str, reference: str) -> Answer:
        return Challenged(reference=reference, redirect_url="/elsewhere")

    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "withdraw", stands)
        assert await cancels(shop, database, waiting) == waiting
        with times.at(over(waiting)):
            response = await ask(shop.client, waiting, "authorize", SECOND)
        assert response.json()["code"] == "gateway_timeout"
    assert await current(shop.client, waiting) == waiting
    assert (await expires(shop, database, waiting))["displayStatus"] == "failed"


async def test_the_challenge_of_a_subscription_that_ended_is_ended_too(shop: Shop, database: Database) -> None:
    made = await make.subscription(shop.client)
    cycle = "update payments set subscription_id = $2 where id = $1"
    waiting = await challenged(shop.client)
    await database.write.run(cycle, waiting["id"], made["id"])
    await shop.client.post(f"/subscriptions/{made['id']}/cancel", json={"cancelImmediately": True})
    assert (await expires(shop, database, waiting))["displayStatus"] == "failed"
