"""The database: a pool of connections, and who may read and who may write through them."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, LiteralString, TypeAlias

import asyncpg
import msgspec

from odus.kit import problems
from odus.kit.problems import Problem

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

    from odus.kit.counts import Counted
    from odus.kit.deep import Mark

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Source: TypeAlias = Pool[asyncpg.Record] | Connection

CONNECT_SECONDS = 2.0
"""How long a new connection waits for the server."""
CANCEL_SECONDS = 0.1
"""How long a statement that was cut short may take to end before its connection is given up."""
CLOSE_SECONDS = 2.0
"""How long a pool that is closed waits for its connections."""


class Read:
    """A connection that only reads; each statement takes one from the pool and gives it back."""

    __slots__ = ("_source",)

    def __init__(self, source: "Source") -> None:
        """Read from a pool, or from the one connection of a transaction."""
        self._source = source

    async def row(self, sql: LiteralString, *arguments: object) -> asyncpg.Record | None:
        """Return the first row, or None."""
        async with _Lease(self._source) as connection:
            return await connection.fetchrow(sql, *arguments)

    async def rows(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        """Return all rows."""
        async with _Lease(self._source) as connection:
            return await connection.fetch(sql, *arguments)

    async def count(self, sql: LiteralString, *arguments: object) -> int:
        """Return the one number that a statement gives."""
        async with _Lease(self._source) as connection:
            return await connection.fetchval(sql, *arguments)


class Write(Read):
    """A connection that may write, on behalf of one request.

    Each statement is a transaction of its own, which is why a change and its event are one statement; `transaction`
    joins several.
    """

    __slots__ = ()

    async def run(self, sql: LiteralString, *arguments: object) -> None:
        """Run a statement for its effect."""
        async with _Lease(self._source) as connection:
            await connection.execute(sql, *arguments)

    async def copy(self, table: LiteralString, columns: Sequence[str], records: Iterable[Sequence[object]]) -> None:
        """Write many rows by `COPY`, all or none of them: many times faster than one by one."""
        async with _Lease(self._source) as connection:
            await connection.copy_records_to_table(table, columns=columns, records=records)

    @asynccontextmanager
    async def transaction(self) -> "AsyncGenerator[Write]":
        """Open a transaction, or a savepoint within one; it commits at the end, and rolls back on an exception."""
        begin, commit, rollback = _TRANSACTION if isinstance(self._source, asyncpg.Pool) else _SAVEPOINT
        async with _Lease(self._source) as connection:
            write = Write(connection)
            await write.run(begin)
            try:
                yield write
            except asyncio.CancelledError:
                await _come_to_rest(connection, rollback)
                raise
            except Exception:
                await write.run(rollback)
                raise
            if await connection.execute(commit) == "ROLLBACK":  # which is all that PostgreSQL says of it
                raise asyncpg.InFailedSQLTransactionError(
                    "a statement of the transaction failed, so nothing is written"
                )


class Search(Read):
    """A connection for lists, which may keep what it counted.

    Lists have a few connections of their own, so that many slow ones hold up nothing else. There each statement is
    planned anew, as the best plan follows from the value that is searched for, and is cut off when it takes too long;
    a commit is not waited for, as nothing is written there that cannot be counted again.
    """

    __slots__ = ("counting", "marks")

    def __init__(self, source: "Source") -> None:
        """Read from a pool, or from the one connection of a transaction."""
        super().__init__(source)
        self.counting: dict[object, asyncio.Future[Counted]] = {}
        """What is being counted at this moment (see `counts`)."""
        self.marks: OrderedDict[object, Mark] = OrderedDict()
        """Rows whose places are known, the oldest first (see `deep`)."""

    async def keep(self, sql: LiteralString, *arguments: object) -> None:
        """Run a statement that keeps something."""
        async with _Lease(self._source) as connection:
            await connection.execute(sql, *arguments)

    @asynccontextmanager
    async def still(self) -> "AsyncGenerator[Read]":
        """Read several times as of one moment, whatever others write; in a test's transaction, just read.

        It holds one of the few connections: what waits for another one waits for those that wait for this one.
        """
        if not isinstance(self._source, asyncpg.Pool):
            yield self
            return
        async with _Lease(self._source) as connection:
            await connection.execute("begin isolation level repeatable read, read only")
            try:
                yield Read(connection)
            except Exception:
                await connection.execute("rollback")
                raise
            await connection.execute("commit")


class Database:
    """Where requests get their connections from."""

    def __init__(self, source: "Source", lists: "Source | None" = None) -> None:
        """Serve from two pools, the second for lists; or, in tests, from one connection."""
        self.read = Read(source)
        self.write = Write(source)
        self.search = Search(lists or source)


class _Lease:
    """A connection for a while: lent by a pool and given back, or the one there is."""

    __slots__ = ("_lent", "_source")

    _lent: "PoolConnectionProxy[asyncpg.Record]"

    def __init__(self, source: "Source") -> None:
        self._source = source

    async def __aenter__(self) -> "Connection":
        if not isinstance(self._source, asyncpg.Pool):
            return self._source
        self._lent = await self._source.acquire()
        return self._lent

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._source, asyncpg.Pool):
            try:
                if kind is asyncio.CancelledError:
                    await _come_to_rest(self._lent)
            finally:
                await self._source.release(self._lent)


async def _come_to_rest(connection: "Connection", rollback: LiteralString = "rollback") -> None:
    """Let a statement that was cut short end, and its transaction; hang up where that takes too long.

    asyncpg itself waits until the server has obeyed, which one that hangs never does.
    """
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            await connection.execute(rollback)
    except BaseException as error:
        with suppress(asyncpg.InterfaceError):  # it is gone already
            connection.terminate()
        if not isinstance(error, Exception):
            raise


_TRANSACTION: tuple[LiteralString, LiteralString, LiteralString] = ("begin", "commit", "rollback")
_SAVEPOINT: tuple[LiteralString, LiteralString, LiteralString] = (
    "savepoint step",
    "release savepoint step",
    "rollback to savepoint step; release savepoint step",
)


class _Connection(asyncpg.Connection[asyncpg.Record] if TYPE_CHECKING else asyncpg.Connection):
    """A connection that is given back as it is: nothing here changes a session, and the reset costs a round trip."""

    def get_reset_query(self) -> str:
        return ""


class Limits(msgspec.Struct, frozen=True):
    """How many connections lists may have, and how many seconds a statement of theirs may take."""

    connections: int = 4
    seconds: float = 2.0


@asynccontextmanager
async def connect(url: str, size: int, lists: Limits = Limits()) -> AsyncGenerator[Database]:  # noqa: B008 - frozen
    """Open a pool of up to `size` connections, and one for lists.

    Each connection is made when first needed, so that starting needs no database.
    """
    for_lists = {
        "plan_cache_mode": "force_custom_plan",
        "statement_timeout": f"{lists.seconds * 1000:.0f}",
        "synchronous_commit": "off",
    }
    async with _pool(url, size) as pool, _pool(url, lists.connections, for_lists) as list_pool:
        try:
            yield Database(pool, list_pool)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.gather(pool.close(), list_pool.close())


def _pool(url: str, size: int, settings: Mapping[str, str] = MappingProxyType({})) -> "Pool[asyncpg.Record]":
    return asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        max_inactive_connection_lifetime=0,  # a timer for each release costs more than an idle connection
        timeout=CONNECT_SECONDS,
        connection_class=_Connection,
        server_settings={"application_name": "odus", "timezone": "UTC", "jit": "off", **settings},
    )


def unavailable(error: Exception) -> Problem | None:
    """Return the 503 for an error that says the database is away, full or busy; None for any other."""
    if not isinstance(error, _AWAY) or (isinstance(error, asyncpg.InterfaceError) and _OURS.search(str(error))):
        return None
    return problems.UNAVAILABLE("The database cannot be reached or is too busy.")


_OURS = re.compile("the server expects|invalid input for|another operation is in progress|cannot exceed")
"""How asyncpg's interface errors speak of our own mistakes; the others speak of a connection that is gone."""


_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,  # a migration changed the table under a transaction
)
