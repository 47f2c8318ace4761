"""Test clocks: a test merchant's time is put ahead, and all that falls due meanwhile happens, in order."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from litestar.types import ASGIApp

from odus.events import queries
from odus.events.model import Entry, Event
from odus.kit import times
from odus.kit.db import Database, Write
from odus.kit.permissions import Permission
from odus.kit.times import Moment
from odus.merchants import actions as merchants
from tests import make, operations
from tests.make import Shop
from tests.payments import acts as payments
from tests.payments.acts import DELAYED
from tests.subscriptions import acts

FAR = "2031-05-06T07:08:09.123Z"


async def test_the_clock_is_everybodys_until_it_is_put_ahead_and_goes_on_from_there(client: httpx.AsyncClient) -> None:
    before = times.now()
    shown = (await client.get("/test-clock")).json()
    assert before <= Moment.parse(shown["now"]) <= times.now()
    assert await acts.advance(client, FAR) == FAR
    after = (await client.get("/test-clock")).json()["now"]
    assert FAR <= after < str(acts.later(FAR, minutes=1))


async def test_the_clock_never_goes_back(client: httpx.AsyncClient, database: Database) -> None:
    await acts.advance(client, FAR)
    before = await make.snapshot(database)
    for to in ("2031-05-06T07:08:09.000Z", "2026-01-01T00:00:00.000Z"):
        response = await client.post("/test-clock/advance", json={"to": to})
        operations.assert_invalid(response, {("to", "out_of_range")})
    assert await make.snapshot(database) == before


@pytest.mark.parametrize("body", [{}, {"to": None}, {"to": "tomorrow"}, {"to": 1}, {"to": "2031-05-06"}], ids=str)
async def test_a_moment_that_is_none_is_named(client: httpx.AsyncClient, body: acts.Object) -> None:
    response = await client.post("/test-clock/advance", json=body)
    assert response.status_code == 400, response.text
    assert [error["field"] for error in response.json()["errors"]] == ["to"]


async def test_the_clock_cannot_be_put_further_ahead_than_50_years(client: httpx.AsyncClient) -> None:
    response = await client.post("/test-clock/advance", json={"to": "2099-01-01T00:00:00.000Z"})
    operations.assert_invalid(response, {("to", "out_of_range")})


async def test_an_advance_is_one_event_of_the_merchant_and_what_fell_due_is_the_jobs(shop: Shop) -> None:
    subscription = await acts.subscribed(shop.client)
    before = (await shop.client.get("/test-clock")).json()["now"]
    to = await acts.advance(shop.client, acts.later(subscription["currentPeriodEnd"], days=1))
    *_, advanced = await payments.events(shop.client, {"id": shop.merchant_id})
    assert (advanced["eventType"], advanced["data"], advanced["createdAt"]) == ("test_clock.advanced", {"now": to}, to)
    assert advanced["actor"] == {"type": "secretKey", "id": shop.key_id}
    assert before <= advanced["changes"]["now"]["from"] < advanced["changes"]["now"]["to"] == to
    (renewal,) = await acts.renewals(shop.client, subscription)
    done = [*await payments.events(shop.client, renewal), (await payments.events(shop.client, subscription))[-1]]
    assert [each["actor"] for each in done] == [{"type": "system", "id": "jobs"}] * 4


async def test_a_live_merchant_has_no_clock_to_put_ahead(app: ASGIApp, database: Database) -> None:
    merchant = await merchants.create(database.write, make.who(""), "Corner Shop", "live")
    key = await make.key(database, merchant.id)
    async with make.client(app, key.value) as client:
        for response in (
            await client.get("/test-clock"),
            await client.post("/test-clock/advance", json={"to": FAR}),
        ):
            assert (response.status_code, response.json()["code"]) == (403, "test_only")
        made = await make.customer(client)
        assert str(made["createdAt"]) < FAR


async def test_the_clock_needs_the_permissions_of_the_configuration(
    app: ASGIApp, shop: Shop, database: Database
) -> None:
    key = await make.key(database, shop.merchant_id, [Permission.MERCHANT_CONFIG_READ])
    async with make.client(app, key.value) as client:
        assert (await client.get("/test-clock")).status_code == 200
        assert (await client.post("/test-clock/advance", json={"to": FAR})).status_code == 403


async def test_another_merchants_clock_stays(shop: Shop, other_shop: Shop) -> None:
    theirs = await acts.subscribed(other_shop.client)
    await acts.advance(shop.client, FAR)
    assert (await other_shop.client.get("/test-clock")).json()["now"] < FAR
    assert await acts.current(other_shop.client, theirs) == theirs


async def test_what_is_made_afterwards_carries_its_time(client: httpx.AsyncClient) -> None:
    await acts.advance(client, FAR)
    customer = await make.customer(client)
    paid = await make.paid(client, customer=customer["id"])
    product = await make.product(client)
    (event,) = await payments.events(client, customer)
    for made in (customer, paid, product, event):
        assert FAR <= made["createdAt"] < str(acts.later(FAR, minutes=1))
    changed = (await client.post(f"/customers/{customer['id']}", json={"name": "Ada"})).json()
    assert changed["updatedAt"] > FAR


async def test_keys_and_users_go_by_everybodys_clock(client: httpx.AsyncClient) -> None:
    await acts.advance(client, FAR)
    key = (await client.post("/secret-keys", json={"note": "Till", "permissions": ["CUSTOMER_READ"]})).json()
    user = await make.user(client)
    assert key["createdAt"] < FAR
    assert str(user["createdAt"]) < FAR


async def test_a_key_does_not_expire_as_the_clock_is_put_ahead(client: httpx.AsyncClient, app: ASGIApp) -> None:
    expires = str(acts.later(str(times.now()), days=1))
    body = {"note": "Till", "permissions": ["CUSTOMER_READ"], "expiresAt": expires}
    key = (await client.post("/secret-keys", json=body)).json()
    await acts.advance(client, FAR)
    async with make.client(app, key["value"]) as till:
        assert (await till.get("/customers")).status_code == 200


async def test_a_request_is_remembered_for_30_days_of_everybodys_time(client: httpx.AsyncClient) -> None:
    body, key = {"email": "ada@example.com"}, {"Idempotency-Key": "once"}
    first = await client.post("/customers", json=body, headers=key)
    await acts.advance(client, FAR)
    again = await client.post("/customers", json=body, headers=key)
    assert again.content == first.content


async def test_an_advance_that_is_sent_again_is_answered_again(client: httpx.AsyncClient) -> None:
    subscription = await acts.subscribed(client)
    to = str(acts.later(subscription["currentPeriodEnd"], days=1))
    first, again = [
        await client.post("/test-clock/advance", json={"to": to}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert (first.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(await acts.renewals(client, subscription)) == 1


async def test_a_confirmation_that_nobody_gives_ends_after_24_hours_by_it(client: httpx.AsyncClient) -> None:
    challenged = await make.paid(client, make.CHALLENGED)
    expires = challenged["action"]["expiresAt"]
    await acts.advance(client, acts.later(expires, seconds=-5))
    assert (await payments.current(client, challenged))["status"] == "requires_action"
    await acts.advance(client, expires)
    opened = await payments.current(client, challenged)
    assert acts.shown(opened, "status", "displayStatus", "updatedAt") == ("open", "failed", expires)


async def test_a_delayed_capture_is_made_by_it(client: httpx.AsyncClient) -> None:
    paid = await make.paid(client, paymentMethodOptions=DELAYED)
    await acts.advance(client, acts.later(paid["captureAt"], seconds=-5))
    assert (await payments.current(client, paid))["displayStatus"] == "uncaptured"
    await acts.advance(client, acts.later(paid["captureAt"], days=5))
    done = await payments.current(client, paid)
    assert done["displayStatus"] == "succeeded"
    assert done["transactions"][1]["createdAt"] == paid["captureAt"]


async def test_all_that_falls_due_happens_in_order_each_at_its_moment(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Event] = []
    written = queries.write_with

    async def write_with(write: Write, entry: Entry, *arguments: Any, **more: Any) -> bool:
        made.append(entry.event)
        return await written(write, entry, *arguments, **more)

    price = await acts.price(client, acts.cycle(100, "week"))
    weekly = await acts.subscribed(client, price_id=price, paymentMethodOptions=DELAYED)
    await acts.subscribed(client)
    await acts.subscribed(client, make.APPROVED_ONCE)
    await make.paid(client, make.CHALLENGED)
    to = acts.later(weekly["startDate"], days=65)
    monkeypatch.setattr("odus.events.queries.write_with", write_with)
    await acts.advance(client, to)
    assert len(made) > 50
    # A version is a millisecond at least after the one before it, however little time went by.
    slack = timedelta(milliseconds=5)
    assert all(earlier.created_at <= later.created_at + slack for earlier, later in pairwise(made))
    assert made[-1].created_at <= to + slack
    assert {event.event_type for event in made} == {
        "payment.created",
        "payment.updated",
        "subscription.updated",
        "test_clock.advanced",
    }


async def test_an_advance_in_one_step_and_in_many_comes_to_the_same(shop: Shop, other_shop: Shop) -> None:
    start = "2029-01-31T10:00:00.000Z"
    known = []
    for client in (shop.client, other_shop.client):
        await acts.advance(client, start)
        known.append(await acts.subscribed(client))
    to = acts.later(start, days=200)
    await acts.advance(shop.client, to)
    for days in range(10, 201, 10):
        await acts.advance(other_shop.client, acts.later(start, days=days))
    one, many = await acts.current(shop.client, known[0]), await acts.current(other_shop.client, known[1])
    assert one["currentCycle"] == many["currentCycle"] == 7
    first, second = await acts.renewals(shop.client, one), await acts.renewals(other_shop.client, many)
    assert [each["createdAt"][:10] for each in first] == [each["createdAt"][:10] for each in second]
    assert [each["createdAt"][:10] for each in first][:2] == ["2029-02-28", "2029-03-31"]
