"""Lists of subscriptions: each filter against what was made, and counts that stay exact."""

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
from tests.subscriptions import acts
from tests.subscriptions.acts import Object


async def some(client: httpx.AsyncClient) -> list[Object]:
    """Make subscriptions of all sorts; return them as they are in the end."""
    jane, john = [str((await make.customer(client))["id"]) for _ in range(2)]
    month, week = await acts.price(client), await acts.price(client, acts.cycle(5, "week"))
    made = [
        await acts.subscribed(client, make.VISA, month, customer=jane),
        await acts.subscribed(client, make.MASTERCARD, month, customer=john),
        await acts.subscribed(client, make.VISA, week, customer=jane),
        await acts.subscribed(client, make.VISA, week, customer=john),
    ]
    for index, tier in enumerate(("Gold", "gold", "silver")):
        await acts.act(client, made[index], "", {"metadata": {"tier": tier}})
    await acts.act(client, made[1], "cancel", {"cancelImmediately": True})
    return [await acts.current(client, each) for each in made]


def _filters(made: list[Object]) -> list[tuple[dict[str, str], Callable[[Object], bool]]]:
    jane, month, at, end = made[0]["customer"], made[0]["price"], made[2]["createdAt"], made[2]["currentPeriodEnd"]
    return [
        ({}, lambda _: True),
        ({"customer": jane}, lambda row: row["customer"] == jane),
        ({"customer[ne]": jane}, lambda row: row["customer"] != jane),
        ({"customer[in]": f"{jane},cus_x"}, lambda row: row["customer"] == jane),
        ({"status": "active"}, lambda row: row["status"] == "active"),
        ({"status[ne]": "active"}, lambda row: row["status"] == "cancelled"),
        ({"status[in]": "active,cancelled"}, lambda _: True),
        ({"price": month}, lambda row: row["price"] == month),
        ({"price[nin]": month}, lambda row: row["price"] != month),
        ({"currentPeriodEnd[lte]": end}, lambda row: row["currentPeriodEnd"] <= end),
        ({"currentPeriodEnd[gt]": end}, lambda row: row["currentPeriodEnd"] > end),
        ({"currentPeriodEnd": end}, lambda row: row["currentPeriodEnd"] == end),
        ({"createdAt[gte]": at}, lambda row: row["createdAt"] >= at),
        ({"createdAt[lt]": at}, lambda row: row["createdAt"] < at),
        ({"updatedAt[gt]": at}, lambda row: row["updatedAt"] > at),
        ({"metadata[tier]": "gold"}, lambda row: row["metadata"].get("tier") == "gold"),
        ({"metadata[tier][like]": "GOLD"}, lambda row: "gold" in row["metadata"].get("tier", "").lower()),
        ({"metadata[tier][exists]": "false"}, lambda row: "tier" not in row["metadata"]),
        ({"id[in]": f"{made[0]['id']},{made[3]['id']}"}, lambda row: row["id"] in (made[0]["id"], made[3]["id"])),
        ({"customer": jane, "price": month}, lambda row: (row["customer"], row["price"]) == (jane, month)),
    ]


@pytest.fixture(scope="module")
async def database(server_url: str) -> AsyncIterator[Database]:
    async with store.database(server_url, 4, Limits()) as (_, database):
        yield database


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with make.shop(create_app(Settings(log_level="error"), database), database) as shop:
        yield shop


async def check(shop: Shop, made: list[Object]) -> None:
    """Hold every filter against what was made, twice, so that a kept count is asked for, too."""
    for params, holds in _filters(made):
        expected = [row for row in made if holds(row)]
        for _ in range(2):
            response = await shop.client.get("/subscriptions", params={**params, "pageSize": "100"})
            assert response.status_code == 200, response.text
            assert response.json()["data"] == expected, params
            assert response.json()["pagination"]["itemCount"] == len(expected), params


async def test_each_filter_finds_what_was_made_and_its_kept_count_stays_exact(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 0)
    made = await some(shop.client)
    await check(shop, made)
    await acts.act(shop.client, made[0], "cancel", {"cancelImmediately": True})
    await acts.act(shop.client, made[3], "", {"metadata": {"tier": "gold"}})
    await check(shop, [await acts.current(shop.client, each) for each in made])
    await acts.advance(shop.client, acts.later(made[2]["currentPeriodEnd"], days=1))
    await check(shop, [await acts.current(shop.client, each) for each in made])


@pytest.mark.parametrize("field", ["createdAt", "updatedAt", "currentPeriodEnd", "id"])
async def test_lists_sort_by_time_and_id(shop: Shop, field: str) -> None:
    await some(shop.client)
    for direction, is_down in (("asc", False), ("desc", True)):
        params = {"sortBy": field, "sortDirection": direction, "pageSize": "100"}
        rows = (await shop.client.get("/subscriptions", params=params)).json()["data"]
        assert rows == sorted(rows, key=lambda row: (row[field], row["id"]), reverse=is_down)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"status": "retrying"}, "status"),
        ({"currentPeriodEnd": "soon"}, "currentPeriodEnd"),
        ({"currentPeriodEnd[like]": "2026"}, "currentPeriodEnd[like]"),
        ({"quantity": "1"}, "quantity"),
        ({"sortBy": "status"}, "sortBy"),
    ],
    ids=str,
)
async def test_what_cannot_be_filtered_or_sorted_by_is_named(shop: Shop, params: dict[str, str], field: str) -> None:
    response = await shop.client.get("/subscriptions", params=params)
    assert response.status_code == 400, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]
