"""Kept counts after a crash of the server, and in another server that what was dumped is restored into."""

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from odus.customers import queries
from odus.customers.model import Customer
from odus.kit import counts, db, embedded, lists, search
from odus.kit.db import Database
from odus.kit.lists import Page
from odus.migrations.upgrade import upgrade
from tests.faults import store
from tests.faults.test_counts import Keeper

MADE = 30


@pytest.fixture
def folder() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="odus-tests-"))
    directory.chmod(0o711)  # root's PostgreSQL runs as another user, who must be able to pass
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(autouse=True)
def _keep_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "WORTH_KEEPING", 0)


async def add(database: Database, merchant_id: str, numbers: range) -> None:
    for number in numbers:
        await queries.copy(database.write, merchant_id, [store.customer(number)])


async def count(database: Database, merchant_id: str) -> int:
    return await counts.count(database.search, queries.LISTING, merchant_id, [])


async def kept(database: Database) -> int:
    return await database.read.count("select count(*) from kept_counts")


async def fill(dsn: str) -> str:
    """Keep a count, and write more, so that the count and the log of what came since are both there."""
    await upgrade(dsn)
    async with db.connect(dsn, 2) as database:
        merchant_id = await store.merchant(database)
        await add(database, merchant_id, range(MADE))
        assert await count(database, merchant_id) == MADE
        await add(database, merchant_id, range(MADE, MADE + 5))
        assert await kept(database) == 1
    return merchant_id


async def check(dsn: str, merchant_id: str) -> None:
    """Hold that counts are exact at once, once kept anew, and after more writes."""
    async with db.connect(dsn, 2) as database:
        assert await count(database, merchant_id) == MADE + 5
        await add(database, merchant_id, range(MADE + 5, MADE + 8))
        assert await count(database, merchant_id) == MADE + 8
        assert await count(database, merchant_id) == MADE + 8


ASKED: tuple[dict[str, str], ...] = (
    {},
    {"pageSize": "10", "page": "3"},
    {"sortBy": "name", "sortDirection": "desc", "email[like]": "JANE1"},
    {"metadata[tier]": "premium", "sortBy": "email", "pageSize": "7", "page": "2"},
    {"createdAt[gte]": "2024-02-18T00:00:00.010Z", "name[exists]": "false", "pageSize": "4", "page": "5"},
)


async def pages(dsn: str, merchant_id: str, monkeypatch: pytest.MonkeyPatch) -> list[Page[Customer]]:
    """Return pages of all kinds, and a walk."""
    found: list[Page[Customer]] = []
    async with db.connect(dsn, 2) as database:

        async def ask(asked: dict[str, str]) -> Page[Customer]:
            wanted = lists.parse(queries.LISTING, {name: [value] for name, value in asked.items()})
            return await queries.search(database.search, merchant_id, wanted)

        for deep, asked in itertools.product((1000, 1), ASKED):
            monkeypatch.setattr(search, "DEEP", deep)
            found += [await ask(asked), await ask(asked)]
        cursor: object = ""
        while isinstance(cursor, str):
            found.append(await ask({"cursor": cursor, "pageSize": "9", "sortBy": "name", "metadata[tier]": "premium"}))
            cursor = found[-1].pagination.next_cursor
    return found


async def use_up_transactions(dsn: str) -> None:
    """Let a server be far ahead of one that was just made."""
    async with db.connect(dsn, 1) as database:
        await database.write.run(
            "do $$ begin for number in 1..5000 loop perform pg_current_xact_id(); commit; end loop; end $$"
        )


async def run(*command: str | Path) -> None:
    """Run a tool of PostgreSQL."""
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


async def test_counts_are_exact_after_a_crash(folder: Path) -> None:
    with embedded.start(folder) as server:
        merchant_id = await fill(server.dsn)
        os.kill(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    with embedded.start(folder) as server:
        await check(server.dsn, merchant_id)


async def test_a_count_from_before_a_crash_of_one_process_is_not_kept_after_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL empties unlogged tables when one of its processes is killed, and goes on as the same server."""
    with embedded.start(folder) as server:
        merchant_id = await fill(server.dsn)
        async with db.connect(server.dsn, 2) as database:
            await database.write.run("delete from kept_counts")
            monkeypatch.setattr(counts, "WORTH_KEEPING", 3600)
            before = await counts.count_anew(database.search, queries.LISTING, merchant_id, [])
            monkeypatch.setattr(counts, "WORTH_KEEPING", 0)
            await add(database, merchant_id, range(MADE + 5, MADE + 8))
            postmaster = await database.read.count("select pg_postmaster_start_time()")
            os.kill(await database.read.count("select pg_backend_pid()"), signal.SIGKILL)
        async with db.connect(server.dsn, 2) as database:
            await until_it_serves(database)
            assert await database.read.count("select pg_postmaster_start_time()") == postmaster
            for _ in range(2):  # while no epoch has begun, and in the next one
                await counts.keep(database.search, queries.LISTING, merchant_id, [], before)
                assert await kept(database) == 0
                assert await count(database, merchant_id) == MADE + 8
            assert await kept(database) == 1
            await add(database, merchant_id, range(MADE + 8, MADE + 10))
            assert await count(database, merchant_id) == MADE + 10


async def until_it_serves(database: Database) -> None:
    """Wait until the server has recovered."""
    async with asyncio.timeout(30):
        while True:
            try:
                assert await database.read.count("select count(*) from customer_changes") == 0
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await asyncio.sleep(0.05)
            else:
                return


async def test_pages_are_the_same_and_counts_exact_in_another_server_after_a_restore(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = folder / "odus.dump"
    with embedded.start(folder / "first") as first, embedded.start(folder / "second") as second:
        merchant_id = await fill(first.dsn)
        await run(first.bin / "pg_dump", "-Fc", "-f", dump, first.dsn)
        await run(second.bin / "pg_restore", "--no-owner", "-d", second.dsn, dump)
        async with db.connect(second.dsn, 1) as restored:
            assert await kept(restored) == 1
        answers = await pages(first.dsn, merchant_id, monkeypatch)
        assert sum(len(each.data) for each in answers) > 100
        assert await pages(second.dsn, merchant_id, monkeypatch) == answers
        await check(second.dsn, merchant_id)


@pytest.mark.parametrize("started", [("here", "there"), ("there", "here")])
async def test_counts_are_kept_again_after_a_restore_into_a_server_with_fewer_transactions(
    folder: Path, monkeypatch: pytest.MonkeyPatch, started: tuple[str, str]
) -> None:
    monkeypatch.setattr(counts, "TRANSACTIONS_LOGGED", 3)
    dump = folder / "odus.dump"
    with ExitStack() as stack:
        servers = {name: stack.enter_context(embedded.start(folder / name)) for name in started}
        first, second = servers["here"], servers["there"]
        await use_up_transactions(first.dsn)
        merchant_id = await fill(first.dsn)
        async with db.connect(first.dsn, 1) as database:
            await counts.tidy(database.write, [queries.LISTING])
        await run(first.bin / "pg_dump", "-Fc", "-f", dump, first.dsn)
        await run(second.bin / "pg_restore", "--no-owner", "-d", second.dsn, dump)
        async with db.connect(second.dsn, 2) as restored:
            await counts.tidy(restored.write, [queries.LISTING])
            assert await restored.read.count("select count(*) from customer_changes") == 0
            keeper = Keeper(restored, merchant_id)
            assert await keeper.count() == MADE + 5
            await keeper.add(3)
            assert await keeper.kept() is not None
