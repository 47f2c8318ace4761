"""Payment methods: saved once by what authorizes, one default, detached for good."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from odus.app import create_app
from odus.gateways.protocol import Answer, Card, Order
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Limits
from odus.payment_methods import queries
from odus.payment_methods.model import Token
from odus.settings import Settings
from tests import make, operations
from tests.faults import store
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import MANUAL, Object, act


async def method(client: httpx.AsyncClient, method_id: object) -> Object:
    response = await client.get(f"/payment-methods/{method_id}")
    assert response.status_code == 200, response.text
    return response.json()


async def methods(client: httpx.AsyncClient, customer: object) -> list[Object]:
    return (await client.get("/payment-methods", params={"customer": str(customer)})).json()["data"]


async def change(client: httpx.AsyncClient, method_id: object, **fields: object) -> Object:
    response = await client.post(f"/payment-methods/{method_id}", json=fields)
    assert response.status_code == 200, response.text
    return response.json()


async def detach(client: httpx.AsyncClient, method_id: object) -> Object:
    response = await client.post(f"/payment-methods/{method_id}/detach", json={})
    assert response.status_code == 200, response.text
    return response.json()


async def saved(client: httpx.AsyncClient, customer: object, number: str = make.VISA, **card: object) -> str:
    """Pay by a card; return the method that it was saved as."""
    made = await make.payment(client, customer=customer)
    return (await act(client, made, "authorize", {"card": make.card(number, **card)}))["paymentMethod"]


@pytest.fixture
async def jane(client: httpx.AsyncClient) -> str:
    return str((await make.customer(client))["id"])


async def test_a_customers_card_is_saved_when_it_is_authorized(client: httpx.AsyncClient, jane: str) -> None:
    shown = await method(client, await saved(client, jane, cardholderName="Jane Doe"))
    assert re.fullmatch("pm_[0-9A-Za-z]{27}", shown.pop("id"))
    assert shown.pop("createdAt") == shown.pop("updatedAt")
    assert shown == {
        "type": "card",
        "customer": jane,
        "isDefault": True,
        "card": {
            "brand": "visa",
            "lastFour": "4242",
            "expMonth": "12",
            "expYear": "2040",
            "cardholderName": "Jane Doe",
        },
        "metadata": {},
        "detachedAt": None,
    }


async def test_the_same_card_of_the_same_customer_is_saved_once(client: httpx.AsyncClient, jane: str) -> None:
    first = await saved(client, jane)
    assert await saved(client, jane) == first
    assert await saved(client, jane, "4242 4242 4242 4242") == first
    john = (await make.customer(client))["id"]
    assert await saved(client, john) != first
    assert len(await methods(client, jane)) == 1
    assert len(await acts.events(client, {"id": first})) == 1


async def test_a_renewed_card_is_brought_up_to_date(client: httpx.AsyncClient, jane: str) -> None:
    first = await saved(client, jane, cardholderName="Jane")
    before = await method(client, first)
    assert await saved(client, jane, expMonth="01", expYear="2045", cardholderName="Jane Doe") == first
    after = await method(client, first)
    card = {**before["card"], "expMonth": "01", "expYear": "2045", "cardholderName": "Jane Doe"}
    assert after == {**before, "card": card, "updatedAt": after["updatedAt"]}
    events = await acts.events(client, before)
    assert [event["eventType"] for event in events] == ["payment_method.created", "payment_method.updated"]
    check_chain(events, after)


@pytest.mark.parametrize("case", ["not asked", "nobody's", "declined", "challenged", "challenge failed"])
async def test_nothing_is_saved_without_reason(client: httpx.AsyncClient, jane: str, case: str) -> None:
    number = {"declined": make.DECLINED, "challenged": make.CHALLENGED, "challenge failed": make.CHALLENGED}
    made = await make.payment(client, customer=None if case == "nobody's" else jane)
    body = {"card": make.card(number.get(case, make.VISA)), "savePaymentMethod": case != "not asked"}
    done = await act(client, made, "authorize", body)
    if case == "challenge failed":
        done = await act(client, done, "complete-action", {"outcome": "failed"})
    assert done["paymentMethod"] is None
    assert (await client.get("/payment-methods")).json()["data"] == []


async def test_a_challenged_card_is_saved_once_it_is_confirmed_unless_that_is_not_asked(
    client: httpx.AsyncClient, jane: str
) -> None:
    for saves in (False, True):
        made = await make.payment(client, customer=jane)
        body = {"card": make.card(make.CHALLENGED), "savePaymentMethod": saves}
        waiting = await act(client, made, "authorize", body)
        done = await act(client, waiting, "complete-action", {"outcome": "succeeded"})
        assert (done["paymentMethod"] is not None) == saves
        assert len(await methods(client, jane)) == saves


async def test_a_card_is_saved_when_it_is_held_too(client: httpx.AsyncClient, jane: str) -> None:
    held = await make.paid(client, customer=jane, paymentMethodOptions=MANUAL)
    await act(client, held, "cancel")
    assert [each["id"] for each in await methods(client, jane)] == [held["paymentMethod"]]


async def test_the_first_is_the_default_until_another_is_made_it(client: httpx.AsyncClient, jane: str) -> None:
    first, second = await saved(client, jane), await saved(client, jane, make.MASTERCARD)
    assert [each["isDefault"] for each in await methods(client, jane)] == [True, False]
    assert (await change(client, second, isDefault=True))["isDefault"] is True
    assert [each["isDefault"] for each in await methods(client, jane)] == [False, True]
    same = await method(client, second)
    assert await change(client, second, isDefault=True) == same
    for each in (first, second):
        events = await acts.events(client, {"id": each})
        assert [event["eventType"] for event in events] == ["payment_method.created", "payment_method.updated"]
        check_chain(events, await method(client, each))


async def test_a_default_is_not_taken_away(client: httpx.AsyncClient, jane: str) -> None:
    for each in (await saved(client, jane), await saved(client, jane, make.MASTERCARD)):
        before = await method(client, each)
        response = await client.post(f"/payment-methods/{each}", json={"isDefault": False, "metadata": {"a": "b"}})
        operations.assert_invalid(response, {("isDefault", "invalid_value")})
        assert await method(client, each) == before


async def test_metadata_is_merged_and_nothing_else_can_be_set(client: httpx.AsyncClient, jane: str) -> None:
    first = await saved(client, jane)
    await change(client, first, metadata={"label": "Company", "desk": "4"})
    assert (await change(client, first, metadata={"desk": "", "floor": "2"}))["metadata"] == {
        "label": "Company",
        "floor": "2",
    }
    for name in ("customer", "card", "type", "detachedAt", "token", "fingerprint"):
        response = await client.post(f"/payment-methods/{first}", json={name: "x"})
        operations.assert_invalid(response, {(name, "unknown_field")})


async def test_where_the_default_is_detached_the_newest_other_becomes_it(client: httpx.AsyncClient, jane: str) -> None:
    first = await saved(client, jane)
    second, third = await saved(client, jane, make.MASTERCARD), await saved(client, jane, make.APPROVED_ONCE)
    gone = await detach(client, first)
    assert (gone["isDefault"], gone["detachedAt"]) == (False, gone["updatedAt"])
    assert [(each["id"], each["isDefault"]) for each in await methods(client, jane)] == [(second, False), (third, True)]
    await detach(client, second)
    assert [(each["id"], each["isDefault"]) for each in await methods(client, jane)] == [(third, True)]
    await detach(client, third)
    assert await methods(client, jane) == []
    events = await acts.events(client, gone)
    assert events[-1]["eventType"] == "payment_method.detached"
    check_chain(events, gone)


async def test_a_detached_method_cannot_be_charged_or_changed_but_read(client: httpx.AsyncClient, jane: str) -> None:
    first = await saved(client, jane)
    before = await make.payment(client, customer=jane, paymentMethod=first)
    gone = await detach(client, first)
    assert await method(client, first) == gone
    for path, body in ((first, {"isDefault": True}), (first, {"metadata": {}}), (f"{first}/detach", {})):
        response = await client.post(f"/payment-methods/{path}", json=body)
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
    body = {"amount": 1, "currency": "usd", "customer": jane, "paymentMethod": first}
    operations.assert_invalid(await client.post("/payments", json=body), {("paymentMethod", "invalid_value")})
    for sent in ({}, {"paymentMethod": first}):
        response = await acts.ask(client, before, "authorize", sent)
        operations.assert_invalid(response, {("paymentMethod", "invalid_value")})
    assert await acts.current(client, before) == before


async def refuses_to_detach(client: httpx.AsyncClient, method_id: object) -> None:
    response = await client.post(f"/payment-methods/{method_id}/detach", json={})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert "is being charged" in response.json()["detail"]


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
async def test_one_stays_until_the_payer_has_confirmed_what_is_charged_to_it(
    client: httpx.AsyncClient, jane: str, outcome: str
) -> None:
    first = await make.paid(client, make.CHALLENGED, customer=jane)
    first = await act(client, first, "complete-action", {"outcome": "succeeded"})
    made = await make.payment(client, customer=jane, paymentMethod=first["paymentMethod"])
    challenged = await act(client, made, "authorize")
    assert challenged["status"] == "requires_action"
    await refuses_to_detach(client, first["paymentMethod"])
    await act(client, challenged, "complete-action", {"outcome": outcome})
    await detach(client, first["paymentMethod"])


async def test_one_stays_while_the_gateway_is_asked_to_charge_it(
    client: httpx.AsyncClient, jane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await saved(client, jane)
    works = Sandbox.authorize

    async def authorize(self: Sandbox, key: str, order: Order, means: Card | str) -> Answer:
        await refuses_to_detach(client, known)
        return await works(self, key, order, means)

    monkeypatch.setattr(Sandbox, "authorize", authorize)
    made = await make.payment(client, customer=jane)
    assert (await act(client, made, "authorize", {"paymentMethod": known}))["status"] == "succeeded"
    await detach(client, known)


async def test_one_that_is_detached_a_moment_before_is_not_charged(
    client: httpx.AsyncClient, jane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await saved(client, jane)
    made = await make.payment(client, customer=jane)

    async def detached_first(*arguments: Any) -> Token:
        await detach(client, known)
        return await token(*arguments)

    token = queries.token
    monkeypatch.setattr(queries, "token", detached_first)
    response = await acts.ask(client, made, "authorize", {"paymentMethod": known})
    operations.assert_invalid(response, {("paymentMethod", "invalid_value")})
    assert await acts.current(client, made) == made


async def test_a_detached_card_that_comes_again_is_another_method(client: httpx.AsyncClient, jane: str) -> None:
    first = await saved(client, jane)
    await detach(client, first)
    again = await saved(client, jane)
    assert again != first
    assert (await method(client, again))["isDefault"] is True


async def test_another_merchants_methods_are_unknown(shop: Shop, other_shop: Shop, jane: str) -> None:
    first = await saved(shop.client, jane)
    before = await method(shop.client, first)
    assert (await other_shop.client.get("/payment-methods")).json()["data"] == []
    assert (await other_shop.client.get(f"/payment-methods/{first}")).status_code == 404
    for path in (first, f"{first}/detach"):
        assert (await other_shop.client.post(f"/payment-methods/{path}", json={})).status_code == 404
    assert await method(shop.client, first) == before


@asynccontextmanager
async def real(server_url: str) -> AsyncIterator[Shop]:
    """Give a shop on a pool, so that requests at once are at once."""
    async with (
        store.database(server_url, 8, Limits()) as (_, database),
        make.shop(create_app(Settings(log_level="error"), database), database) as shop,
    ):
        yield shop


async def test_first_cards_at_once_are_saved_once_each_and_one_is_the_default(server_url: str) -> None:
    async with real(server_url) as shop:
        for _ in range(5):
            jane = (await make.customer(shop.client))["id"]
            numbers = [make.VISA, make.MASTERCARD, make.VISA, make.APPROVED_ONCE, make.MASTERCARD, make.VISA]
            ids = await asyncio.gather(*(saved(shop.client, jane, number) for number in numbers))
            rows = await methods(shop.client, jane)
            assert len(set(ids)) == len(rows) == 3
            assert len({(number, each) for number, each in zip(numbers, ids, strict=True)}) == 3
            assert [row["isDefault"] for row in rows].count(True) == 1
            for row in rows:
                check_chain(await acts.events(shop.client, row), row)


async def test_of_many_that_are_made_the_default_at_once_one_is_it(server_url: str) -> None:
    async with real(server_url) as shop:
        jane = (await make.customer(shop.client))["id"]
        numbers = (make.VISA, make.MASTERCARD, make.APPROVED_ONCE, "6011111111111117")
        ids = [await saved(shop.client, jane, number) for number in numbers]
        for turn in range(5):
            await asyncio.gather(*(change(shop.client, each, isDefault=True) for each in ids))
            rows = await methods(shop.client, jane)
            assert [row["isDefault"] for row in rows].count(True) == 1, turn
        await asyncio.gather(
            detach(shop.client, ids[0]), change(shop.client, ids[1], isDefault=True), detach(shop.client, ids[2])
        )
        rows = await methods(shop.client, jane)
        assert {row["id"] for row in rows} == {ids[1], ids[3]}
        assert [row["isDefault"] for row in rows].count(True) == 1
        for each in ids:
            check_chain(await acts.events(shop.client, {"id": each}), await method(shop.client, each))
