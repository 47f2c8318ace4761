"""Kept counts are exact, whoever writes meanwhile: each comparison is one statement, and so one snapshot."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import LiteralString

import asyncpg
import msgspec
import pytest

from odus.customers import actions, queries
from odus.customers.model import CustomerCreate, CustomerUpdate
from odus.events import queries as events
from odus.kit import counts, lists
from odus.kit.counts import Counted
from odus.kit.db import Database, Limits, Search, Write
from odus.kit.filters import Condition
from odus.kit.lists import Listing
from odus.kit.statements import Statement
from odus.kit.versions import IfMatch
from tests import make
from tests.faults import store
from tests.faults.figures import note

ENOUGH = 150
"""Comparisons of each merchant's counts."""
BULK = 1200
"""Rows of a statement whose changes are not logged one by one."""
ASKED: tuple[tuple[Listing, dict[str, str]], ...] = (
    (queries.LISTING, {}),
    (queries.LISTING, {"email[like]": "JANE1"}),
    (queries.LISTING, {"email[ne]": "jane2@example.com"}),
    (queries.LISTING, {"name[exists]": "false"}),
    (queries.LISTING, {"name[like]": "straße"}),
    (queries.LISTING, {"name[in]": "Straße 1,Straße 2", "metadata[tier][eq]": "premium"}),
    (queries.LISTING, {"metadata[tier][nin]": "premium,gold"}),
    (queries.LISTING, {"createdAt[gte]": "2024-01-01", "updatedAt[nin]": "2024-02-18"}),
    (events.LISTING, {}),
    (events.LISTING, {"eventType": "customer.updated", "resource[like]": "cus_"}),
)


Writer = Callable[["Keeper"], Awaitable[None]]


class Undone(Exception):  # noqa: N818 - what a handler may raise
    """Whatever makes a transaction roll back."""


@dataclass
class Keeper:
    """A merchant whose lists are counted."""

    database: Database
    merchant_id: str
    compared: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - samples

    async def count(self, search: Search | None = None, **filters: str) -> int:
        """Return the count that a caller is told."""
        search = search or self.database.search
        return await counts.count(search, queries.LISTING, self.merchant_id, conditions(queries.LISTING, filters))

    async def kept(self, listing: Listing = queries.LISTING, **filters: str) -> Counted | None:
        """Return the present count by the kept one, which must be the true one; None where none is kept."""
        known = conditions(listing, filters)
        statement = Statement(self.merchant_id)
        where = statement.where(known)
        sql: LiteralString = f"""
            select {counts.present(statement, listing, known, where)} as counted,
                (select count(*) from {listing.table} where {where}) as true
        """
        (row,) = await self.database.search.rows(sql, *statement.arguments)
        found = counts.counted(row["counted"])
        if found is not None:
            assert found.count == row["true"], filters
            self.compared += 1
        return found

    async def add(self, number: int = 1) -> None:
        """Add customers, each in a transaction of its own."""
        for _ in range(number):
            await self.create(self.database.write)

    async def create(self, write: Write) -> str:
        """Make a customer; return its id."""
        name = self.chance.choice([None, "Straße 1", "STRASSE 2", "Jane"])
        data = CustomerCreate(
            email=f"jane{self.chance.randrange(4)}@example.com",  # pyright: ignore[reportArgumentType]
            name=name,
            metadata={"tier": self.chance.choice(["premium", "gold", "none"])},
        )
        return (await actions.create(write, make.who(self.merchant_id), data)).id

    async def change(self, write: Write, customer_id: str) -> None:
        """Change a customer."""
        data = CustomerUpdate(name=f"Straße {self.chance.randrange(9)}", metadata={"tier": self.chance.choice("pg")})
        await actions.update(write, make.who(self.merchant_id), customer_id, data, IfMatch())

    async def remove(self, write: Write, ids: Sequence[str]) -> None:
        """Remove customers in one statement."""
        await write.run("delete from customers where merchant_id = $1 and id = any($2)", self.merchant_id, ids)

    async def number_of(self, table: LiteralString) -> int:
        """Return how many rows a table has of the merchant."""
        sql: LiteralString = f"select count(*) from {table} where merchant_id = $1"
        return await self.database.read.count(sql, self.merchant_id)


def conditions(listing: Listing, filters: dict[str, str]) -> list[Condition]:
    return lists.parse(listing, {name: [value] for name, value in filters.items()}).conditions


@pytest.fixture(scope="module")
async def place(server_url: str) -> AsyncIterator[tuple[str, Database]]:
    async with store.database(server_url, 12, Limits(4, 30.0)) as (url, database):
        yield url, database


@pytest.fixture(autouse=True)
def _every_count_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 0)


@pytest.fixture
async def keeper(place: tuple[str, Database]) -> Keeper:
    _, database = place
    return Keeper(database, await store.merchant(database))


@pytest.mark.parametrize(("logged", "refresh"), [(200_000, 200), (200_000, 3), (200, 200)])
async def test_kept_counts_are_exact_while_others_write(
    place: tuple[str, Database], keeper: Keeper, monkeypatch: pytest.MonkeyPatch, logged: int, refresh: int
) -> None:
    monkeypatch.setattr(counts, "TRANSACTIONS_LOGGED", logged)
    monkeypatch.setattr(counts, "REFRESH_AFTER", refresh)
    other = Keeper(keeper.database, await store.merchant(keeper.database))
    writers = [
        asyncio.create_task(_forever(write, each))
        for each in (keeper, other)
        for write in (_single, _late, _rolled_back, _half_rolled_back, _bulk, _tidy)
    ]
    try:
        async with asyncio.timeout(120), asyncio.TaskGroup() as readers:
            for each in (keeper, keeper, other):
                readers.create_task(_read(each))
    finally:
        for writer in writers:
            writer.cancel()
        ends = await asyncio.gather(*writers, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []
    compared = keeper.compared + other.compared
    assert compared >= 2 * ENOUGH
    assert place
    note(f"{compared} kept counts were exact among writers (log {logged}, anew after {refresh})")


async def _read(keeper: Keeper) -> None:
    while keeper.compared < ENOUGH:
        for listing, filters in ASKED:
            known = conditions(listing, filters)
            if await keeper.kept(listing, **filters) is None:
                await counts.count(keeper.database.search, listing, keeper.merchant_id, known)
            await counts.count(keeper.database.search, listing, keeper.merchant_id, known)


async def _forever(write: Writer, keeper: Keeper) -> None:
    while True:
        await write(keeper)


async def _single(keeper: Keeper) -> None:
    ids = [await keeper.create(keeper.database.write) for _ in range(3)]
    for customer_id in ids:
        await keeper.change(keeper.database.write, customer_id)
    await keeper.remove(keeper.database.write, ids[:2])
    await keeper.remove(keeper.database.write, ids[2:])


async def _late(keeper: Keeper) -> None:
    async with keeper.database.write.transaction() as write:
        customer_id = await keeper.create(write)
        await _some_time(keeper)
        await keeper.change(write, customer_id)
        await _some_time(keeper)
    async with keeper.database.write.transaction() as write:
        await keeper.remove(write, [customer_id])
        await _some_time(keeper)


async def _some_time(keeper: Keeper) -> None:
    for _ in range(20):
        await keeper.database.read.count("select 1")


async def _rolled_back(keeper: Keeper) -> None:
    with suppress(Undone):
        async with keeper.database.write.transaction() as write:
            await keeper.change(write, await keeper.create(write))
            await _some_time(keeper)
            raise Undone


async def _half_rolled_back(keeper: Keeper) -> None:
    async with keeper.database.write.transaction() as write:
        kept = await keeper.create(write)
        with suppress(Undone):
            async with write.transaction() as step:
                await keeper.create(step)
                await keeper.remove(step, [kept])
                raise Undone
        await _some_time(keeper)
        async with write.transaction() as step:
            await keeper.change(step, kept)
    await keeper.remove(keeper.database.write, [kept])


async def _bulk(keeper: Keeper) -> None:
    customers = [store.customer(number, "Straße 1") for number in range(BULK)]
    await queries.copy(keeper.database.write, keeper.merchant_id, customers)
    await _some_time(keeper)
    ids = [customer.id for customer in customers]
    await keeper.remove(keeper.database.write, ids[:50])
    await _some_time(keeper)
    await keeper.remove(keeper.database.write, ids)
    for _ in range(5):
        await _some_time(keeper)


async def _tidy(keeper: Keeper) -> None:
    await counts.tidy(keeper.database.write, [queries.LISTING, events.LISTING])
    await _some_time(keeper)


async def _emptied(keeper: Keeper) -> None:
    """Tidy until the log is empty: a transaction in any database of the server that began before puts that off."""
    async with asyncio.timeout(30):
        while await keeper.number_of("customer_changes"):
            await counts.tidy(keeper.database.write, [queries.LISTING])


async def test_a_kept_count_follows_each_change(keeper: Keeper) -> None:
    assert await keeper.kept() is None
    assert await keeper.count() == 0
    for number in range(1, 6):
        await keeper.add()
        known = await keeper.kept()
        assert known is not None
        assert (known.count, known.behind) == (number, number)
        assert await keeper.count() == number


async def test_a_count_is_kept_anew_once_it_lies_far_behind(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "REFRESH_AFTER", 3)
    await keeper.count()
    await keeper.add(3)
    assert await keeper.count() == 3
    assert (known := await keeper.kept())
    assert known.behind == 3
    await keeper.add()
    assert await keeper.count() == 4
    assert (known := await keeper.kept())
    assert (known.count, known.behind) == (4, 0)


async def test_after_more_rows_at_once_than_are_logged_it_is_counted_anew(keeper: Keeper) -> None:
    await keeper.count()
    await keeper.add(3)
    customers = [store.customer(number) for number in range(BULK)]
    await queries.copy(keeper.database.write, keeper.merchant_id, customers)
    assert await keeper.number_of("customer_changes") == 3 + 1
    assert await keeper.kept() is None
    assert await keeper.count() == BULK + 3
    await keeper.remove(keeper.database.write, [customer.id for customer in customers])
    assert await keeper.kept() is None
    assert await keeper.count() == 3


async def test_where_the_log_no_longer_reaches_back_it_is_counted_anew(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "TRANSACTIONS_LOGGED", 0)
    await keeper.count()
    await keeper.add(5)
    await _emptied(keeper)
    assert await keeper.kept() is None
    assert await keeper.count() == 5
    await counts.tidy(keeper.database.write, [queries.LISTING])
    assert await keeper.kept() is not None
    await keeper.add()
    assert await keeper.count() == 6


async def test_a_count_of_another_start_of_the_server_is_not_used_and_goes(keeper: Keeper) -> None:
    await keeper.add(2)
    await keeper.count()
    for table in ("kept_counts", "customer_changes"):
        sql: LiteralString = f"update {table} set server = server - interval '1 day' where merchant_id = $1"
        await keeper.database.write.run(sql, keeper.merchant_id)
    assert await keeper.kept() is None
    await counts.tidy(keeper.database.write, [queries.LISTING])
    assert await keeper.number_of("kept_counts") == 0
    assert await keeper.number_of("customer_changes") == 0
    assert await keeper.count() == 2
    assert await keeper.kept() is not None


async def test_a_count_that_was_made_before_the_server_was_started_anew_is_not_kept_after_it(keeper: Keeper) -> None:
    await keeper.add(2)
    await keeper.count()
    known = await keeper.kept()
    assert known is not None
    await keeper.database.write.run("delete from kept_counts where merchant_id = $1", keeper.merchant_id)
    stale = msgspec.structs.replace(known, server="2024-02-18 12:00:00+00", seconds=1.0)
    await counts.keep_slow(keeper.database.search, queries.LISTING, keeper.merchant_id, [], stale)
    assert await keeper.kept() is None
    fresh = msgspec.structs.replace(known, seconds=1.0)
    await counts.keep_slow(keeper.database.search, queries.LISTING, keeper.merchant_id, [], fresh)
    assert await keeper.kept() is not None


async def test_the_newest_counts_stay_when_there_are_too_many(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST_KEPT", 5)
    await keeper.database.write.run("delete from kept_counts")
    for number in range(20):
        await keeper.count(**{"name[eq]": f"Jane {number}"})
    await counts.tidy(keeper.database.write, [queries.LISTING])
    assert await keeper.database.read.count("select count(*) from kept_counts") == 5
    assert await keeper.kept(**{"name[eq]": "Jane 19"}) is not None
    assert await keeper.kept(**{"name[eq]": "Jane 0"}) is None


async def test_only_one_process_tidies_at_a_time(
    place: tuple[str, Database], keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "TRANSACTIONS_LOGGED", 0)
    url, database = place
    await keeper.add()
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute("lock table count_horizons in access exclusive mode")
        first = asyncio.create_task(counts.tidy(database.write, [queries.LISTING]))
        ours = "locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"
        while not await other.fetchval(f"select exists (select from pg_locks where {ours})"):
            pass
        async with asyncio.timeout(10):
            await counts.tidy(database.write, [queries.LISTING])
        assert not first.done()
    await first
    await other.close()
    await _emptied(keeper)


async def test_a_transaction_that_has_written_counts_its_own_rows_and_keeps_nothing(
    place: tuple[str, Database], keeper: Keeper
) -> None:
    url, _ = place
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    own = Keeper(Database(connection), keeper.merchant_id)
    await own.add(3)
    assert await own.count() == 3
    await own.add()
    assert await own.count() == 4
    assert await own.number_of("kept_counts") == 0
    await transaction.commit()
    await connection.close()
    assert await keeper.count() == 4


async def test_a_count_that_was_kept_before_a_transaction_wrote_is_exact_in_it(
    place: tuple[str, Database], keeper: Keeper
) -> None:
    url, _ = place
    await keeper.add()
    await keeper.count()
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    own = Keeper(Database(connection), keeper.merchant_id)
    await own.add(2)
    assert await own.kept() is not None
    assert await own.count() == 3
    assert await keeper.count() == 1
    await transaction.rollback()
    await connection.close()
    assert await keeper.count() == 1


class Watched(Search):
    """A search that notes the statements that count, and may fail in one."""

    def __init__(self, search: Search, fails: int = 0) -> None:
        """Send all to another search, and let the first few counts fail."""
        super().__init__(search._source)  # noqa: SLF001 - the same pool
        self.looks = 0
        self.counts = 0
        self.fails = fails

    async def rows(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        """Send a statement."""
        if "kept_counts" not in sql:
            self.counts += 1
        found = await super().rows(sql, *arguments)
        if "kept_counts" in sql:
            self.looks += 1
        elif self.fails:
            self.fails -= 1
            raise Undone
        return found


CALLERS = 8


async def _at_once(url: str, keeper: Keeper, search: Watched) -> list[asyncio.Task[int]]:
    """Let callers ask for the same count while the table is locked; return them when one counts and all others wait."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(), asyncio.timeout(20):
            await connection.execute("lock table customers in access exclusive mode")
            callers = [asyncio.create_task(keeper.count(search)) for _ in range(CALLERS)]
            while search.looks < CALLERS or not search.counts:
                await connection.execute("select")
    finally:
        await connection.close()
    return callers


async def test_equal_counts_in_flight_are_counted_once(place: tuple[str, Database], keeper: Keeper) -> None:
    url, database = place
    await keeper.add(3)
    search = Watched(database.search)
    assert await asyncio.gather(*await _at_once(url, keeper, search)) == [3] * CALLERS
    assert search.counts == 1
    assert search.counting == {}


async def test_a_count_that_fails_is_counted_again_by_one_that_waited(
    place: tuple[str, Database], keeper: Keeper
) -> None:
    url, database = place
    await keeper.add(3)
    search = Watched(database.search, fails=1)
    ends = await asyncio.gather(*await _at_once(url, keeper, search), return_exceptions=True)
    assert sorted(map(str, ends)) == ["", *["3"] * (CALLERS - 1)]
    assert [type(end) for end in ends if end != 3] == [Undone]
    assert search.counts >= 2
    assert search.counting == {}


async def test_equal_counts_that_are_not_worth_keeping_are_counted_a_few_times_at_most(
    place: tuple[str, Database], keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 3600)
    url, database = place
    await keeper.add(3)
    search = Watched(database.search)
    assert await asyncio.gather(*await _at_once(url, keeper, search)) == [3] * CALLERS
    assert search.counts <= CALLERS / 2
    assert search.counting == {}


async def test_a_count_that_began_before_a_write_is_not_what_is_told_after_it(
    place: tuple[str, Database], keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 3600)
    _, database = place
    search = Watched(database.search)
    for number in range(1, 21):
        early = [asyncio.create_task(keeper.count(search)) for _ in range(3)]
        await keeper.add()
        late = [asyncio.create_task(keeper.count(search)) for _ in range(3)]
        assert await asyncio.gather(*late) == [number] * 3
        assert set(await asyncio.gather(*early)) <= {number - 1, number}


async def test_who_counts_may_go_while_others_wait(place: tuple[str, Database], keeper: Keeper) -> None:
    url, database = place
    await keeper.add(3)
    search = Watched(database.search)
    connection = await asyncpg.connect(url)
    async with connection.transaction(), asyncio.timeout(20):
        await connection.execute("lock table customers in access exclusive mode")
        leader = asyncio.create_task(keeper.count(search))
        while not search.counting:
            await connection.execute("select")
        others = [asyncio.create_task(keeper.count(search)) for _ in range(CALLERS)]
        while search.looks < CALLERS + 1:
            await connection.execute("select")
        leader.cancel()
        await asyncio.wait([leader])
    await connection.close()
    assert leader.cancelled()
    assert await asyncio.gather(*others) == [3] * CALLERS
    assert search.counting == {}
