"""`odus worker` as a process, alone and beside `odus serve`: what is due is done once, whoever is killed."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from odus import worker
from odus.app import HANDLERS
from odus.kit.openapi import operations
from odus.migrations.upgrade import upgrade
from tests import due, make, processes
from tests.processes import Server, eventually, eventually_true, lives


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the `odus` that knows the things of these tests."""
    return due.script(tmp_path_factory.mktemp("program"))


@pytest.fixture
async def url(server_url: str) -> AsyncIterator[str]:
    async with make.database(server_url) as url:
        await upgrade(url)
        async with connected(url) as connection:
            await connection.execute(due.TABLES)
        yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@contextmanager
def working(program: Path, url: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker, which is killed in the end where it still runs."""
    environment = processes.clean({"ODUS_DATABASE_URL": url, **more})
    process = subprocess.Popen([program, "worker"], stderr=subprocess.PIPE, env=environment, process_group=0)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def said(process: subprocess.Popen[bytes], event: bytes) -> list[bytes]:
    """Read the log up to a line; return the lines."""
    assert process.stderr
    lines = [b""]
    async with asyncio.timeout(processes.PATIENCE):
        while event not in lines[-1]:
            lines.append(await asyncio.to_thread(process.stderr.readline))
            assert lines[-1], b"".join(lines)
    return lines[1:]


async def test_what_is_due_is_shared_by_two_workers_and_done_once(program: Path, url: str) -> None:
    things = [f"held {number:02}" for number in range(20)]
    async with connected(url) as connection:
        await connection.execute("select pg_advisory_lock($1)", due.HELD)
        await due.add(connection, *things)
        with working(program, url) as first, working(program, url) as second:
            await eventually_true(lambda: has_begun(connection, 20))
            assert {pid for _, pid in await due.begun(connection)} == {first.pid, second.pid}
            await connection.execute("select pg_advisory_unlock($1)", due.HELD)
            await eventually_true(lambda: has_done(connection, *things))
        assert await due.done(connection) == dict.fromkeys(things, 1)


async def test_what_a_killed_worker_had_begun_is_done_by_another(program: Path, url: str) -> None:
    async with connected(url) as connection:
        await connection.execute("select pg_advisory_lock($1)", due.HELD)
        await due.add(connection, "held")
        with working(program, url) as first:
            await eventually_true(lambda: has_begun(connection, 1))
            first.kill()
        with working(program, url) as second:
            await connection.execute("select pg_advisory_unlock($1)", due.HELD)
            await eventually_true(lambda: has_done(connection, "held"))
            assert await connection.fetchval("select worker from things") == second.pid


async def test_links_that_a_worker_makes_lead_to_where_people_reach_the_server(program: Path, url: str) -> None:
    async with connected(url) as connection:
        await due.add(connection, "thing")
        with working(program, url, ODUS_URL="https://pay.example.com/"):
            await eventually_true(lambda: has_done(connection, "thing"))
        assert await connection.fetchval("select link from things") == "https://pay.example.com/thing"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_stop_lets_what_is_under_way_end_and_begins_nothing_more(
    program: Path, url: str, number: signal.Signals
) -> None:
    async with connected(url) as connection:
        await connection.execute("select pg_advisory_lock($1)", due.HELD)
        await due.add(connection, "held")
        with working(program, url) as process:
            await eventually_true(lambda: has_begun(connection, 1))
            process.send_signal(number)
            await said(process, b"worker stopping")
            await due.add(connection, "later")
            await connection.execute("select pg_advisory_unlock($1)", due.HELD)
            assert await asyncio.to_thread(process.wait, processes.PATIENCE) == 0
        assert await due.done(connection) == {"held": 1}
        assert await connection.fetchval("select count(*) from pgqueuer") == 0


async def test_a_worker_waits_for_a_database_without_tables_and_says_so_once(program: Path, server_url: str) -> None:
    async with make.database(server_url) as url:
        with working(program, url) as process:
            lines = await said(process, b"jobs interrupted")
            await upgrade(url)
            async with connected(url) as connection:
                await connection.execute(due.TABLES)
                await due.add(connection, "thing")
                await eventually_true(lambda: has_done(connection, "thing"))
            process.terminate()
            lines += await said(process, b"worker stopped")
    assert sum(b"jobs interrupted" in line for line in lines) == 1
    assert not any(b"Traceback" in line for line in lines)


# Beside the server ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """Make data for the servers that tests start and stop."""
    with processes.data_dir() as path:
        yield path


@asynccontextmanager
async def serving(program: Path, own: Path) -> AsyncIterator[tuple[Server, asyncpg.Connection]]:
    """Serve on the embedded PostgreSQL, with the things."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "ODUS", program)
        with processes.serving(own, workers=1) as server:
            connection = await asyncpg.connect(processes.dsn(own))
            await connection.execute(f"drop table if exists things, begun; {due.TABLES}")
            yield server, connection
            connection.terminate()


async def test_a_server_on_its_own_postgresql_does_what_is_due_also_after_that_was_killed(
    program: Path, own: Path
) -> None:
    async with serving(program, own) as (server, connection):
        await due.add(connection, "thing")
        await eventually_true(lambda: has_done(connection, "thing"))
        assert await connection.fetchval("select link from things") == f"{server.url}/thing"
        server.postmaster().kill()
        eventually(server.is_ready)
        async with connected(processes.dsn(own)) as again:
            await due.add(again, "another")
            await eventually_true(lambda: has_done(again, "another"))
        assert server.logged().count('"event":"jobs interrupted"') == 1
        family = server.family()
        server.process.terminate()
        assert await asyncio.to_thread(server.process.wait, processes.PATIENCE) == 0
        assert not any(lives(process) for process in family)


async def test_a_worker_that_dies_is_replaced_and_ends_with_its_server(program: Path, own: Path) -> None:
    async with serving(program, own) as (server, connection):
        await due.add(connection, "thing")
        await eventually_true(lambda: has_done(connection, "thing"))
        first = psutil.Process(await connection.fetchval("select worker from things"))
        first.kill()
        await due.add(connection, "another")
        await eventually_true(lambda: has_done(connection, "another"))
        second = psutil.Process(await connection.fetchval("select worker from things where key = 'another'"))
        assert second != first
        family = server.family()
        assert second in family
        server.process.kill()
        eventually(lambda: not any(lives(process) for process in family))


@pytest.mark.parametrize(("jobs", "is_there"), [({}, False), ({"ODUS_JOBS": "true"}, True)])
def test_a_server_on_another_postgresql_has_a_worker_only_where_it_is_said(
    url: str, jobs: dict[str, str], *, is_there: bool
) -> None:
    with processes.serving(workers=1, ODUS_DATABASE_URL=url, **jobs) as server:
        assert len(server.children()) == 1 + is_there
        if is_there:
            eventually(lambda: '"event":"worker started"' in server.logged())


def test_every_kind_of_job_has_a_name_of_its_own() -> None:
    for names in ([each.name for each in worker.DUES], [each.name for each in worker.CHORES]):
        assert len(names) == len(set(names)) > 0


def test_the_counts_of_every_list_that_has_a_log_are_kept_small() -> None:
    known = {
        operation.listing.table for operation in operations(HANDLERS) if operation.listing and operation.listing.changes
    }
    assert known <= {listing.table for listing in worker.LISTINGS}


async def has_begun(connection: asyncpg.Connection, count: int) -> bool:
    return len(await due.begun(connection)) >= count


async def has_done(connection: asyncpg.Connection, *keys: str) -> bool:
    return set(keys) <= set(await due.done(connection))
