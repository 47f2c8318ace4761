"""A list that takes too long is given up and answered 503, and its connection serves the next one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from odus.app import create_app
from odus.kit.db import Limits
from odus.settings import Settings
from tests import make
from tests.faults import store
from tests.make import Shop

SECONDS = 0.05
NARROW = "createdAt[gte]"


@dataclass
class Place:
    """A shop whose lists have one connection and little time."""

    url: str
    shop: Shop

    @asynccontextmanager
    async def held(self, table: str = "customers") -> AsyncIterator[None]:
        """Keep all others from a table."""
        connection = await asyncpg.connect(self.url)
        try:
            async with connection.transaction(), asyncio.timeout(20):
                await connection.execute(f"lock table {table} in access exclusive mode")
                yield
        finally:
            await connection.close()

    async def sessions(self) -> set[int]:
        """Return the processes that serve the lists."""
        connection = await asyncpg.connect(self.url)
        sql = """
            select pid from pg_stat_activity where application_name = 'odus' and datname = current_database()
            and (query like '%pg_current_snapshot%' or query like '%limit%')
        """
        found = {row["pid"] for row in await connection.fetch(sql)}
        await connection.close()
        return found


@pytest.fixture(scope="module")
async def place(server_url: str) -> AsyncIterator[Place]:
    async with store.database(server_url, 2, Limits(1, SECONDS)) as (url, database):
        app = create_app(Settings(log_level="error"), database)
        async with make.shop(app, database) as shop:
            for _ in range(3):
                await make.customer(shop.client)
            yield Place(url, shop)


def check_given_up(response: httpx.Response, hint: str) -> None:
    assert response.status_code == 503, response.text
    problem = response.json()
    assert problem["code"] == "unavailable"
    assert "took too long" in problem["detail"]
    assert hint in problem["detail"]
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({}, NARROW),
        ({"email": "jane@example.com"}, NARROW),
        ({"name[like]": "Smith", "createdAt[gte]": "2024-01-01"}, NARROW),
        ({"cursor": ""}, NARROW),
        ({"page": "20", "pageSize": "100"}, NARROW),
        ({"name[like]": "ab"}, "No index serves name[like]:"),
        ({"email[ne]": "x", "email": "jane@example.com", "metadata[a][like]": "b"}, "email[ne], metadata[a][like]:"),
        ({"phoneNumber[contains]": "555", "cursor": ""}, "No index serves phoneNumber[contains]:"),
        ({"name[like]": "ab", "page": "20", "pageSize": "100"}, "No index serves name[like]:"),
    ],
    ids=str,
)
async def test_a_list_that_takes_too_long_is_answered_503_with_what_to_do(
    place: Place, params: dict[str, str], hint: str
) -> None:
    async with place.held():
        check_given_up(await place.shop.client.get("/customers", params=params), hint)
    response = await place.shop.client.get("/customers", params=params)
    assert response.status_code == 200, response.text


async def test_a_list_that_was_given_up_leaves_its_connection_to_the_next_one(place: Place) -> None:
    count = (await place.shop.client.get("/customers")).json()["pagination"]["itemCount"]
    before = await place.sessions()
    async with place.held():
        for _ in range(3):
            check_given_up(await place.shop.client.get("/customers"), NARROW)
    response = await place.shop.client.get("/customers")
    assert response.json()["pagination"]["itemCount"] == count >= 3
    assert len(before) == 1
    assert await place.sessions() == before


async def test_many_lists_that_are_given_up_at_once_hold_up_nothing_else(place: Place) -> None:
    async with place.held("event_changes"):
        lists = [asyncio.create_task(place.shop.client.get("/events")) for _ in range(10)]
        response = await place.shop.client.get("/customers/cus_000000000000000000000000000")
        assert response.status_code == 404
        for each in await asyncio.gather(*lists):
            check_given_up(each, NARROW)
    assert (await place.shop.client.get("/events")).status_code == 200


async def test_the_history_of_a_customer_that_takes_too_long_is_answered_503(place: Place) -> None:
    made = await make.customer(place.shop.client)
    for table in ("customers", "events"):
        async with place.held(table):
            response = await place.shop.client.get(f"/customers/{made['id']}/events")
            assert (response.status_code, response.json()["code"]) == (503, "unavailable")
            assert int(response.headers["Retry-After"]) >= 1
    assert (await place.shop.client.get(f"/customers/{made['id']}/events")).status_code == 200
