"""The statements that Odus runs for a request, recorded from Odus itself, as a script for pgbench.

So the reference is the very SQL that is measured, whatever becomes of it. Parameters stay parameters: those that
have to differ from run to run become expressions of pgbench's variables, the others are sent as they were recorded.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import LiteralString

import asyncpg

from bench.figure import BenchError
from bench.load import Script
from bench.seed import Seeded
from odus.kit.db import Write
from odus.kit.permissions import Actor, Permission, Principal

Statement = tuple[str, tuple[object, ...]]


class _Recording(Write):
    """A connection that keeps what it was asked; only what the recorded work uses is kept, anything else goes amiss."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        super().__init__(connection)
        self.asked: list[Statement] = []

    async def row(self, sql: LiteralString, *arguments: object) -> asyncpg.Record | None:
        self.asked.append((sql, arguments))
        return await super().row(sql, *arguments)

    async def count(self, sql: LiteralString, *arguments: object) -> int:
        self.asked.append((sql, arguments))
        return await super().count(sql, *arguments)


def principal(seeded: Seeded) -> Principal:
    """Return who acts, as a request's key would."""
    actor = Actor("secretKey", "key_0000000000000000000000000000")
    request_id = "req_0000000000000000000000000000"
    return Principal(
        merchant_id=seeded.merchant_id, actor=actor, permissions=frozenset(Permission), request_id=request_id
    )


def record(dsn: str, work: Callable[[Write], Awaitable[object]]) -> list[Statement]:
    """Return the statements of a piece of work, which is really done."""

    async def run() -> list[Statement]:
        connection = await asyncpg.connect(dsn)
        try:
            recording = _Recording(connection)
            await work(recording)
            return recording.asked
        finally:
            await connection.close()

    return asyncio.run(run())


def script(statements: Sequence[Statement], variables: str, changing: Mapping[object, str], clients: int) -> Script:
    """Write statements down for pgbench, after the lines that set its `variables`.

    `changing` has an expression for each recorded value that must not stay as it is; the columns that a
    statement but the last one found are there for it as `:found_…`.
    """
    missing = [value for value in changing if not any(value in arguments for _, arguments in statements)]
    if missing:
        raise BenchError(f"Odus no longer sends {missing[0]!r} to the database: the reference must be thought over.")
    sent: dict[str, str] = {}
    lines = [_line(f"p{number}_", statement, changing, sent) for number, statement in enumerate(statements)]
    return Script("\n".join([variables, "\n\\gset found_\n".join(lines) + ";", ""]), sent, clients)


def _line(prefix: str, statement: Statement, changing: Mapping[object, str], sent: dict[str, str]) -> str:
    sql, arguments = statement

    def parameter(found: re.Match[str]) -> str:
        value = arguments[int(found[1]) - 1]
        if value is None:
            return "null"
        if value in changing:
            return changing[value]
        sent[prefix + found[1]] = _text(value)
        return f":{prefix}{found[1]}"

    return re.sub(r"\$(\d+)", parameter, sql).strip()


def _text(value: object) -> str:
    match value:
        case bool():
            return "t" if value else "f"
        case date():
            return value.isoformat()
        case str():
            return value
        case _:
            raise BenchError(f"There is no text for a parameter of type {type(value).__name__}.")
