import httpx
import pytest

from odus.kit.db import Database
from odus.products import queries
from tests import make
from tests.make import Shop


async def names(client: httpx.AsyncClient, path: str, **query: str) -> list[str]:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["data"]]


@pytest.fixture
async def shelf(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Give a shop of two products with four prices: 5, 1250 and 2000 once, and 1000 a month with a fee of 500."""
    coffee = await make.product(client, name="Coffee", metadata={"shelf": "A"})
    tea = await make.product(client, name="Tee süß", metadata={"shelf": "B"})
    await make.price(client, product=coffee["id"], name="Cup", amount=5, currency="eur")
    await make.price(client, product=coffee["id"], name="Bag", amount=2000)
    await make.price(client, product=tea["id"], name="Tin", amount=1250, currency="jpy", metadata={"size": "L"})
    await make.recurring_price(client, 1000, product=tea["id"], name="Club", amount=500)
    await client.post(f"/products/{tea['id']}", json={"active": False})
    return client


PRICES: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({"amount": "1250"}, ["Tin"]),
    ({"amount[ne]": "1250"}, ["Cup", "Bag", "Club"]),
    ({"amount[gt]": "500"}, ["Bag", "Tin"]),
    ({"amount[gte]": "500"}, ["Bag", "Tin", "Club"]),
    ({"amount[lt]": "500"}, ["Cup"]),
    ({"amount[lte]": "500"}, ["Cup", "Club"]),
    ({"amount[gte]": "500", "amount[lt]": "2000"}, ["Tin", "Club"]),
    ({"amount[in]": "5,2000"}, ["Cup", "Bag"]),
    ({"amount[nin]": "5,2000"}, ["Tin", "Club"]),
    ({"amount[exists]": "true"}, ["Cup", "Bag", "Tin", "Club"]),
    ({"amount[exists]": "false"}, []),
    ({"amount[lt]": str(-(2**63))}, []),
    ({"currency": "usd"}, ["Bag", "Club"]),
    ({"currency[nin]": "usd,eur"}, ["Tin"]),
    ({"type": "recurring"}, ["Club"]),
    ({"active": "true"}, ["Cup", "Bag", "Tin", "Club"]),
    ({"active[ne]": "true"}, []),
    ({"name[like]": "C"}, ["Cup", "Club"]),
    ({"metadata[size]": "L"}, ["Tin"]),
    ({"sortBy": "amount"}, ["Cup", "Club", "Tin", "Bag"]),
    ({"sortBy": "amount", "sortDirection": "desc"}, ["Bag", "Tin", "Club", "Cup"]),
    ({"sortBy": "name"}, ["Bag", "Club", "Cup", "Tin"]),
)


@pytest.mark.parametrize(("query", "expected"), PRICES)
async def test_prices_are_filtered_and_sorted(
    shelf: httpx.AsyncClient, query: dict[str, str], expected: list[str]
) -> None:
    assert await names(shelf, "/prices", **query) == expected


async def test_the_prices_of_one_product_are_listed(shelf: httpx.AsyncClient) -> None:
    coffee = (await shelf.get("/products", params={"name": "Coffee"})).json()["data"][0]["id"]
    assert await names(shelf, "/prices", product=coffee) == ["Cup", "Bag"]


PRODUCTS: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({"active": "true"}, ["Coffee"]),
    ({"active": "false"}, ["Tee süß"]),
    ({"active[ne]": "false"}, ["Coffee"]),
    ({"name[like]": "SÜSS"}, ["Tee süß"]),
    ({"name": "Tee süß"}, ["Tee süß"]),
    ({"metadata[shelf]": "A"}, ["Coffee"]),
    ({"sortBy": "name", "sortDirection": "desc"}, ["Tee süß", "Coffee"]),
)


@pytest.mark.parametrize(("query", "expected"), PRODUCTS)
async def test_products_are_filtered_and_sorted(
    shelf: httpx.AsyncClient, query: dict[str, str], expected: list[str]
) -> None:
    assert await names(shelf, "/products", **query) == expected


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_a_walk_by_amount_gives_each_price_once(shelf: httpx.AsyncClient, direction: str) -> None:
    for _ in range(3):
        await make.price(shelf, name="Same", amount=1250)
    query = {"sortBy": "amount", "sortDirection": direction, "pageSize": "2"}
    everything = await names(shelf, "/prices", **{**query, "pageSize": "100"})
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        step = (await shelf.get("/prices", params={**query, "cursor": cursor})).json()
        walked += [price["name"] for price in step["data"]]
        cursor = step["pagination"]["nextCursor"]
    assert walked == everything
    assert len(walked) == 7


async def test_many_prices_are_read_at_once_and_none_of_another_merchant(
    shop: Shop, other_shop: Shop, database: Database
) -> None:
    once, monthly = await make.price(shop.client, amount=700), await make.recurring_price(shop.client, 1000, amount=500)
    theirs = await make.price(other_shop.client)
    asked = [str(each["id"]) for each in (monthly, once, theirs, once)]
    found = await queries.get_prices(database.read, shop.merchant_id, asked)
    assert [price.id for price in found] == sorted([once["id"], monthly["id"]])  # pyright: ignore[reportArgumentType]
    assert {price.type: price.first_amount for price in found} == {"one_time": 700, "recurring": 1500}
    assert await queries.get_price(database.read, shop.merchant_id, str(theirs["id"])) is None
