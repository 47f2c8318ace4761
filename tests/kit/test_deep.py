"""Deep pages are those of a plain `offset`, by whichever way they are reached."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import LiteralString

import pytest

from odus.customers import queries
from odus.kit import counts, deep, lists, search
from odus.kit.db import Database, Limits
from odus.kit.filters import Condition
from odus.kit.lists import Asked, Page
from odus.kit.statements import Statement
from tests.faults import store
from tests.recorded import Recorded

MANY = 150
ORDERS: dict[str, LiteralString] = {
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "email": "email_search",
    "name": "name_search",
    "id": "id",
}


@dataclass
class Shop:
    """A merchant with customers, whose ids the search gives."""

    database: Database
    search: Recorded
    merchant_id: str
    chance: random.Random
    made: int = 0

    async def add(self, number: int) -> None:
        """Add customers somewhere among the others."""
        self.made += number
        some = [
            store.customer(self.chance.randrange(10_000), self.chance.choice([None, "Jane"])) for _ in range(number)
        ]
        await queries.copy(self.database.write, self.merchant_id, some)

    async def remove(self) -> None:
        """Remove a customer, whichever."""
        await self.database.write.run(
            "delete from customers where id = (select id from customers where merchant_id = $1 order by id offset $2"
            " limit 1)",
            self.merchant_id,
            self.chance.randrange(self.made),
        )

    async def page(self, **asked: str) -> Page[str]:
        """Return a page of ids."""
        parsed = parse(asked)
        return await search.find(self.search, queries.LISTING, self.merchant_id, parsed, lambda row: row["id"])

    async def true_page(self, **asked: str) -> tuple[list[str], int]:
        """Return a page of ids by a plain `offset`, and the number of all matches."""
        parsed = parse(asked)
        statement = Statement(self.merchant_id)
        where = statement.where(parsed.conditions)
        way: LiteralString = "desc" if parsed.is_descending else "asc"
        found = await self.database.read.rows(
            f"select id from customers where {where} order by {ORDERS[parsed.sort.name]} {way}, id {way}",
            *statement.arguments,
        )
        offset = parsed.paging.offset
        return [row["id"] for row in found[offset : offset + parsed.paging.size]], len(found)

    async def check_marks(self) -> int:
        """Hold that what is kept of each mark is the true count at the same moment; return how many there are."""
        for mark in list(self.search.marks.values()):
            known: list[Condition] = [mark.before]
            statement = Statement(self.merchant_id)
            where = statement.where(known)
            sql: LiteralString = f"""
                select {counts.present(statement, queries.LISTING, known, where)} as counted,
                    (select count(*) from customers where {where}) as true
            """
            (row,) = await self.database.search.rows(sql, *statement.arguments)
            kept = counts.counted(row["counted"])
            assert kept is None or kept.count == row["true"]
        return len(self.search.marks)

    def took_a_mark(self) -> bool:
        """Tell whether one of the last statements went by a mark, and forget them."""
        sent = list(self.search.sent)
        self.search.sent.clear()
        return any(", id) < (" in sql or ", id) >= (" in sql for sql, _ in sent if "as found_id" in sql)


def parse(asked: dict[str, str]) -> Asked:
    return lists.parse(queries.LISTING, {name: [value] for name, value in asked.items()})


@pytest.fixture(autouse=True)
def _everything_is_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "DEEP", 1)
    monkeypatch.setattr(deep, "STEP", 8)


@pytest.fixture(scope="module")
async def database(server_url: str) -> AsyncIterator[Database]:
    async with store.database(server_url, 4, Limits(3, 30.0)) as (_, database):
        yield database


@pytest.fixture
async def shop(database: Database) -> Shop:
    shop = Shop(database, Recorded(database.search), await store.merchant(database), random.Random(1))  # noqa: S311 - samples
    await shop.add(MANY)
    return shop


@pytest.mark.parametrize("filters", [{}, {"email[ne]": "jane1@example.com"}, {"name[exists]": "false"}], ids=str)
@pytest.mark.parametrize("sort", ORDERS)
async def test_deep_pages_are_the_true_ones_whatever_was_written_since(
    shop: Shop, sort: str, filters: dict[str, str]
) -> None:
    taken = 0
    for _ in range(60):
        page, size = shop.chance.randrange(1, 30), shop.chance.choice([1, 3, 5])
        way = shop.chance.choice(["asc", "desc"])
        asked = {**filters, "sortBy": sort, "sortDirection": way, "page": str(page), "pageSize": str(size)}
        found = await shop.page(**asked)
        assert (found.data, found.pagination.item_count) == await shop.true_page(**asked)
        taken += shop.took_a_mark()
        if shop.chance.random() < 0.2:
            await (shop.add(1) if shop.chance.random() < 0.5 else shop.remove())
    assert (taken > 0) == (sort != "name")  # which can be missing


async def test_what_is_kept_of_a_mark_is_true_while_others_write(shop: Shop) -> None:
    async def write() -> None:
        while True:
            await shop.add(1)
            await shop.remove()

    writers = [asyncio.create_task(write()) for _ in range(2)]
    try:
        for number in range(150):
            await shop.page(page=str(number % 14 + 2), sortDirection="asc" if number % 3 else "desc")
            await shop.check_marks()
    finally:
        for writer in writers:
            writer.cancel()
        ends = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    assert await shop.check_marks() > 0


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("worth_keeping", [0, 3600], ids=["kept", "counted"])
async def test_a_page_and_its_count_are_of_one_moment_while_others_write(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, worth_keeping: float, direction: str
) -> None:
    """All come and go at the end of the list, so each page before it is always the same, and the last one full."""
    monkeypatch.setattr(counts, "WORTH_KEEPING", worth_keeping)
    monkeypatch.setattr(deep, "STEP", 10_000 if direction == "asc" else 8)
    late = [store.customer(20_000 + number) for number in range(4)]
    asked = {"sortDirection": direction, "pageSize": "10", "sortBy": "createdAt"}
    pages = {str(page): (await shop.page(**asked, page=str(page))).data for page in range(2, MANY // 10 + 1)}

    async def write() -> None:
        while True:
            await queries.copy(shop.database.write, shop.merchant_id, late)
            await shop.database.write.run("delete from customers where id = any($1)", [each.id for each in late])

    writer = asyncio.create_task(write())
    try:
        for number in range(200):
            page = str(number % 14 + 2)
            found = await shop.page(**asked, page=page)
            count = found.pagination.item_count
            assert count in (MANY, MANY + len(late))
            if direction == "asc":
                assert found.data == pages[page]
            else:
                assert len(found.data) == 10
                assert found.data[count - MANY :] == pages[page][: 10 - (count - MANY)]
    finally:
        writer.cancel()
        (end,) = await asyncio.gather(writer, return_exceptions=True)
    assert isinstance(end, asyncio.CancelledError)


async def test_a_mark_whose_count_is_gone_is_forgotten_and_learnt_anew(shop: Shop) -> None:
    for takes_a_mark in (False, True):
        await shop.page(page="8")
        assert shop.took_a_mark() == takes_a_mark
    assert len(shop.search.marks) == 1
    await shop.database.write.run("delete from kept_counts")
    found = await shop.page(page="8")
    assert (found.data, found.pagination.item_count) == await shop.true_page(page="8")
    assert not shop.took_a_mark()
    await shop.page(page="8")
    assert shop.took_a_mark()


async def test_only_so_many_marks_are_remembered(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep, "MOST_MARKS", 2)
    for page in (3, 5, 7, 9, 11):
        await shop.page(page=str(page))
    assert len(shop.search.marks) == 2


async def test_a_page_near_the_start_or_the_end_needs_no_mark(shop: Shop) -> None:
    await shop.page(page="2", pageSize="5")
    await shop.page(page=str(MANY // 5), pageSize="5")
    assert shop.search.marks == {}
