import re
from collections.abc import Mapping

import httpx
import pytest

from odus.kit.ids import new_id
from tests import make, operations
from tests.make import Shop

PRODUCT = {
    "name": "Coffee club",
    "description": "A bag of beans\neach month",
    "statementDescriptor": "COFFEE CLUB",
    "metadata": {"shelf": "A4"},
}


async def test_a_product_is_shown_as_it_was_sent_and_is_active(client: httpx.AsyncClient) -> None:
    shown = await make.product(client, **PRODUCT)
    assert [*shown] == [
        *("id", "name", "description", "statementDescriptor", "active", "metadata", "createdAt", "updatedAt")
    ]
    assert {name: shown[name] for name in PRODUCT} == PRODUCT
    assert shown["active"] is True
    assert re.fullmatch(r"prod_[0-9A-Za-z]{27}", str(shown["id"]))
    assert (await client.get(f"/products/{shown['id']}")).json() == shown


async def test_only_the_name_of_a_product_is_required(client: httpx.AsyncClient) -> None:
    operations.assert_invalid(await client.post("/products", json={}), {("name", "required")})
    shown = await make.product(client)
    assert (shown["description"], shown["statementDescriptor"], shown["metadata"]) == (None, None, {})


WRONG_PRODUCTS = (
    ({"name": ""}, ("name", "too_short")),
    ({"name": "x" * 256}, ("name", "too_long")),
    ({"name": None}, ("name", "invalid_type")),
    ({"description": "x" * 1001}, ("description", "too_long")),
    ({"statementDescriptor": "x" * 23}, ("statementDescriptor", "too_long")),
    ({"statementDescriptor": "A<B"}, ("statementDescriptor", "invalid_format")),
    ({"statementDescriptor": "1234"}, ("statementDescriptor", "invalid_format")),
    ({"active": True}, ("active", "unknown_field")),
)


@pytest.mark.parametrize(("fields", "error"), WRONG_PRODUCTS)
async def test_a_product_that_is_wrong_is_refused(
    client: httpx.AsyncClient, fields: dict[str, object], error: tuple[str, str]
) -> None:
    operations.assert_invalid(await client.post("/products", json={"name": "Tea", **fields}), {error})


async def test_an_update_of_a_product_changes_what_it_includes_and_writes_one_event(client: httpx.AsyncClient) -> None:
    product = await make.product(client, **PRODUCT)
    body = {"description": None, "active": False, "metadata": {"shelf": "", "row": "7"}}
    changed = (await client.post(f"/products/{product['id']}", json=body)).json()
    expected = {"description": None, "active": False, "metadata": {"row": "7"}, "updatedAt": changed["updatedAt"]}
    assert changed == {**product, **expected}
    events = (await client.get("/events", params={"resource": str(product["id"])})).json()["data"]
    assert [event["eventType"] for event in events] == ["product.created", "product.updated"]
    assert set(events[1]["changes"]) == {"description", "active", "metadata.shelf", "metadata.row"}
    assert (await client.post(f"/products/{product['id']}", json=body)).json() == changed


CYCLES = [
    {"position": 1, "amount": 1000, "intervalUnit": "week", "intervalValue": 2},
    {"position": 2, "amount": 2000, "intervalUnit": "month", "intervalValue": 1},
]


async def test_a_price_that_is_paid_once_is_shown_as_it_was_sent(client: httpx.AsyncClient) -> None:
    product = await make.product(client)
    body = {"product": product["id"], "name": "Once", "type": "one_time", "currency": "jpy", "amount": 1250}
    shown = await make.price(client, **body)
    assert [*shown] == [
        *("id", "product", "name", "type", "currency", "amount", "billingSchedule", "active", "metadata"),
        *("createdAt", "updatedAt"),
    ]
    assert {name: shown[name] for name in body} == body
    assert (shown["billingSchedule"], shown["active"], shown["metadata"]) == (None, True, {})
    assert re.fullmatch(r"price_[0-9A-Za-z]{27}", str(shown["id"]))
    assert (await client.get(f"/prices/{shown['id']}")).json() == shown


async def test_cycles_are_shown_by_position_whatever_order_they_were_sent_in(client: httpx.AsyncClient) -> None:
    shown = await make.price(client, type="recurring", amount=None, billingSchedule={"cycleDefinitions": CYCLES[::-1]})
    assert shown["billingSchedule"] == {"cycleDefinitions": CYCLES}
    assert shown["amount"] == 0


async def test_a_recurring_price_may_have_a_setup_fee(client: httpx.AsyncClient) -> None:
    assert (await make.recurring_price(client, 1000, amount=500))["amount"] == 500
    assert (await make.recurring_price(client, 1000, amount=0))["amount"] == 0


def _schedule(*cycles: Mapping[str, object]) -> dict[str, object]:
    whole = {"position": 1, "amount": 100, "intervalUnit": "month", "intervalValue": 1}
    return {"type": "recurring", "billingSchedule": {"cycleDefinitions": [{**whole, **cycle} for cycle in cycles]}}


AT = "billingSchedule.cycleDefinitions"
WRONG_PRICES: tuple[tuple[dict[str, object], set[tuple[str, str]]], ...] = (
    ({"amount": None}, {("amount", "required")}),
    ({"amount": 0}, {("amount", "out_of_range")}),
    ({"amount": -1}, {("amount", "out_of_range")}),
    ({"amount": 1_000_000_000_000}, {("amount", "out_of_range")}),
    ({"amount": True}, {("amount", "invalid_type")}),
    ({"amount": 12.5}, {("amount", "invalid_type")}),
    ({"amount": "1250"}, {("amount", "invalid_type")}),
    ({"currency": "USD"}, {("currency", "invalid_format")}),
    ({"currency": "xxx"}, {("currency", "invalid_format")}),
    ({"type": "weekly"}, {("type", "invalid_value")}),
    ({"name": ""}, {("name", "too_short")}),
    ({"product": None}, {("product", "invalid_type")}),
    ({"active": False}, {("active", "unknown_field")}),
    ({**_schedule({}), "type": "one_time"}, {("billingSchedule", "invalid_value")}),
    ({"type": "recurring"}, {("billingSchedule", "required")}),
    (_schedule(), {(AT, "too_short")}),
    (_schedule(*[{"position": number} for number in range(1, 22)]), {(AT, "too_many")}),
    (_schedule({"position": 2}), {(f"{AT}[0].position", "invalid_value")}),
    (_schedule({"position": 0}), {(f"{AT}[0].position", "out_of_range")}),
    (_schedule({}, {}), {(f"{AT}[1].position", "invalid_value")}),
    (_schedule({}, {"position": 3}), {(f"{AT}[1].position", "invalid_value")}),
    (_schedule({"amount": -1}), {(f"{AT}[0].amount", "out_of_range")}),
    (_schedule({"amount": False}), {(f"{AT}[0].amount", "invalid_type")}),
    (_schedule({"intervalUnit": "fortnight"}), {(f"{AT}[0].intervalUnit", "invalid_value")}),
    (_schedule({"intervalValue": 0}), {(f"{AT}[0].intervalValue", "out_of_range")}),
    (_schedule({"repeat": 3}), {(f"{AT}[0].repeat", "unknown_field")}),
)


@pytest.mark.parametrize(("fields", "errors"), WRONG_PRICES)
async def test_a_price_that_is_wrong_is_refused(
    client: httpx.AsyncClient, fields: dict[str, object], errors: set[tuple[str, str]]
) -> None:
    product = await make.product(client)
    body = {"product": product["id"], "name": "Once", "type": "one_time", "currency": "usd", "amount": 2000, **fields}
    operations.assert_invalid(await client.post("/prices", json=body), errors)
    assert (await client.get("/prices")).json()["data"] == []


@pytest.mark.parametrize(
    ("unit", "most"),
    [("minute", 2_628_000), ("hour", 43_800), ("day", 1_825), ("week", 260), ("month", 60), ("year", 5)],
)
async def test_a_cycle_lasts_at_most_five_years(client: httpx.AsyncClient, unit: str, most: int) -> None:
    product = await make.product(client)
    body = {"product": product["id"], "name": "Long", "currency": "usd"}
    cycle: dict[str, object] = {"intervalUnit": unit, "intervalValue": most}
    assert (await client.post("/prices", json={**body, **_schedule(cycle)})).status_code == 201
    refused = await client.post("/prices", json={**body, **_schedule({**cycle, "intervalValue": most + 1})})
    operations.assert_invalid(refused, {(f"{AT}[0].intervalValue", "out_of_range")})


@pytest.mark.parametrize("product", ["", "x", "prod_1", "x" * 255, "cus_2R0uWz4tu9wxTMBXxj9CJfSE9vV", "é"])
async def test_a_price_of_no_product_is_refused(client: httpx.AsyncClient, product: str) -> None:
    body = {"product": product, "name": "Once", "type": "one_time", "currency": "usd", "amount": 2000}
    operations.assert_invalid(await client.post("/prices", json=body), {("product", "invalid_value")})


async def test_another_merchants_product_is_as_unknown_as_none(client: httpx.AsyncClient, other_shop: Shop) -> None:
    theirs = await make.product(other_shop.client)
    body = {"name": "Once", "type": "one_time", "currency": "usd", "amount": 2000}
    refused = [await client.post("/prices", json={**body, "product": each}) for each in (theirs["id"], new_id("prod"))]
    first, second = map(operations.without_request_id, refused)
    assert first == second


async def test_an_inactive_product_takes_no_price_until_it_is_active_again(client: httpx.AsyncClient) -> None:
    product = await make.product(client)
    body = {"product": product["id"], "name": "Once", "type": "one_time", "currency": "usd", "amount": 2000}
    await client.post(f"/products/{product['id']}", json={"active": False})
    refused = await client.post("/prices", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await client.get("/prices")).json()["data"] == []
    assert (await client.get("/events", params={"eventType": "price.created"})).json()["data"] == []
    await client.post(f"/products/{product['id']}", json={"active": True})
    assert (await client.post("/prices", json=body)).status_code == 201


@pytest.mark.parametrize("name", ["product", "type", "currency", "amount", "billingSchedule", "id", "createdAt"])
async def test_what_a_price_costs_never_changes(client: httpx.AsyncClient, name: str) -> None:
    price = await make.recurring_price(client)
    response = await client.post(f"/prices/{price['id']}", json={name: price[name]})
    operations.assert_invalid(response, {(name, "unknown_field")})


async def test_an_update_of_a_price_changes_what_it_includes_and_writes_one_event(client: httpx.AsyncClient) -> None:
    price = await make.recurring_price(client, 1000, 2000, metadata={"a": "1", "b": "2"})
    body = {"name": "Old", "active": False, "metadata": {"a": "", "c": "3"}}
    changed = (await client.post(f"/prices/{price['id']}", json=body)).json()
    expected = {"name": "Old", "active": False, "metadata": {"b": "2", "c": "3"}, "updatedAt": changed["updatedAt"]}
    assert changed == {**price, **expected}
    assert (await client.get(f"/prices/{price['id']}")).json() == changed
    events = (await client.get("/events", params={"resource": str(price["id"])})).json()["data"]
    assert [event["eventType"] for event in events] == ["price.created", "price.updated"]
    assert set(events[1]["changes"]) == {"name", "active", "metadata.a", "metadata.c"}
