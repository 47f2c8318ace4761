"""The list of customers beside a plain model of it, before and after changes, page by page and by cursor.

`ODUS_TEST_LIST_EXAMPLES` says how many sets of customers are looked at, each by several queries. Unless it is set, a
run is the same each time.
"""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odus.app import create_app
from odus.customers import queries
from odus.customers.model import Customer
from odus.kit import bodies, counts, db, search
from odus.kit.db import Database
from odus.migrations.upgrade import upgrade
from odus.settings import Settings
from tests import make
from tests.customers import list_model, list_strategies
from tests.customers.list_model import Filter, Query, Row
from tests.faults.store import customer as store_customer
from tests.make import Shop

EXAMPLES = int(os.environ.get("ODUS_TEST_LIST_EXAMPLES", "200"))

modelled = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="ODUS_TEST_LIST_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
some_customers = st.lists(list_strategies.customers(), max_size=12, unique_by=lambda each: each.id)


@dataclass
class Store:
    """A shop whose writes are kept, so that its counts are kept, too; and what must be in it."""

    database: Database
    shop: Shop
    rows: dict[str, Row]

    async def add(self, customers: list[Customer]) -> None:
        """Add customers."""
        await queries.copy(self.database.write, self.shop.merchant_id, customers)
        self.rows |= {customer.id: json.loads(bodies.encode(customer)) for customer in customers}

    async def remove(self, ids: list[str]) -> None:
        """Remove customers."""
        sql = "delete from customers where merchant_id = $1 and id = any($2)"
        await self.database.write.run(sql, self.shop.merchant_id, ids)
        for customer_id in ids:
            del self.rows[customer_id]

    async def rename(self, customer_id: str, name: str | None) -> None:
        """Give a customer another name."""
        response = await self.shop.client.post(f"/customers/{customer_id}", json={"name": name})
        assert response.status_code == 200, response.text
        self.rows[customer_id] = response.json()

    async def check(self, query: Query) -> None:
        """Hold a page, and a walk by cursor, beside the model."""
        rows = list(self.rows.values())
        assert await self.get([*query.parameters, ("page", str(query.page))]) == list_model.page(rows, query)
        walked = await self.walk(query.parameters, len(rows) // query.size + 1)
        assert walked == list_model.matching(rows, query)

    async def walk(self, parameters: list[tuple[str, str]], most_steps: int) -> list[Row]:
        """Return what a walk by cursor finds."""
        found: list[Row] = []
        cursor = ""
        for _ in range(most_steps):
            step = await self.get([*parameters, ("cursor", cursor)])
            found += step["data"]
            cursor = step["pagination"]["nextCursor"]
            assert step["pagination"]["hasNextPage"] == (cursor is not None)
            if cursor is None:
                return found
        pytest.fail("the walk has no end")

    async def get(self, parameters: list[tuple[str, str]]) -> Row:
        """Return the answer of the list."""
        response = await self.shop.client.get("/customers", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="module")
async def store(server_url: str) -> AsyncIterator[Store]:
    async with make.database(server_url) as url:
        await upgrade(url)
        async with db.connect(url, 2) as database:
            app = create_app(Settings(log_level="error"), database)
            async with make.shop(app, database) as shop:
                yield Store(database, shop, {})


@modelled
@given(data=st.data())
async def test_each_list_is_what_the_model_says_before_and_after_changes(
    store: Store, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    await store.remove(list(store.rows))
    first = data.draw(some_customers)
    await store.add(first)
    ids = tuple(customer.id for customer in first)
    asked = data.draw(st.lists(list_strategies.queries(ids), min_size=1, max_size=4))
    await _check_all(store, asked, monkeypatch)
    await store.remove(data.draw(st.lists(st.sampled_from(ids), unique=True, max_size=5)) if ids else [])
    more = data.draw(some_customers)
    await store.add([customer for customer in more if customer.id not in ids])
    if store.rows:
        await store.rename(data.draw(st.sampled_from(list(store.rows))), data.draw(st.none() | list_strategies.names))
    await _check_all(store, asked, monkeypatch)


async def _check_all(store: Store, asked: list[Query], monkeypatch: pytest.MonkeyPatch) -> None:
    for query in asked:
        for name, value in query.limits.items():
            monkeypatch.setattr(search, name, value)
        monkeypatch.setattr(counts, "WORTH_KEEPING", 0)
        await store.check(query)


WORDS = {"name": list_strategies.NAMES, "email": list_strategies.EMAILS}


@pytest.mark.parametrize("operator", ["eq", "ne", "like", "contains", "in", "nin"])
@pytest.mark.parametrize("field", WORDS)
async def test_each_word_finds_among_all_words_what_the_model_says(store: Store, field: str, operator: str) -> None:
    await store.remove(list(store.rows))
    words = WORDS[field]
    for word in words:
        customer = store_customer(0, name=word) if field == "name" else store_customer(0)
        await store.add([customer if field == "name" else msgspec.structs.replace(customer, email=word)])
    for word in words:
        for value in {word, word.upper(), word.casefold()}:
            await store.check(Query((Filter(field, operator, (value,)),), field, "asc", size=100))
