"""Lists of payments and of payment methods: each filter against what was made, and counts that stay exact."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from odus.app import create_app
from odus.kit import counts
from odus.kit.db import Database, Limits
from odus.settings import Settings
from tests import make
from tests.faults import store
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import DELAYED, MANUAL, Object


async def some(client: httpx.AsyncClient) -> list[Object]:
    """Make payments of all sorts; return them as they are in the end."""
    jane, john = [str((await make.customer(client))["id"]) for _ in range(2)]
    made = [
        await make.payment(client, amount=1, metadata={"tier": "Gold"}),
        await make.payment(client, amount=999_999_999_999, currency="jpy", customer=jane),
        await make.paid(client, amount=100, customer=jane, metadata={"tier": "gold"}),
        await make.paid(client, make.MASTERCARD, amount=200, currency="eur", customer=john, initiator="merchant"),
        await make.paid(client, make.DECLINED, amount=100, customer=john),
        await make.paid(client, make.CHALLENGED, customer=jane),
        await make.paid(client, paymentMethodOptions=MANUAL, metadata={"tier": "silver", "a": "b"}),
        await make.paid(client, paymentMethodOptions=DELAYED),
        await make.paid(client, make.MASTERCARD, customer=jane),
        await make.paid(client, customer=john, currency="eur"),
        await make.paid(client),
        await make.payment(client),
    ]
    for index, verb, body in (
        (8, "reverse", {"amount": 1}),
        (9, "reverse", {}),
        (10, "record-chargeback", {}),
        (11, "cancel", {}),
    ):
        await acts.act(client, made[index], verb, body)
    return [await acts.current(client, each) for each in made]


def _filters(made: list[Object]) -> list[tuple[dict[str, str], Callable[[Object], bool]]]:
    jane, visa = made[1]["customer"], made[2]["paymentMethod"]
    at = made[5]["createdAt"]
    return [
        ({"customer": jane}, lambda row: row["customer"] == jane),
        ({"customer[eq]": jane.upper()}, lambda row: row["customer"] == jane.upper()),
        ({"customer[ne]": jane}, lambda row: row["customer"] != jane),
        ({"customer[exists]": "false"}, lambda row: row["customer"] is None),
        ({"customer[in]": f"{jane},cus_x"}, lambda row: row["customer"] == jane),
        ({"status": "succeeded"}, lambda row: row["status"] == "succeeded"),
        ({"status[in]": "open,requires_action"}, lambda row: row["status"] in ("open", "requires_action")),
        ({"status[like]": "REQUIRES"}, lambda row: row["status"] == "requires_action"),
        *(
            ({"displayStatus[eq]": state}, lambda row, state=state: row["displayStatus"] == state)
            for state in (
                *("unattempted", "incomplete", "failed", "uncaptured", "succeeded", "partially_reversed", "reversed"),
                *("chargeback", "cancelled"),
            )
        ),
        ({"displayStatus[nin]": "failed,reversed"}, lambda row: row["displayStatus"] not in ("failed", "reversed")),
        ({"amount": "100"}, lambda row: row["amount"] == 100),
        ({"amount[gt]": "100", "amount[lte]": "4200"}, lambda row: 100 < row["amount"] <= 4200),
        ({"amount[gte]": "4200"}, lambda row: row["amount"] >= 4200),
        ({"amount[lt]": "200"}, lambda row: row["amount"] < 200),
        ({"amount[in]": "1,200"}, lambda row: row["amount"] in (1, 200)),
        ({"amount[nin]": "4200"}, lambda row: row["amount"] != 4200),
        ({"amount[ne]": "4200"}, lambda row: row["amount"] != 4200),
        ({"currency": "eur"}, lambda row: row["currency"] == "eur"),
        ({"currency[ne]": "usd"}, lambda row: row["currency"] != "usd"),
        ({"paymentMethod": visa}, lambda row: row["paymentMethod"] == visa),
        ({"paymentMethod[exists]": "true"}, lambda row: row["paymentMethod"] is not None),
        ({"subscription[exists]": "true"}, lambda row: row["subscription"] is not None),
        ({"subscription[ne]": "sub_x"}, lambda row: row["subscription"] != "sub_x"),
        ({"initiator": "merchant"}, lambda row: row["initiator"] == "merchant"),
        ({"offSessionType": "recurring"}, lambda row: row["offSessionType"] == "recurring"),
        ({"offSessionType[exists]": "false"}, lambda row: row["offSessionType"] is None),
        ({"createdAt[gte]": at}, lambda row: row["createdAt"] >= at),
        ({"createdAt[lt]": at}, lambda row: row["createdAt"] < at),
        ({"updatedAt[gt]": at}, lambda row: row["updatedAt"] > at),
        ({"metadata[tier]": "gold"}, lambda row: row["metadata"].get("tier") == "gold"),
        ({"metadata[tier][like]": "GOLD"}, lambda row: "gold" in row["metadata"].get("tier", "").lower()),
        ({"metadata[tier][exists]": "false"}, lambda row: "tier" not in row["metadata"]),
        ({"id[in]": f"{made[0]['id']},{made[3]['id']}"}, lambda row: row["id"] in (made[0]["id"], made[3]["id"])),
        ({"customer": jane, "currency": "usd", "amount[gt]": "100"},
         lambda row: (row["customer"], row["currency"]) == (jane, "usd") and row["amount"] > 100),
    ]  # fmt: skip


@pytest.fixture(scope="module")
async def database(server_url: str) -> AsyncIterator[Database]:
    async with store.database(server_url, 4, Limits()) as (_, database):
        yield database


@pytest.fixture(scope="module")
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with make.shop(create_app(Settings(log_level="error"), database), database) as shop:
        yield shop


async def check(shop: Shop, made: list[Object]) -> None:
    """Hold every filter against what was made, twice, so that a kept count is asked for, too."""
    for params, holds in _filters(made):
        expected = [row for row in made if holds(row)]
        for _ in range(2):
            response = await shop.client.get("/payments", params={**params, "pageSize": "100"})
            assert response.status_code == 200, response.text
            assert response.json()["data"] == expected, params
            assert response.json()["pagination"]["itemCount"] == len(expected), params


async def test_each_filter_finds_what_was_made_and_its_kept_count_stays_exact(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 0)
    made = await some(shop.client)
    await check(shop, made)
    for index, verb, body in (
        (0, "authorize", {"card": make.card(make.INSUFFICIENT)}),
        (5, "complete-action", {"outcome": "succeeded"}),
        (6, "cancel", {}),
        (7, "capture", {"amount": 1}),
        (9, "record-chargeback", {}),
    ):
        await acts.act(shop.client, made[index], verb, body)
    await check(shop, [await acts.current(shop.client, each) for each in made])


@pytest.mark.parametrize("field", ["createdAt", "updatedAt", "amount", "id"])
async def test_lists_sort_by_time_amount_and_id(shop: Shop, field: str) -> None:
    await some(shop.client)
    for direction, is_down in (("asc", False), ("desc", True)):
        params = {"sortBy": field, "sortDirection": direction, "pageSize": "100"}
        rows = (await shop.client.get("/payments", params=params)).json()["data"]
        assert rows == sorted(rows, key=lambda row: (row[field], row["id"]), reverse=is_down)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"status": "paid"}, "status"),
        ({"displayStatus": "x"}, "displayStatus"),
        ({"initiator": "bank"}, "initiator"),
        ({"amount": "4.2"}, "amount"),
        ({"amount[gt]": "x"}, "amount[gt]"),
        ({"amount[like]": "4"}, "amount[like]"),
        ({"checkoutUrl": "x"}, "checkoutUrl"),
        ({"reference": "x"}, "reference"),
        ({"sortBy": "checkoutUrl"}, "sortBy"),
    ],
    ids=str,
)
async def test_what_cannot_be_filtered_or_sorted_by_is_named(shop: Shop, params: dict[str, str], field: str) -> None:
    response = await shop.client.get("/payments", params=params)
    assert response.status_code == 400, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_payment_methods_are_listed_by_customer_default_and_metadata(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 0)
    client = shop.client
    jane, john = [str((await make.customer(client))["id"]) for _ in range(2)]
    for customer, number in ((jane, make.VISA), (jane, make.MASTERCARD), (john, make.VISA), (jane, make.APPROVED_ONCE)):
        await make.paid(client, number, customer=customer)
    rows = (await client.get("/payment-methods", params={"customer[in]": f"{jane},{john}"})).json()["data"]
    await client.post(f"/payment-methods/{rows[1]['id']}", json={"metadata": {"label": "Company"}, "isDefault": True})
    await client.post(f"/payment-methods/{rows[3]['id']}/detach", json={})
    rows = [(await client.get(f"/payment-methods/{row['id']}")).json() for row in rows[:3]]
    both = {"customer[in]": f"{jane},{john}"}
    asked: list[tuple[dict[str, str], Callable[[Object], bool]]] = [
        ({}, lambda _: True),
        ({"customer": jane}, lambda row: row["customer"] == jane),
        ({"isDefault": "true"}, lambda row: row["isDefault"]),
        ({"isDefault[eq]": "false"}, lambda row: not row["isDefault"]),
        ({"isDefault[ne]": "true"}, lambda row: not row["isDefault"]),
        ({"customer": jane, "isDefault[eq]": "true"}, lambda row: row["customer"] == jane and row["isDefault"]),
        ({"type": "card"}, lambda _: True),
        ({"metadata[label]": "Company"}, lambda row: row["metadata"].get("label") == "Company"),
        ({"createdAt[gt]": rows[0]["createdAt"]}, lambda row: row["createdAt"] > rows[0]["createdAt"]),
        ({"id": rows[2]["id"]}, lambda row: row["id"] == rows[2]["id"]),
    ]
    for params, holds in asked:
        for _ in range(2):
            page = (await client.get("/payment-methods", params={**both, **params})).json()
            assert page["data"] == [row for row in rows if holds(row)], params
            assert page["pagination"]["itemCount"] == len(page["data"]), params
    response = await client.get("/payment-methods", params={"isDefault": "yes"})
    assert [error["field"] for error in response.json()["errors"]] == ["isDefault"]
