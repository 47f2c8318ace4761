import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from odus import commands, migrations
from odus.migrations import upgrade as module
from odus.migrations.upgrade import DatabaseTooOldError, upgrade
from tests import make

UPGRADE = "import asyncio, sys; from odus.migrations.upgrade import upgrade; asyncio.run(upgrade(sys.argv[1]))"

TABLES = {
    "alembic_version",
    "count_epoch",
    "count_horizons",
    "customer_changes",
    "customers",
    "event_changes",
    "events",
    "gateway_profiles",
    "idempotency_records",
    "kept_counts",
    "merchant_configs",
    "merchants",
    "secret_key_values",
    "secret_keys",
    "sessions",
    "sign_in_failures",
    "users",
}

OF_THE_QUEUE = {"pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics"}
"""Tables of PgQueuer, which are as it wants them, and belong to no merchant."""

LOGS = {
    "customer_changes",
    "event_changes",
    "payment_changes",
    "payment_method_changes",
    "sign_in_failures",
    "subscription_changes",
}
"""Tables of rows that nothing tells apart, and so without a key."""

NOT_OF_A_MERCHANT = {
    "count_epoch_pkey": "is_only",
    "secret_key_values_digest_key": "digest",
    "sessions_digest_key": "digest",
    "users_email_key": "email_search",
    "sign_in_failures_by_subject": "subject",
    "idempotency_records_by_creation": "created_at",
    "payments_by_id": "id",
    "payments_due": "due_at",
    "payments_to_reconcile": "reconcile_at",
    "subscriptions_due": "due_at",
}
"""Indexes for what is shown before it is known which merchant is meant, each with its first column."""

KEYS = """
select tables.tablename as table, (
    select attname from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
    where indrelid = tables.tablename::regclass and indisprimary
) as first
from pg_tables as tables where schemaname = 'public'
"""

SHAPE = """
select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
where table_schema = 'public'
union all
select tablename, indexname, indexdef, null, null from pg_indexes where schemaname = 'public'
union all
select conrelid::regclass::text, conname, pg_get_constraintdef(oid), null, null from pg_constraint
where connamespace = 'public'::regnamespace
order by 1, 2
"""


@pytest.fixture
async def empty(server_url: str) -> AsyncIterator[str]:
    async with make.database(server_url) as url:
        yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def revision(url: str) -> str:
    async with connected(url) as connection:
        return await connection.fetchval("select version_num from alembic_version")


async def shape(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    """Return all columns, indexes and constraints."""
    return [tuple(row) for row in await connection.fetch(SHAPE)]


async def forget(connection: asyncpg.Connection) -> None:
    """Undo all revisions."""
    await connection.execute(f"drop table {', '.join(await tables(connection) - {'alembic_version'})} cascade")
    await connection.execute("delete from alembic_version")
    functions = """
        select proname from pg_proc join pg_language on pg_language.oid = prolang
        where pronamespace = 'public'::regnamespace and lanname = 'plpgsql'
    """
    for (name,) in await connection.fetch(functions):
        await connection.execute(f"drop function {name}")
    await connection.execute("drop type if exists pgqueuer_status")


async def tables(connection: asyncpg.Connection) -> set[str]:
    return {row["table"] for row in await connection.fetch(KEYS)}


def test_the_head_that_the_program_knows_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrations.HEAD]
    assert len(script.get_bases()) == 1


async def test_an_empty_database_gets_all_tables_at_the_newest_revision(empty: str) -> None:
    await upgrade(empty)
    assert await revision(empty) == migrations.HEAD
    async with connected(empty) as connection:
        assert await tables(connection) >= TABLES


async def test_upgrading_again_changes_nothing(empty: str) -> None:
    await upgrade(empty)
    async with connected(empty) as connection:
        await connection.execute("insert into merchants values ('mer_1', 'Corner Shop', 'test', now())")
        before = await shape(connection)
        await upgrade(empty)
        assert await shape(connection) == before
        assert await connection.fetchval("select count(*) from merchants") == 1
        assert await connection.fetchval("select count(*) from alembic_version") == 1


async def test_every_table_but_the_merchants_own_begins_its_key_with_the_merchant(database_url: str) -> None:
    async with connected(database_url) as connection:
        keys = {row["table"]: row["first"] for row in await connection.fetch(KEYS)}
    assert keys.pop("alembic_version") == "version_num"
    assert keys.pop("merchants") == "id"
    assert keys.pop("count_epoch") == "is_only"
    assert {keys.pop(table) for table in OF_THE_QUEUE} == {"id"}
    assert {table for table, first in keys.items() if first is None} == LOGS
    assert {first for table, first in keys.items() if table not in LOGS} == {"merchant_id"}


async def test_every_index_begins_with_the_merchant(database_url: str) -> None:
    sql = """
        select index.relname as index, attname as first from pg_index
        join pg_class as index on index.oid = indexrelid
        join pg_attribute on attrelid = indrelid and attnum = indkey[0]
        where index.relnamespace = 'public'::regnamespace and indrelid not in
            ('merchants'::regclass, 'alembic_version'::regclass) and not indrelid::regclass::text = any($1)
    """
    async with connected(database_url) as connection:
        firsts = {row["index"]: row["first"] for row in await connection.fetch(sql, OF_THE_QUEUE)}
    assert {index: firsts.pop(index) for index in NOT_OF_A_MERCHANT} == NOT_OF_A_MERCHANT
    for index in ("customers_by_part", "payments_by_metadata", "subscriptions_by_metadata"):
        firsts.pop(index)  # where each column is searched on its own, and the order of them means nothing
    assert set(firsts.values()) == {"merchant_id"}


async def test_ids_sort_by_their_characters_whatever_the_language_of_the_database(database_url: str) -> None:
    sql = """
        select table_name, column_name from information_schema.columns where table_schema = 'public'
        and (column_name = 'id' or column_name like '%\\_id') and data_type = 'text'
        and collation_name is distinct from 'C'
    """
    async with connected(database_url) as connection:
        assert [tuple(row) for row in await connection.fetch(sql)] == []


async def test_every_moment_is_kept_to_the_millisecond_with_its_zone(database_url: str) -> None:
    sql = """
        select table_name, column_name, data_type, datetime_precision from information_schema.columns
        where table_schema = 'public' and (column_name like '%\\_at' or data_type like 'timestamp%')
            and column_name <> 'server'  -- the server's own moment of its start, to be compared with itself
            and not table_name = any($1)
    """
    async with connected(database_url) as connection:
        found = await connection.fetch(sql, OF_THE_QUEUE)
    assert len(found) >= 10
    assert {(row["data_type"], row["datetime_precision"]) for row in found} == {("timestamp with time zone", 3)}


async def test_tasks_that_upgrade_at_once_all_succeed(empty: str) -> None:
    async with asyncio.timeout(30):
        await asyncio.gather(*[upgrade(empty) for _ in range(5)])
    assert await revision(empty) == migrations.HEAD


async def test_processes_that_upgrade_at_once_all_succeed(empty: str) -> None:
    async def process() -> tuple[int | None, bytes]:
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", UPGRADE, empty, stderr=asyncio.subprocess.PIPE
        )
        _, said = await started.communicate()
        return started.returncode, said

    async with asyncio.timeout(60):
        assert await asyncio.gather(process(), process()) == [(0, b"")] * 2
    assert await revision(empty) == migrations.HEAD


async def test_who_comes_second_waits_as_long_as_the_first_takes(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "50ms")
    waits_longer = """
        select exists (select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()
            and clock_timestamp() - query_start > '200ms')
    """
    async with connected(empty) as first, asyncio.timeout(30):
        await first.execute(f"select pg_advisory_lock({module.LOCK})")
        second = asyncio.create_task(upgrade(empty))
        while not second.done() and not await first.fetchval(waits_longer):
            pass
        await first.execute(f"select pg_advisory_unlock({module.LOCK})")
        await second
    assert await revision(empty) == migrations.HEAD


async def test_a_table_that_others_hold_makes_it_fail_soon_and_whole(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "50ms")
    await upgrade(empty)
    async with connected(empty) as other:
        await forget(other)
        async with other.transaction():
            await other.execute("lock table alembic_version")
            with pytest.raises(Exception, match="lock timeout") as caught:
                async with asyncio.timeout(10):
                    await upgrade(empty)
        assert not isinstance(caught.value, TimeoutError)
        assert await tables(other) == {"alembic_version"}
    await upgrade(empty)
    assert await revision(empty) == migrations.HEAD


async def test_what_it_fails_with_is_told_in_a_sentence_at_the_command_line(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "50ms")
    await upgrade(empty)
    async with connected(empty) as other, other.transaction():
        await other.execute("lock table alembic_version")
        with pytest.raises(commands.ERRORS):
            await upgrade(empty)


async def test_a_revision_that_fails_leaves_nothing_of_itself(empty: str) -> None:
    async with connected(empty) as other:
        await other.execute("create table customers (id int)")
        with pytest.raises(Exception, match="already exists"):
            await upgrade(empty)
        assert await tables(other) <= {"customers", "alembic_version"}
        await other.execute("drop table customers")
    await upgrade(empty)
    assert await revision(empty) == migrations.HEAD


async def test_a_server_that_is_too_old_is_told_in_a_sentence_and_left_alone(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OLDEST_SERVER", 99)
    with pytest.raises(DatabaseTooOldError, match=r"\APostgreSQL 99 or later is needed; this server is 1\d\.\Z"):
        await upgrade(empty)
    async with connected(empty) as connection:
        assert await tables(connection) == set()


def test_the_oldest_server_is_the_one_that_the_settings_speak_of() -> None:
    assert module.OLDEST_SERVER == 15


async def test_a_database_of_a_later_release_is_told_in_a_sentence(empty: str) -> None:
    await upgrade(empty)
    async with connected(empty) as connection:
        await connection.execute("update alembic_version set version_num = '9999'")
        with pytest.raises(commands.ERRORS):
            await upgrade(empty)
        assert await connection.fetchval("select version_num from alembic_version") == "9999"


async def test_no_connection_and_no_lock_is_left_behind(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await upgrade(empty)
    monkeypatch.setattr(module, "OLDEST_SERVER", 99)
    with pytest.raises(DatabaseTooOldError):
        await upgrade(empty)
    async with connected(empty) as connection, asyncio.timeout(10):
        others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        while await connection.fetchval(others):
            pass
        assert await connection.fetchval(f"select pg_try_advisory_lock({module.LOCK})")


async def test_a_server_that_is_not_there_is_told_in_a_sentence() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(commands.ERRORS):
            await upgrade(f"postgresql://odus@127.0.0.1:{nobody.getsockname()[1]}/odus")


@asynccontextmanager
async def relayed(path: str) -> AsyncIterator[int]:
    """Let a TCP port lead to a unix socket; yield the port."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)
        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_it_works_over_a_unix_socket_and_over_tcp(empty: str) -> None:
    parts = urlsplit(empty)
    query = dict(parse_qsl(parts.query))
    if not query.get("host", "").startswith("/"):
        pytest.skip("the server of the tests is used over TCP, here and in all other tests")
    await upgrade(empty)
    async with relayed(f"{query['host']}/.s.PGSQL.{query.get('port', '5432')}") as port:
        over_tcp = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
        async with connected(over_tcp) as connection:
            await forget(connection)
        await upgrade(over_tcp)
        assert await revision(over_tcp) == migrations.HEAD


async def test_what_an_earlier_release_wrote_is_folded_and_what_it_goes_on_writing_is_found(empty: str) -> None:
    """The first release knows neither the folded columns nor the logs, and serves on while this one is rolled out."""
    async with connected(empty) as connection:
        await _begin(connection)
        await connection.execute("insert into merchants values ('mer_1', 'Corner Shop', 'test', now())")
        insert = "insert into customers (merchant_id, id, email, name, metadata, created_at, updated_at)"
        values = "('mer_1', $1, $2, $3, $4, now(), now())"
        await connection.execute(f"{insert} values {values}", "cus_1", "A@Ä.test", "STRASSE ß", '{"k": "ÄÖ"}')
        await upgrade(empty)
        await connection.execute(f"{insert} values {values}", "cus_2", "B@test", "Jane", "{}")
        found = await connection.fetch("select id, email_search, name_search from customers order by id")
        assert [tuple(row) for row in found] == [("cus_1", "a@ä.test", "strasse ss"), ("cus_2", "b@test", "jane")]
        assert (
            await connection.fetchval("select metadata_folded -> 'folded' ->> 'k' from customers where id = 'cus_1'")
            == "äö"
        )
        await connection.execute("update customers set name = 'JANE' where id = 'cus_1'")
        assert await connection.fetchval("select name_search from customers where id = 'cus_1'") == "jane"
        assert await connection.fetchval("select sum(weight) from customer_changes") == 1


async def test_a_merchant_that_is_there_already_gets_its_configuration_and_a_test_merchant_its_sandbox(
    empty: str,
) -> None:
    async with connected(empty) as connection:
        await _begin(connection)
        for merchant_id, environment in (("mer_1", "test"), ("mer_2", "live")):
            await connection.execute("insert into merchants values ($1, 'Shop', $2, now())", merchant_id, environment)
        await upgrade(empty)
        (profile,) = await connection.fetch(
            "select merchant_id, id, title, length(secret) as length from gateway_profiles"
        )
        configs = await connection.fetch("select merchant_id, gateway_profile_id from merchant_configs order by 1")
    assert (profile["merchant_id"], profile["title"], profile["length"]) == ("mer_1", "Sandbox", 32)
    assert [tuple(config) for config in configs] == [("mer_1", profile["id"]), ("mer_2", None)]


async def _begin(connection: asyncpg.Connection) -> None:
    """Make the database of the first release."""
    for statement in _first_tables():
        await connection.execute(statement)
    await connection.execute("create table alembic_version (version_num varchar(32) primary key)")
    await connection.execute("insert into alembic_version values ('0001')")


def _first_tables() -> tuple[str, ...]:
    path = Path(migrations.__file__).parent / "versions" / "0001_first_tables.py"
    spec = importlib.util.spec_from_file_location("first_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.STATEMENTS
