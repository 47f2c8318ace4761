import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from odus.kit import db
from odus.kit.db import Database, Write, unavailable
from tests import make

POOL = "from pg_stat_activity where datname = current_database() and application_name = 'odus'"


class Wrong(Exception):  # noqa: N818 - what a handler may raise
    """A mistake within a transaction."""


@pytest.fixture(scope="module")
async def url(server_url: str) -> AsyncIterator[str]:
    async with make.database(server_url) as url:
        connection = await asyncpg.connect(url)
        await connection.execute("create table notes (id int primary key, note text not null)")
        await connection.close()
        yield url


@pytest.fixture
async def other(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Someone else at the same, empty table."""
    connection = await asyncpg.connect(url)
    await connection.execute("truncate notes")
    yield connection
    await connection.close()


@pytest.fixture
async def pool(url: str, other: asyncpg.Connection) -> AsyncIterator[Database]:
    assert not other.is_closed()
    async with db.connect(url, 2) as database:
        yield database


async def notes(connection: asyncpg.Connection) -> list[int]:
    return [row["id"] for row in await connection.fetch("select id from notes order by id")]


async def sessions(connection: asyncpg.Connection) -> list[str]:
    """Return what each connection of the pool is doing."""
    return [row["state"] for row in await connection.fetch(f"select state {POOL}")]


async def failure(work: Awaitable[object]) -> Exception:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - which one it is is the question
        return error
    pytest.fail("nothing was raised")


def status(error: Exception) -> int:
    """Return what a request that ends in an error is answered."""
    problem = unavailable(error)
    if problem is None:
        return 500
    assert problem.kind.code == "unavailable"
    assert int(problem.headers["Retry-After"]) >= 1
    assert not str(error) or str(error) not in problem.detail
    return problem.kind.status


async def test_a_reader_reads_rows_one_row_or_one_number(pool: Database, other: asyncpg.Connection) -> None:
    await other.execute("insert into notes values (1, 'one'), (2, 'two')")
    assert [tuple(row) for row in await pool.read.rows("select * from notes order by id")] == [(1, "one"), (2, "two")]
    row = await pool.read.row("select * from notes where id = $1", 2)
    assert row is not None
    assert row["note"] == "two"
    assert await pool.read.row("select * from notes where id = $1", 3) is None
    assert await pool.read.count("select count(*) from notes") == 2


def test_a_reader_has_no_way_to_write(pool: Database) -> None:
    assert not hasattr(pool.read, "run")
    assert not hasattr(pool.read, "copy")
    assert not hasattr(pool.read, "transaction")


async def test_a_statement_outside_a_transaction_is_seen_by_others_at_once(
    pool: Database, other: asyncpg.Connection
) -> None:
    await pool.write.run("insert into notes values ($1, $2)", 1, "one")
    assert await notes(other) == [1]


async def test_rows_are_copied_all_or_none(pool: Database, other: asyncpg.Connection) -> None:
    await pool.write.copy("notes", ["note", "id"], ((f"note {number}", number) for number in range(1, 4)))
    assert await notes(other) == [1, 2, 3]
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.write.copy("notes", ["note", "id"], [("four", 4), ("one", 1)])
    assert await notes(other) == [1, 2, 3]


async def test_what_is_copied_in_a_transaction_is_seen_after_its_end(pool: Database, other: asyncpg.Connection) -> None:
    async with pool.write.transaction() as write:
        await write.copy("notes", ["id", "note"], [(1, "one")])
        assert await notes(other) == []
    assert await notes(other) == [1]


async def test_a_transaction_is_seen_whole_and_only_after_its_end(pool: Database, other: asyncpg.Connection) -> None:
    async with pool.write.transaction() as write:
        await write.run("insert into notes values (1, 'one')")
        await write.run("insert into notes values (2, 'two')")
        assert await notes(other) == []
        assert await write.count("select count(*) from notes") == 2
    assert await notes(other) == [1, 2]


async def test_what_is_read_as_of_one_moment_knows_nothing_of_what_came_since(
    pool: Database, other: asyncpg.Connection
) -> None:
    count = "select count(*) from notes"
    async with pool.search.still() as read:
        assert await read.count(count) == 0
        await other.execute("insert into notes values (1, 'one')")
        assert await read.count(count) == 0
        assert await pool.search.count(count) == 1
    assert await pool.search.count(count) == 1
    assert await sessions(other) == ["idle"] * 2


async def test_nothing_can_be_written_as_of_one_moment(pool: Database, other: asyncpg.Connection) -> None:
    async with pool.search.still() as read:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await read.rows("insert into notes values (1, 'one')")
    assert await notes(other) == []


async def test_what_is_read_as_of_one_moment_and_fails_or_is_given_up_leaves_a_connection_for_others(
    pool: Database, other: asyncpg.Connection
) -> None:
    async def fail(sql: str) -> None:
        async with pool.search.still() as read:
            await read.rows("select 1")
            await read.rows(sql)
            raise Wrong

    for _ in range(5):
        with pytest.raises(Wrong):
            await fail("select 1")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail("select 1 / 0")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await fail("select pg_sleep(10)")
    assert await pool.search.count("select count(*) from notes") == 0
    assert set(await sessions(other)) == {"idle"}


async def test_a_transaction_that_fails_leaves_nothing(pool: Database, other: asyncpg.Connection) -> None:
    with pytest.raises(Wrong):
        await fail_after(pool.write, "insert into notes values (1, 'one')")
    assert await notes(other) == []


async def test_a_transaction_that_the_database_refuses_leaves_nothing(
    pool: Database, other: asyncpg.Connection
) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await twice(pool.write)
    assert await notes(other) == []
    assert await sessions(other) == ["idle"]


async def test_a_transaction_within_one_is_a_savepoint(pool: Database, other: asyncpg.Connection) -> None:
    async with pool.write.transaction() as outer:
        await outer.run("insert into notes values (1, 'outer')")
        with pytest.raises(Wrong):
            await fail_after(outer, "insert into notes values (2, 'inner')")
        async with outer.transaction() as inner:
            await inner.run("insert into notes values (3, 'inner')")
    assert await notes(other) == [1, 3]


async def test_what_a_savepoint_kept_goes_with_the_transaction_around_it(
    pool: Database, other: asyncpg.Connection
) -> None:
    async def outer() -> None:
        async with pool.write.transaction() as write:
            async with write.transaction() as inner:
                await inner.run("insert into notes values (1, 'inner')")
            raise Wrong

    with pytest.raises(Wrong):
        await outer()
    assert await notes(other) == []


async def test_a_savepoint_that_the_database_refused_lets_the_transaction_go_on(
    pool: Database, other: asyncpg.Connection
) -> None:
    async with pool.write.transaction() as outer:
        with pytest.raises(asyncpg.UniqueViolationError):
            await twice(outer)
        await outer.run("insert into notes values (5, 'after')")
    assert await notes(other) == [5]


async def test_a_savepoint_that_was_given_up_leaves_nothing_in_the_transaction_that_goes_on(
    pool: Database, other: asyncpg.Connection
) -> None:
    async with pool.write.transaction() as outer:
        await outer.run("insert into notes values (1, 'before')")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05), outer.transaction() as inner:
                await inner.run("insert into notes values (2, 'given up')")
                await asyncio.Event().wait()
        await outer.run("insert into notes values (3, 'after')")
    assert await notes(other) == [1, 3]


async def test_what_is_given_up_ends_as_given_up_even_where_its_connection_is_gone(
    pool: Database, other: asyncpg.Connection
) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        async with pool.write.transaction() as write:
            await write.run("insert into notes values (1, 'one')")
            begun.set()
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await begun.wait()
    await end_all(other)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pool.read.count("select 7") == 7
    assert await notes(other) == []


async def test_a_transaction_with_a_failed_statement_never_ends_as_if_it_were_written(
    pool: Database, other: asyncpg.Connection
) -> None:
    async def swallow() -> None:
        async with pool.write.transaction() as write:
            await write.run("insert into notes values (1, 'one')")
            with suppress(asyncpg.UniqueViolationError):
                await write.run("insert into notes values (1, 'again')")

    assert status(await failure(swallow())) == 500
    assert await notes(other) == []


async def test_many_failing_transactions_lose_no_connection(pool: Database, other: asyncpg.Connection) -> None:
    failing = [fail_after(pool.write, "insert into notes values (1, 'one')") for _ in range(25)]
    refused = [twice(pool.write) for _ in range(25)]
    done = await asyncio.gather(*failing, *refused, return_exceptions=True)
    assert {type(error) for error in done} == {Wrong, asyncpg.UniqueViolationError}
    assert await sessions(other) == ["idle", "idle"]
    assert await asyncio.gather(*[pool.read.count("select 7") for _ in range(50)]) == [7] * 50
    assert await notes(other) == []


async def test_requests_that_are_given_up_lose_no_connection_and_leave_nothing(
    pool: Database, other: asyncpg.Connection
) -> None:
    async def slow(number: int) -> None:
        async with asyncio.timeout(0.1), pool.write.transaction() as write:
            await write.run("insert into notes values ($1, 'slow')", number)
            await write.run("select pg_sleep(60)")

    async with asyncio.timeout(5):
        done = await asyncio.gather(*[slow(number) for number in range(8)], return_exceptions=True)
        assert {type(error) for error in done} == {TimeoutError}
        assert await asyncio.gather(*[pool.read.count("select 7") for _ in range(8)]) == [7] * 8
    assert await notes(other) == []
    assert set(await sessions(other)) == {"idle"}


async def test_what_a_transaction_set_for_itself_does_not_stay_with_its_connection(url: str) -> None:
    async with db.connect(url, 1) as single:
        with pytest.raises(Wrong):
            await fail_after(single.write, "set local statement_timeout = '1ms'")
        assert await single.read.row("show statement_timeout") == ("0",)


async def test_a_pool_makes_its_connections_when_they_are_needed(url: str, other: asyncpg.Connection) -> None:
    async with db.connect(url, 5) as five:
        assert await sessions(other) == []
        await five.read.count("select 1")
        assert len(await sessions(other)) == 1
    assert await sessions(other) == []


async def test_a_pool_never_has_more_connections_than_it_may(pool: Database, other: asyncpg.Connection) -> None:
    await asyncio.gather(*[pool.read.row("select pg_sleep(0.01)") for _ in range(20)])
    assert len(await sessions(other)) == 2


async def test_a_session_speaks_utc_and_says_who_it_is(pool: Database) -> None:
    assert await pool.read.row("select current_setting('timezone'), current_setting('application_name')") == (
        "UTC",
        "odus",
    )


async def test_a_pool_goes_on_after_its_connections_were_ended(pool: Database, other: asyncpg.Connection) -> None:
    await asyncio.gather(*[pool.read.row("select pg_sleep(0.01)") for _ in range(2)])
    await end_all(other)
    answers = [await count_or_status(pool) for _ in range(5)]
    assert set(answers[:2]) <= {7, 503}
    assert answers[2:] == [7, 7, 7]


async def test_a_server_that_refuses_connections_is_unavailable() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with db.connect(f"postgresql://odus@127.0.0.1:{nobody.getsockname()[1]}/odus", 1) as away:
            assert status(await failure(away.read.count("select 1"))) == 503


async def test_a_server_whose_socket_is_gone_is_unavailable() -> None:
    async with db.connect("postgresql://odus@/odus?host=/nonexistent&port=5432", 1) as away:
        assert status(await failure(away.read.count("select 1"))) == 503


async def test_a_server_that_never_answers_is_unavailable_before_the_caller_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert db.CONNECT_SECONDS < 5
    monkeypatch.setattr(db, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = f"postgresql://odus@127.0.0.1:{mute.getsockname()[1]}/odus"
        async with asyncio.timeout(3), db.connect(silent, 1) as away:
            assert status(await failure(away.read.count("select 1"))) == 503


async def test_a_server_that_hangs_up_is_unavailable() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, db.connect(f"postgresql://odus@127.0.0.1:{server.sockets[0].getsockname()[1]}/odus", 1) as away:
        assert status(await failure(away.read.count("select 1"))) == 503


async def test_a_connection_that_was_ended_is_unavailable(pool: Database, other: asyncpg.Connection) -> None:
    async def ended_within() -> None:
        async with pool.write.transaction() as write:
            await write.run("insert into notes values (1, 'one')")
            await end_all(other)
            await write.run("insert into notes values (2, 'two')")

    assert status(await failure(ended_within())) == 503
    assert await notes(other) == []


async def test_a_statement_that_was_ended_with_its_connection_is_unavailable(
    pool: Database, other: asyncpg.Connection
) -> None:
    waiting = asyncio.create_task(failure(pool.read.row("select pg_sleep(60)")))
    await until_waiting(other)
    await end_all(other)
    assert status(await waiting) == 503


async def test_a_statement_that_was_cancelled_is_unavailable(pool: Database, other: asyncpg.Connection) -> None:
    waiting = asyncio.create_task(failure(pool.read.row("select pg_sleep(60)")))
    await until_waiting(other)
    await other.execute(f"select pg_cancel_backend(pid) {POOL}")
    assert status(await waiting) == 503


async def test_a_statement_over_its_time_is_unavailable(pool: Database) -> None:
    async def slow() -> None:
        async with pool.write.transaction() as write:
            await write.run("set local statement_timeout = '20ms'")
            await write.run("select pg_sleep(60)")

    assert status(await failure(slow())) == 503


async def test_a_lock_that_is_not_to_be_had_is_unavailable(pool: Database, other: asyncpg.Connection) -> None:
    async def locked() -> None:
        async with pool.write.transaction() as write:
            await write.run("set local lock_timeout = '20ms'")
            await write.run("insert into notes values (1, 'one')")

    async with other.transaction():
        await other.execute("lock table notes")
        assert status(await failure(locked())) == 503


async def test_a_deadlock_is_unavailable_for_the_one_who_loses(pool: Database, other: asyncpg.Connection) -> None:
    await other.execute("insert into notes values (1, 'one'), (2, 'two')")

    async def lock(first: int, second: int) -> None:
        async with pool.write.transaction() as write:
            await write.run("set local deadlock_timeout = '50ms'")
            await write.run("select from notes where id = $1 for update", first)
            await both_here.wait()
            await write.run("select from notes where id = $1 for update", second)

    both_here = asyncio.Barrier(2)
    done = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    losers = [error for error in done if isinstance(error, Exception)]
    assert [status(error) for error in losers] == [503]


async def test_a_server_that_only_reads_is_unavailable_for_a_write(pool: Database) -> None:
    async def write_on_a_standby() -> None:
        async with pool.write.transaction() as write:
            await write.run("set transaction read only")
            await write.run("insert into notes values (1, 'one')")

    assert status(await failure(write_on_a_standby())) == 503


async def test_a_server_without_a_free_connection_is_unavailable(url: str, other: asyncpg.Connection) -> None:
    role, password = f"odus_test_{secrets.token_hex(4)}", secrets.token_hex(8)
    parts = urlsplit(url)
    as_role = urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}"))
    await other.execute(f"create role {role} login connection limit 1 password '{password}'")
    try:
        taken = await asyncpg.connect(as_role)
        async with db.connect(as_role, 1) as full:
            error = await failure(full.read.count("select 1"))
            assert isinstance(error, asyncpg.TooManyConnectionsError)
            assert status(error) == 503
            await taken.close()
            assert await eventually(full) == 7
    finally:
        await other.execute(f"drop role {role}")


async def test_a_pool_that_was_closed_is_unavailable(url: str) -> None:
    async with db.connect(url, 1) as closed:
        await closed.read.count("select 1")
    assert status(await failure(closed.read.count("select 1"))) == 503


async def test_a_pool_closes_soon_though_a_statement_hangs(
    url: str, other: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "CLOSE_SECONDS", 0.1)
    async with asyncio.timeout(10):
        async with db.connect(url, 1) as hanging:
            waiting = asyncio.create_task(failure(hanging.read.row("select pg_sleep(60)")))
            await until_waiting(other)
        assert status(await waiting) == 503


async def test_a_statement_that_a_migration_has_outdated_can_be_tried_again(
    pool: Database, other: asyncpg.Connection
) -> None:
    async def outdated() -> None:
        async with pool.write.transaction() as write:
            await write.rows("select * from outdated")
        async with pool.write.transaction() as write:
            await other.execute("alter table outdated alter column id type bigint")
            await write.rows("select * from outdated")

    await other.execute("create table outdated (id int)")
    try:
        assert status(await failure(outdated())) == 503
    finally:
        await other.execute("drop table outdated")


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionResetError(),
        BrokenPipeError(),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.CrashShutdownError("terminating connection because of crash of another server process"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.OutOfMemoryError("out of memory"),
        asyncpg.DiskFullError("could not extend file"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_server_in_trouble_is_unavailable(error: Exception) -> None:
    assert status(error) == 503


@pytest.mark.parametrize(
    ("sql", "arguments"),
    [
        ("selec", ()),
        ("select 1; select 2", ()),
        ("select * from nothing", ()),
        ("select nothing", ()),
        ("select nothing(1)", ()),
        ("select 1 / 0", ()),
        ("select $1::int", ("x",)),
        ("select $1::int", (10**12,)),
        ("select $1::text", (5,)),
        ("select $1::timestamptz", ("2024-03-09",)),
        ("select $1::text", ("\x00",)),
        ("select $1::text", ("\ud800",)),
        ("select $1::int", ()),
        ("select $1::int", (1, 2)),
    ],
)
async def test_a_statement_that_is_wrong_is_our_fault_and_not_the_databases(
    pool: Database, sql: str, arguments: tuple[object, ...]
) -> None:
    assert status(await failure(pool.read.row(sql, *arguments))) == 500  # type: ignore[arg-type]


async def test_a_row_that_breaks_a_rule_is_our_fault_and_not_the_databases(pool: Database) -> None:
    assert status(await failure(twice(pool.write))) == 500
    assert status(await failure(pool.write.run("insert into notes values (1, null)"))) == 500


async def test_a_connection_used_twice_at_once_is_our_fault_and_not_the_databases(url: str) -> None:
    connection = await asyncpg.connect(url)
    busy = Write(connection)
    done = await asyncio.gather(busy.run("select pg_sleep(0.05)"), busy.run("select 1"), return_exceptions=True)
    await connection.close()
    assert [status(error) for error in done if isinstance(error, Exception)] == [500]


@pytest.mark.parametrize("error", [ValueError(), TypeError(), KeyError(), RuntimeError(), Wrong()], ids=repr)
def test_a_fault_of_the_program_is_not_the_databases(error: Exception) -> None:
    assert status(error) == 500


async def fail_after(write: Write, sql: str) -> None:
    async with write.transaction() as transaction:
        await transaction.run(sql)  # type: ignore[arg-type]
        raise Wrong


async def twice(write: Write) -> None:
    """Write a row whose key is taken."""
    async with write.transaction() as transaction:
        await transaction.run("insert into notes values (1, 'one')")
        await transaction.run("insert into notes values (1, 'again')")


async def end_all(other: asyncpg.Connection) -> None:
    """End the pool's connections, and return when they are gone."""
    assert await other.fetchval(f"select count(pg_terminate_backend(pid, 5000)) {POOL}") > 0


async def until_waiting(other: asyncpg.Connection) -> None:
    sql = "select exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')"
    async with asyncio.timeout(10):
        while not await other.fetchval(sql):
            pass


async def count_or_status(database: Database) -> int:
    try:
        return await database.read.count("select 7")
    except Exception as error:  # noqa: BLE001 - its status is the question
        return status(error)


async def eventually(database: Database) -> int:
    """Return what a statement gives once the server has let go of the connection that was closed."""
    async with asyncio.timeout(5):
        while (answer := await count_or_status(database)) == 503:
            pass
    return answer
