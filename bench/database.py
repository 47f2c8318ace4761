"""A plain connection to the database, to time what PostgreSQL alone needs."""

import asyncio
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import LiteralString

import asyncpg

Rows = list[asyncpg.Record]


class Database:
    """One connection, used from code that is not asynchronous."""

    def __init__(self, runner: asyncio.Runner, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._runner = runner
        self._connection = connection

    def run(self, sql: LiteralString) -> None:
        """Run a statement for its effect."""
        self._runner.run(self._connection.execute(sql))

    def timed(self, sql: LiteralString, *arguments: object, settings: Mapping[str, str]) -> tuple[float, Rows]:
        """Return how many milliseconds a statement took under some settings, and what it gave."""
        return self._runner.run(self._timed(sql, arguments, settings))

    async def _timed(
        self, sql: LiteralString, arguments: tuple[object, ...], settings: Mapping[str, str]
    ) -> tuple[float, Rows]:
        await self._connection.execute("reset all")
        for name, value in settings.items():
            await self._connection.execute("select set_config($1, $2, false)", name, value)
        statement = await self._connection.prepare(sql)
        began = time.perf_counter()
        rows = await statement.fetch(*arguments)
        return (time.perf_counter() - began) * 1000, rows


@contextmanager
def connected(dsn: str) -> Generator[Database]:
    """Connect as long as the block runs."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(dsn))
        try:
            yield Database(runner, connection)
        finally:
            runner.run(connection.close())
