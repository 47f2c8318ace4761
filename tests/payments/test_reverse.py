"""Giving back: all, in parts, elsewhere, or by the payer's bank."""

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.permissions import Permission
from odus.payments.model import MOST_TRANSACTIONS
from tests import make, operations
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import MANUAL, Object, act, ask, refused


async def test_all_is_given_back_where_nothing_is_said(client: httpx.AsyncClient, database: Database) -> None:
    paid = await make.paid(client)
    done = await act(client, paid, "reverse")
    assert (done["status"], done["displayStatus"], done["isFullyReversed"]) == ("succeeded", "reversed", True)
    assert (done["amountCaptured"], done["amountReversed"]) == (4200, 4200)
    last = done["transactions"][-1]
    assert (last["type"], last["amount"], last["isExternal"]) == ("reverse", 4200, False)
    assert await acts.money(database, paid) == 0
    await refused(client, done, "reverse")
    await refused(client, done, "reverse", {"amount": 1})


async def test_parts_are_given_back_until_nothing_is_left(client: httpx.AsyncClient, database: Database) -> None:
    paid = await make.paid(client)
    for amount, reversed_amount in ((1, 1), (2000, 2001)):
        paid = await act(client, paid, "reverse", {"amount": amount})
        assert (paid["displayStatus"], paid["amountReversed"]) == ("partially_reversed", reversed_amount)
        assert paid["isFullyReversed"] is False
        assert await acts.money(database, paid) == 4200 - reversed_amount
    operations.assert_invalid(await ask(client, paid, "reverse", {"amount": 2200}), {("amount", "out_of_range")})
    assert await acts.current(client, paid) == paid
    paid = await act(client, paid, "reverse", {"amount": 2199})
    assert (paid["displayStatus"], paid["isFullyReversed"]) == ("reversed", True)
    assert await acts.money(database, paid) == 0


async def test_only_what_was_captured_is_given_back(client: httpx.AsyncClient, database: Database) -> None:
    held = await make.paid(client, paymentMethodOptions=MANUAL)
    paid = await act(client, held, "capture", {"amount": 1000})
    operations.assert_invalid(await ask(client, paid, "reverse", {"amount": 1001}), {("amount", "out_of_range")})
    done = await act(client, paid, "reverse")
    assert (done["displayStatus"], done["amountReversed"]) == ("reversed", 1000)
    assert await acts.money(database, paid) == 0


async def test_what_was_given_back_elsewhere_is_only_recorded(client: httpx.AsyncClient, database: Database) -> None:
    paid = await make.paid(client)
    done = await act(client, paid, "reverse", {"amount": 1200, "isExternal": True})
    assert (done["displayStatus"], done["amountReversed"]) == ("partially_reversed", 1200)
    last = done["transactions"][-1]
    assert (last["type"], last["amount"], last["isExternal"]) == ("reverse", 1200, True)
    assert last["outcome"]["status"] == "success"
    assert await acts.money(database, paid) == 4200
    response = await ask(client, done, "reverse", {"amount": 3001, "isExternal": True})
    operations.assert_invalid(response, {("amount", "out_of_range")})
    done = await act(client, done, "reverse", {"isExternal": True})
    assert (done["displayStatus"], done["amountReversed"]) == ("reversed", 4200)
    await refused(client, done, "reverse", {"amount": 1, "isExternal": True})
    assert await acts.money(database, paid) == 4200


async def test_what_was_not_captured_gives_back_no_part(client: httpx.AsyncClient) -> None:
    held = await make.paid(client, paymentMethodOptions=MANUAL)
    for body in ({"amount": 1}, {"amount": 4200}, {"amount": 1, "isExternal": True}, {"isExternal": True}):
        await refused(client, held, "reverse", body)
    for payment in (
        await make.payment(client),
        await make.paid(client, make.DECLINED),
        await make.paid(client, make.CHALLENGED),
    ):
        for body in ({}, {"amount": 1}, {"amount": 1, "isExternal": True}):
            await refused(client, payment, "reverse", body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"amount": 0}, ("amount", "out_of_range")),
        ({"amount": -4200}, ("amount", "out_of_range")),
        ({"amount": 1.5}, ("amount", "invalid_type")),
        ({"amount": "1"}, ("amount", "invalid_type")),
        ({"isExternal": 1}, ("isExternal", "invalid_type")),
        ({"reason": "x"}, ("reason", "unknown_field")),
    ],
    ids=str,
)
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, body: Object, error: tuple[str, str]) -> None:
    paid = await make.paid(client)
    operations.assert_invalid(await ask(client, paid, "reverse", body), {error})
    assert await acts.current(client, paid) == paid


async def test_a_payment_takes_a_hundred_reversals(client: httpx.AsyncClient) -> None:
    paid = await make.paid(client)
    for turn in range(MOST_TRANSACTIONS):
        paid = await act(client, paid, "reverse", {"amount": 1, "isExternal": turn % 2 == 0})
    for external in (True, False):
        assert str(MOST_TRANSACTIONS) in await refused(client, paid, "reverse", {"amount": 1, "isExternal": external})


async def test_a_chargeback_is_recorded_once(client: httpx.AsyncClient, database: Database) -> None:
    paid = await make.paid(client)
    assert (paid["isChargebacked"], paid["chargebackRecordedAt"]) == (False, None)
    done = await act(client, paid, "record-chargeback")
    assert (done["displayStatus"], done["isChargebacked"], done["status"]) == ("chargeback", True, "succeeded")
    assert done["chargebackRecordedAt"] >= paid["updatedAt"]
    assert done["transactions"] == paid["transactions"]
    assert await acts.money(database, paid) == 4200
    await refused(client, done, "record-chargeback")


async def test_a_chargeback_goes_before_what_was_reversed(client: httpx.AsyncClient) -> None:
    for reversal in ({"amount": 1}, {}):
        paid = await make.paid(client)
        await act(client, paid, "reverse", reversal)
        assert (await act(client, paid, "record-chargeback"))["displayStatus"] == "chargeback"


async def test_only_what_was_captured_can_be_charged_back(client: httpx.AsyncClient) -> None:
    for payment in (
        await make.payment(client),
        await make.paid(client, make.DECLINED),
        await make.paid(client, make.CHALLENGED),
        await make.paid(client, paymentMethodOptions=MANUAL),
    ):
        await refused(client, payment, "record-chargeback")


@pytest.mark.parametrize(
    "restrictions",
    [
        {"restrictCit": True, "restrictMit": True, "restrictReason": "Chargeback"},
        {"restrictCit": True},
        {"restrictMit": True, "restrictReason": None},
        {},
    ],
    ids=str,
)
async def test_a_chargeback_restricts_the_customer_as_asked(client: httpx.AsyncClient, restrictions: Object) -> None:
    customer = await make.customer(client)
    paid = await make.paid(client, customer=customer["id"])
    await act(client, paid, "record-chargeback", {"customerRestrictions": restrictions})
    after = (await client.get(f"/customers/{customer['id']}")).json()
    assert after == {**customer, **restrictions, "updatedAt": after["updatedAt"]}


@pytest.mark.parametrize("lifted", [{"restrictCit": False}, {"restrictMit": False}, {"restrictReason": None}], ids=str)
async def test_who_may_not_change_customers_can_restrict_by_a_chargeback_and_lift_nothing(
    app: ASGIApp, shop: Shop, database: Database, lifted: Object
) -> None:
    restricted = {"restrictCit": True, "restrictMit": True, "restrictReason": "Chargeback"}
    customer = await make.customer(shop.client)
    first, second = [await make.paid(shop.client, customer=customer["id"]) for _ in range(2)]
    key = await make.key(database, shop.merchant_id, [Permission.PAYMENT_UPDATE])
    async with make.client(app, key.value) as client:
        await act(client, first, "record-chargeback", {"customerRestrictions": restricted})
        before = await make.snapshot(database)
        response = await acts.ask(client, second, "record-chargeback", {"customerRestrictions": lifted})
        assert (response.status_code, response.json()["code"]) == (403, "missing_permission")
        assert "CUSTOMER_UPDATE" in response.json()["detail"]
        assert await make.snapshot(database) == before
    done = await act(shop.client, second, "record-chargeback", {"customerRestrictions": lifted})
    assert done["isChargebacked"]
    after = (await shop.client.get(f"/customers/{customer['id']}")).json()
    assert {name: after[name] for name in restricted} == {**restricted, **lifted}


@pytest.mark.parametrize(
    ("restrictions", "error"),
    [
        ({"restrictCit": "yes"}, ("customerRestrictions.restrictCit", "invalid_type")),
        ({"restrictMit": None}, ("customerRestrictions.restrictMit", "invalid_type")),
        ({"restrictReason": "x" * 501}, ("customerRestrictions.restrictReason", "too_long")),
        ({"restrict": True}, ("customerRestrictions.restrict", "unknown_field")),
    ],
    ids=str,
)
async def test_wrong_restrictions_leave_payment_and_customer_as_they_are(
    client: httpx.AsyncClient, restrictions: Object, error: tuple[str, str]
) -> None:
    customer = await make.customer(client)
    paid = await make.paid(client, customer=customer["id"])
    body = {"customerRestrictions": {"restrictCit": True, **restrictions}}
    operations.assert_invalid(await ask(client, paid, "record-chargeback", body), {error})
    assert await acts.current(client, paid) == paid
    assert (await client.get(f"/customers/{customer['id']}")).json() == customer


async def test_nobody_cannot_be_restricted(client: httpx.AsyncClient) -> None:
    paid = await make.paid(client)
    body = {"customerRestrictions": {"restrictCit": True}}
    response = await ask(client, paid, "record-chargeback", body)
    operations.assert_invalid(response, {("customerRestrictions", "invalid_value")})
    assert await acts.current(client, paid) == paid


async def test_a_second_chargeback_restricts_nobody(client: httpx.AsyncClient) -> None:
    customer = await make.customer(client)
    paid = await make.paid(client, customer=customer["id"])
    paid = await act(client, paid, "record-chargeback")
    await refused(client, paid, "record-chargeback", {"customerRestrictions": {"restrictCit": True}})
    assert (await client.get(f"/customers/{customer['id']}")).json() == customer
