"""The database: a pool of connections, and who may read and who may write through them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, LiteralString, TypeAlias

import asyncpg

from odus.kit import problems
from odus.kit.problems import Problem

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Source: TypeAlias = Pool[asyncpg.Record] | Connection

CONNECT_SECONDS = 2.0
"""How long a new connection waits for the server."""


class Read:
    """A connection that only reads; each statement takes one from the pool and gives it back."""

    __slots__ = ("_source",)

    def __init__(self, source: "Source") -> None:
        """Read from a pool, or from the one connection of a transaction."""
        self._source = source

    async def row(self, sql: LiteralString, *arguments: object) -> asyncpg.Record | None:
        """Return the first row, or None."""
        return await self._source.fetchrow(sql, *arguments)

    async def rows(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        """Return all rows."""
        return await self._source.fetch(sql, *arguments)

    async def count(self, sql: LiteralString, *arguments: object) -> int:
        """Return the one number that a statement gives."""
        return await self._source.fetchval(sql, *arguments)


class Write(Read):
    """A connection that may write, on behalf of one request.

    Each statement is a transaction of its own, which is why a change and its event are one statement; `transaction`
    joins several.
    """

    __slots__ = ()

    async def run(self, sql: LiteralString, *arguments: object) -> None:
        """Run a statement for its effect."""
        await self._source.execute(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> "AsyncGenerator[Write]":
        """Open a transaction, or a savepoint within one; it commits at the end, and rolls back on an exception."""
        if isinstance(self._source, asyncpg.Pool):
            async with self._source.acquire() as connection, connection.transaction():
                yield Write(connection)
        else:
            async with self._source.transaction():
                yield self


class Database:
    """Where requests get their connections from."""

    def __init__(self, source: "Source") -> None:
        """Serve from a pool, or, in tests, from one connection."""
        self.read = Read(source)
        self.write = Write(source)


class _Connection(asyncpg.Connection[asyncpg.Record] if TYPE_CHECKING else asyncpg.Connection):
    """A connection that is given back as it is: nothing here changes a session, and the reset costs a round trip."""

    def get_reset_query(self) -> str:
        return ""


@asynccontextmanager
async def connect(url: str, size: int) -> AsyncGenerator[Database]:
    """Open a pool of up to `size` connections, each made when first needed, so that starting needs no database."""
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        connection_class=_Connection,
        server_settings={"application_name": "odus", "timezone": "UTC", "jit": "off"},
    )
    async with pool:
        yield Database(pool)


def unavailable(error: Exception) -> Problem | None:
    """Return the 503 for an error that says the database is away, full or busy; None for any other."""
    ours = isinstance(error, ValueError)  # asyncpg's errors about our own arguments are interface errors too
    return (
        problems.UNAVAILABLE("The database cannot be reached or is too busy.")
        if isinstance(error, _AWAY) and not ours
        else None
    )


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
)
