"""Walks through a list by cursor while others write: whoever stays is met once, nobody is met twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count

import msgspec
import pytest

from odus.app import create_app
from odus.customers import queries
from odus.customers.model import Customer
from odus.kit import search
from odus.kit.db import Database, Limits
from odus.settings import Settings
from tests import make
from tests.faults import store
from tests.make import Shop

SORTS = ("createdAt", "updatedAt", "email", "name", "id")
FILTERS: dict[str, dict[str, str]] = {
    "all": {},
    "everybody": {"email[like]": "JANE"},
    "some": {"metadata[tier]": "premium"},
    "few": {"metadata[tier][nin]": "premium,gold"},
}
TIERS = ("premium", "gold", "gold", "gold", "none", "gold", "gold")
NAMES = (None, "", "Jane", "jane", "Straße", "STRASSE")
STAYING = 60


@pytest.fixture(scope="module")
async def database(server_url: str) -> AsyncIterator[Database]:
    async with store.database(server_url, 4, Limits()) as (_, database):
        yield database


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with make.shop(create_app(Settings(log_level="error"), database), database) as shop:
        yield shop


def customers(begin: int, number: int) -> list[Customer]:
    """Make customers of which many share what they are sorted by."""
    made = [
        store.customer(each % 20, NAMES[each % len(NAMES)], TIERS[each % len(TIERS)])
        for each in range(begin, begin + number)
    ]
    return [
        msgspec.structs.replace(each, email=f"jane{position % 3}@example.com") for position, each in enumerate(made)
    ]


async def write(database: Database, merchant_id: str, numbers: Iterator[int]) -> None:
    """Add customers and remove them again, for ever; some in one statement, and some of them again and again."""
    while True:
        some = customers(next(numbers), 5)
        await queries.copy(database.write, merchant_id, some)
        sql = "delete from customers where merchant_id = $1 and id = any($2)"
        await database.write.run(sql, merchant_id, [customer.id for customer in some[:4]])


async def walk(shop: Shop, **params: str) -> list[dict[str, object]]:
    """Return all that a walk meets."""
    found: list[dict[str, object]] = []
    cursor: str | None = ""
    while cursor is not None:
        response = await shop.client.get("/customers", params={**params, "cursor": cursor})
        assert response.status_code == 200, response.text
        assert set(response.json()["pagination"]) == {"hasNextPage", "pageSize", "nextCursor"}
        found += response.json()["data"]
        cursor = response.json()["pagination"]["nextCursor"]
    return found


@pytest.fixture
def _short_glances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the list be longer than what is looked at, so that all ways to go on are gone."""
    monkeypatch.setattr(search, "GLANCE", 2)
    monkeypatch.setattr(search, "LONG_GLANCE", 25)
    monkeypatch.setattr(search, "FEW", 5)


@pytest.mark.usefixtures("_short_glances")
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", FILTERS)
async def test_a_walk_meets_whoever_stays_once_and_nobody_twice(
    shop: Shop, database: Database, sort: str, direction: str, filters: str
) -> None:
    made = customers(0, STAYING)
    staying = [each for each in made if _matches(each, filters)]
    assert len(staying) == {"all": 60, "everybody": 60, "some": 9, "few": 8}[filters]
    await queries.copy(database.write, shop.merchant_id, made)
    writers = [asyncio.create_task(write(database, shop.merchant_id, count(start))) for start in (0, 1000)]
    try:
        for _ in range(3):
            found = await walk(shop, sortBy=sort, sortDirection=direction, pageSize="3", **FILTERS[filters])
            times = Counter(row["id"] for row in found)
            assert {times[customer.id] for customer in staying} == {1}
            assert set(times.values()) == {1}
            assert not times.keys() & {customer.id for customer in made if not _matches(customer, filters)}
    finally:
        for writer in writers:
            writer.cancel()
        ends = await asyncio.gather(*writers, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []


def _matches(customer: Customer, filters: str) -> bool:
    return filters in ("all", "everybody") or customer.metadata["tier"] == {"some": "premium", "few": "none"}[filters]


async def test_a_walk_passes_on_to_those_without_a_name_only_behind_all_that_have_one(
    shop: Shop, database: Database
) -> None:
    """A glance that ends among those with a name has seen nobody without one, whatever stands there."""
    names = ["0 first", *(f"0 g{number:02}" for number in range(40)), "0 last", None, None, None]
    tiers = ["vip", *["none"] * 40, "vip", "vip", "vip", "vip"]
    made = [store.customer(number, name, tier) for number, (name, tier) in enumerate(zip(names, tiers, strict=True))]
    await queries.copy(database.write, shop.merchant_id, made)
    for filters in ({"metadata[tier]": "vip"}, {"metadata[tier][like]": "VIP"}, {"metadata[tier][ne]": "none"}):
        for direction, wanted in (("asc", [0, 41, 42, 43, 44]), ("desc", [44, 43, 42, 41, 0])):
            found = await walk(shop, pageSize="1", sortBy="name", sortDirection=direction, **filters)
            assert [row["id"] for row in found] == [made[number].id for number in wanted]


async def test_a_walk_goes_on_where_the_row_that_it_stands_at_is_gone(shop: Shop, database: Database) -> None:
    staying = customers(0, 10)
    await queries.copy(database.write, shop.merchant_id, staying)
    params = {"pageSize": "3", "sortBy": "name"}
    step = (await shop.client.get("/customers", params={**params, "cursor": ""})).json()
    cursor = step["pagination"]["nextCursor"]
    await database.write.run("delete from customers where id = $1", step["data"][-1]["id"])
    rest = (await shop.client.get("/customers", params={**params, "pageSize": "100", "cursor": cursor})).json()
    ids = [row["id"] for row in step["data"] + rest["data"]]
    assert sorted(ids) == sorted(customer.id for customer in staying)
