"""Payments are made of what is sent, what it names and what is configured; they charge nothing yet."""

import re

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.merchants import actions as merchants
from tests import make, operations
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import Object

NEW = {
    "status": "open",
    "displayStatus": "unattempted",
    "amount": 4200,
    "amountCaptured": 0,
    "amountReversed": 0,
    "currency": "usd",
    "isCaptured": False,
    "isFullyReversed": False,
    "isChargebacked": False,
    "chargebackRecordedAt": None,
    "initiator": "customer",
    "offSessionType": None,
    "customer": None,
    "paymentMethod": None,
    "subscription": None,
    "cart": None,
    "captureMethod": "automatic",
    "captureDelay": None,
    "captureAt": None,
    "paymentMethodOptions": None,
    "action": None,
    "returnUrl": None,
    "transactions": [],
    "metadata": {},
}


async def is_refused(client: httpx.AsyncClient, *errors: tuple[str, str], **body: object) -> None:
    count = (await client.get("/payments")).json()["pagination"]["itemCount"]
    response = await client.post("/payments", json={"currency": "usd", **body})
    operations.assert_invalid(response, set(errors))
    assert (await client.get("/payments")).json()["pagination"]["itemCount"] == count


async def test_an_amount_and_a_currency_are_enough(client: httpx.AsyncClient, database: Database) -> None:
    made = await make.payment(client)
    assert {name: made[name] for name in NEW} == NEW
    assert re.fullmatch("pay_[0-9A-Za-z]{27}", str(made["id"]))
    assert made["updatedAt"] == made["createdAt"]
    assert await acts.current(client, made) == made
    assert await acts.charges(database, made) == []


async def test_what_is_sent_is_shown(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    sent = {
        "amount": 1,
        "currency": "jpy",
        "initiator": "merchant",
        "customer": customer,
        "paymentMethodOptions": {"captureMethod": "manual", "captureDelay": None, "card": None},
        "returnUrl": "https://shop.example.com/thanks?order=1",
        "metadata": {"order": "1042"},
    }
    made = await make.payment(client, **sent)
    assert {name: made[name] for name in sent} == sent
    assert made["captureMethod"] == "manual"


async def test_the_checkout_address_is_secret_and_of_this_payment_alone(client: httpx.AsyncClient) -> None:
    first, second = await make.payment(client), await make.payment(client)
    keys = [re.fullmatch(rf"http://[^/]+/checkout/{made['id']}\?key=([\w-]{{32}})", str(made["checkoutUrl"]))
            for made in (first, second)]  # fmt: skip
    assert all(keys)
    assert len({key[1] for key in keys if key}) == 2


async def test_only_metadata_and_the_return_address_change(client: httpx.AsyncClient) -> None:
    made = await make.payment(client, metadata={"order": "1", "shelf": "A4"}, returnUrl="https://a.example.com/")
    response = await client.post(f"/payments/{made['id']}", json={"metadata": {"order": "2"}, "returnUrl": None})
    changed = response.json()
    expected = {"metadata": {"order": "2", "shelf": "A4"}, "returnUrl": None, "updatedAt": changed["updatedAt"]}
    assert changed == {**made, **expected}
    for name in ("amount", "currency", "customer", "status", "cart", "initiator", "paymentMethod"):
        response = await client.post(f"/payments/{made['id']}", json={name: made[name]})
        operations.assert_invalid(response, {(name, "unknown_field")})
    assert await acts.current(client, made) == changed


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {("amount", "required")}),
        ({"amount": None}, {("amount", "required")}),
        ({"amount": 0}, {("amount", "out_of_range")}),
        ({"amount": -1}, {("amount", "out_of_range")}),
        ({"amount": 10**12}, {("amount", "out_of_range")}),
        ({"amount": 4.2}, {("amount", "invalid_type")}),
        ({"amount": "4200"}, {("amount", "invalid_type")}),
        ({"amount": True}, {("amount", "invalid_type")}),
        ({"amount": 1, "currency": "USD"}, {("currency", "invalid_format")}),
        ({"amount": 1, "currency": "zzz"}, {("currency", "invalid_format")}),
        ({"amount": 1, "currency": None}, {("currency", "invalid_type")}),
        ({"amount": 1, "initiator": "bank"}, {("initiator", "invalid_value")}),
        ({"amount": 1, "customer": "cus_x"}, {("customer", "invalid_value")}),
        ({"amount": 1, "customer": "c" * 256}, {("customer", "too_long")}),
        ({"amount": 1, "paymentMethod": "pm_x"}, {("paymentMethod", "invalid_value")}),
        ({"amount": 1, "returnUrl": "javascript:alert(1)"}, {("returnUrl", "invalid_value")}),
        ({"amount": 1, "returnUrl": "https://a b"}, {("returnUrl", "invalid_value")}),
        ({"amount": 1, "returnUrl": "https://" + "a" * 2048}, {("returnUrl", "too_long")}),
        ({"amount": 1, "metadata": {"a": 1}}, {("metadata.a", "invalid_type")}),
        ({"amount": 1, "cart": {"items": []}}, {("cart.items", "too_short")}),
        ({"amount": 1, "cart": {}}, {("cart.items", "required")}),
        ({"amount": 1, "cart": {"items": [{}]}}, {("cart.items[0].price", "required")}),
        ({"cart": {"items": [{"price": "p"}] * 101}}, {("cart.items", "too_many")}),
        ({"cart": {"items": [{"price": "p", "quantity": 0}]}}, {("cart.items[0].quantity", "out_of_range")}),
        ({"cart": {"items": [{"price": "p", "quantity": 10001}]}}, {("cart.items[0].quantity", "out_of_range")}),
        ({"cart": {"items": [{"price": "p", "amount": 1}]}}, {("cart.items[0].amount", "unknown_field")}),
        ({"cart": {"items": [{"price": "price_x"}]}}, {("cart.items[0].price", "invalid_value")}),
        ({"amount": 1, "isCaptured": True}, {("isCaptured", "unknown_field")}),
        (
            {"amount": 1, "paymentMethodOptions": {"captureMethod": "later"}},
            {("paymentMethodOptions.captureMethod", "invalid_value")},
        ),
        (
            {"amount": 1, "paymentMethodOptions": {"captureMethod": "automaticDelayed", "captureDelay": 6}},
            {("paymentMethodOptions.captureDelay", "out_of_range")},
        ),
        (
            {"amount": 1, "paymentMethodOptions": {"captureMethod": "automaticDelayed"}},
            {("paymentMethodOptions.captureDelay", "required")},
        ),
        (
            {"amount": 1, "paymentMethodOptions": {"captureDelay": 1}},
            {("paymentMethodOptions.captureDelay", "invalid_value")},
        ),
        (
            {"amount": 1, "paymentMethodOptions": {"card": {"captureDelay": 1}}},
            {("paymentMethodOptions.card.captureDelay", "invalid_value")},
        ),
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_wrong_is_named(body: Object, errors: set[tuple[str, str]], client: httpx.AsyncClient) -> None:
    await is_refused(client, *errors, **body)


async def test_a_cart_says_how_much(client: httpx.AsyncClient) -> None:
    tea, cup = await make.price(client, amount=700), await make.price(client, amount=1500)
    items = [{"price": tea["id"], "quantity": 3}, {"price": cup["id"]}]
    made = await make.payment(client, cart={"items": items})
    assert made["amount"] == 3 * 700 + 1500
    bought = [
        {"price": tea["id"], "quantity": 3, "amount": 700, "type": "one_time"},
        {"price": cup["id"], "quantity": 1, "amount": 1500, "type": "one_time"},
    ]
    assert made["cart"] == {"items": bought}
    same = await make.payment(client, cart={"items": items}, amount=3600)
    assert (same["amount"], same["cart"]) == (3600, made["cart"])


async def test_an_amount_beside_a_cart_must_agree(client: httpx.AsyncClient) -> None:
    cart = {"items": [{"price": (await make.price(client, amount=700))["id"]}]}
    for amount in (699, 701, 1):
        await is_refused(client, ("amount", "invalid_value"), cart=cart, amount=amount)


async def test_a_price_must_be_the_merchants_active_and_in_the_currency(
    client: httpx.AsyncClient, other_shop: Shop
) -> None:
    foreign = (await make.price(other_shop.client))["id"]
    euros = (await make.price(client, currency="eur"))["id"]
    old = (await make.price(client))["id"]
    await client.post(f"/prices/{old}", json={"active": False})
    wrong = [{"price": price} for price in (foreign, euros, old)]
    errors = [(f"cart.items[{index}].price", "invalid_value") for index in range(3)]
    await is_refused(client, *errors, cart={"items": [*wrong, {"price": (await make.price(client))["id"]}]})


async def test_a_recurring_price_needs_a_customer(client: httpx.AsyncClient) -> None:
    club = await make.recurring_price(client, 2000, 3000, amount=500)
    cart = {"items": [{"price": club["id"]}]}
    await is_refused(client, ("customer", "required"), cart=cart)
    made = await make.payment(client, cart=cart, customer=(await make.customer(client))["id"])
    assert made["amount"] == 2500, "the setup fee with the first cycle"


async def test_a_cart_must_come_to_something_and_not_to_too_much(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    free = await make.recurring_price(client, 0, 3000)
    await is_refused(client, ("cart", "out_of_range"), cart={"items": [{"price": free["id"]}]}, customer=customer)
    dear = await make.price(client, amount=999_999_999_999)
    await is_refused(client, ("cart", "out_of_range"), cart={"items": [{"price": dear["id"], "quantity": 2}]})


async def test_a_payment_method_must_be_the_customers(shop: Shop, other_shop: Shop) -> None:
    jane, john = [(await make.customer(shop.client))["id"] for _ in range(2)]
    method = (await make.paid(shop.client, customer=jane))["paymentMethod"]
    theirs = await make.paid(other_shop.client, customer=(await make.customer(other_shop.client))["id"])
    wrong = ("paymentMethod", "invalid_value")
    await is_refused(shop.client, wrong, amount=1, customer=john, paymentMethod=method)
    await is_refused(shop.client, wrong, amount=1, paymentMethod=method)
    await is_refused(shop.client, wrong, amount=1, customer=jane, paymentMethod=theirs["paymentMethod"])
    await is_refused(shop.client, ("customer", "invalid_value"), amount=1, customer=theirs["customer"])
    assert (await make.payment(shop.client, customer=jane, paymentMethod=method))["paymentMethod"] == method


@pytest.mark.parametrize(
    ("options", "captured"),
    [
        (None, ("automaticDelayed", 3)),
        ({}, ("automaticDelayed", 3)),
        ({"card": {}}, ("automaticDelayed", 3)),
        ({"captureMethod": "automatic"}, ("automatic", None)),
        ({"captureDelay": 5}, ("automaticDelayed", 5)),
        ({"card": {"captureMethod": "manual"}}, ("manual", None)),
        ({"captureMethod": "automatic", "card": {"captureMethod": "manual"}}, ("manual", None)),
        ({"captureMethod": "manual", "card": {"captureMethod": "automaticDelayed"}}, ("automaticDelayed", 3)),
        ({"captureDelay": 4, "card": {"captureDelay": 1}}, ("automaticDelayed", 1)),
        ({"captureDelay": 4, "card": {"captureMethod": "manual"}}, ("manual", None)),
        (
            {"captureMethod": "automaticDelayed", "captureDelay": 4, "card": {"captureMethod": "automatic"}},
            ("automatic", None),
        ),
    ],
    ids=str,
)
async def test_the_card_wins_over_all_methods_and_they_over_the_configuration(
    shop: Shop, options: Object | None, captured: tuple[str, int | None]
) -> None:
    (config,) = (await shop.client.get("/merchant-configs")).json()["data"]
    body = {"captureMethod": "automaticDelayed", "captureDelay": 3}
    assert (await shop.client.post(f"/merchant-configs/{config['id']}", json=body)).status_code == 200
    made = await make.payment(shop.client, paymentMethodOptions=options)
    assert (made["captureMethod"], made["captureDelay"]) == captured


async def test_without_a_gateway_there_are_no_payments(app: ASGIApp, database: Database) -> None:
    live = await merchants.create(database.write, make.who(""), "Live Shop", "live")
    async with make.client(app, (await make.key(database, live.id)).value) as client:
        response = await client.post("/payments", json={"amount": 1, "currency": "usd"})
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
        assert (await client.get("/payments")).json()["data"] == []
