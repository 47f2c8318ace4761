"""How a page is found whose matches PostgreSQL cannot foresee: what a kept count spares, and that it is kept up."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from odus.customers import queries
from odus.kit import counts, lists, search
from odus.kit.counts import Counted
from odus.kit.db import Database, Limits
from odus.kit.lists import Page
from tests.faults import store
from tests.recorded import Recorded

SERVED = {"name[like]": "jane"}
UNSERVED = {"name[like]": "ja"}
GUESSED = pytest.mark.parametrize("filters", [SERVED, UNSERVED], ids=["served", "unserved"])


@dataclass
class Shop:
    """A merchant with 20 customers called Bob, and 5 called Jane behind them."""

    database: Database
    search: Recorded
    merchant_id: str

    async def add(self, name: str, numbers: range) -> None:
        """Add customers, one statement for each."""
        for number in numbers:
            await queries.copy(self.database.write, self.merchant_id, [store.customer(number, name)])

    async def page(self, filters: dict[str, str], **asked: str) -> Page[str | None]:
        """Return a page of names, and forget what was sent before."""
        self.search.sent.clear()
        parsed = lists.parse(queries.LISTING, {name: [value] for name, value in {**filters, **asked}.items()})
        return await search.find(self.search, queries.LISTING, self.merchant_id, parsed, lambda row: row["name"])

    async def kept(self, filters: dict[str, str]) -> Counted | None:
        """Return the kept count."""
        parsed = lists.parse(queries.LISTING, {name: [value] for name, value in filters.items()})
        return await counts.look(self.search, queries.LISTING, self.merchant_id, parsed.conditions)


@pytest.fixture(scope="module")
async def database(server_url: str) -> AsyncIterator[Database]:
    async with store.database(server_url, 2, Limits(2, 30.0)) as (_, database):
        yield database


@pytest.fixture
async def shop(database: Database, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 0)
    monkeypatch.setattr(search, "GLANCE", 1)
    monkeypatch.setattr(search, "FEW", 3)
    shop = Shop(database, Recorded(database.search), await store.merchant(database))
    await shop.add("Bob", range(20))
    await shop.add("Jane", range(20, 25))
    return shop


@GUESSED
async def test_what_is_kept_is_looked_at_also_where_all_matches_are_beyond_the_glance(
    shop: Shop, filters: dict[str, str]
) -> None:
    for _ in range(2):
        found = await shop.page(filters, pageSize="2")
        assert (found.data, found.pagination.item_count) == (["Jane"] * 2, 5)
    assert len(shop.search.sent) == 2
    assert not any("as matches" in sql for sql, _ in shop.search.sent)


@GUESSED
async def test_a_kept_count_says_that_there_is_no_more(shop: Shop, filters: dict[str, str]) -> None:
    await shop.page(filters)
    found = await shop.page(filters, page="2")
    assert (found.data, found.pagination.item_count) == ([], 5)
    assert len(shop.search.sent) == 1
    found = await shop.page(filters, sortDirection="desc")
    assert (found.data, found.pagination.item_count) == (["Jane"] * 5, 5)
    assert len(shop.search.sent) == 1


@GUESSED
@pytest.mark.parametrize("few", [3, 100])
async def test_a_count_that_lies_far_behind_is_kept_anew_by_whatever_way_the_page_was_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, filters: dict[str, str], few: int
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    monkeypatch.setattr(counts, "REFRESH_AFTER", 3)
    await shop.page(filters, pageSize="2")
    await shop.add("Jane", range(25, 30))
    known = await shop.kept(filters)
    assert known is not None
    assert (known.count, known.behind) == (10, 5)
    monkeypatch.setattr(counts, "WORTH_KEEPING", 3600)
    assert (await shop.page(filters, pageSize="2")).pagination.item_count == 10
    known = await shop.kept(filters)
    assert known is not None
    assert (known.count, known.behind) == (10, 0)
