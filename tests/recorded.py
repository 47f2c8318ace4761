"""A search that notes what it sends."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import LiteralString

import asyncpg

from odus.kit.db import Read, Search

Sent = list[tuple[LiteralString, tuple[object, ...]]]
"""Statements, each with its arguments."""


class Recorded(Search):
    """A search that notes what it sends, also what it reads as of one moment."""

    def __init__(self, search: Search) -> None:
        """Send all by the connections of another search."""
        super().__init__(search._source)  # noqa: SLF001 - the same pool
        self.sent: Sent = []

    async def rows(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        """Note a statement, and send it."""
        self.sent.append((sql, arguments))
        return await super().rows(sql, *arguments)

    @asynccontextmanager
    async def still(self) -> AsyncGenerator[Read]:
        """Note what is read as of one moment."""
        async with super().still() as read:
            yield _RecordedRead(read, self.sent)


class _RecordedRead(Read):
    def __init__(self, read: Read, sent: Sent) -> None:
        super().__init__(read._source)  # noqa: SLF001 - the same connection
        self._sent = sent

    async def rows(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        self._sent.append((sql, arguments))
        return await super().rows(sql, *arguments)
