"""Processes that are killed while they answer one request, or do one job.

Each is a fork of one that has the application imported. It reads a `Task` a line from standard input, and writes an
`End` a line to standard output.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec

from odus.app import create_app
from odus.gateways import connect
from odus.kit.db import Database
from odus.kit.problems import Problem
from odus.payments import jobs, moving
from odus.settings import Settings
from tests import make
from tests.faults.gateway_double import GatewayDouble, die

GATEWAY_SECONDS = 0.2
"""How long these processes wait for a gateway that does not answer."""


class Task(msgspec.Struct, frozen=True):
    """A request, or a job, and when its process dies: before its so manieth statement, or as its gateway does."""

    url: str
    value: str
    path: str
    body: dict[str, Any]
    key: str
    statement: int = 0
    mode: str = "works"
    job: str = ""
    """The key of what falls due of payments, which is done instead of a request."""


class End(msgspec.Struct, frozen=True):
    """How it ended: with an answer, or killed, which is status 0."""

    status: int = 0
    body: dict[str, Any] = {}

    @property
    def was_killed(self) -> bool:
        """Whether the process died of it."""
        return self.status == 0


class Mortals:
    """The process that forks the others."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def send(self, task: Task) -> End:
        """Have a new process answer a request, or die of it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(msgspec.json.encode(task) + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(60):
            return msgspec.json.decode(await self._process.stdout.readline(), type=End)


@asynccontextmanager
async def mortals() -> AsyncIterator[Mortals]:
    """Start the process that forks the others."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.mortal",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        limit=2**24,
    )
    try:
        yield Mortals(process)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def main() -> None:
    """Fork a process for each task, one after the other, and tell how it ended."""
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(_end_of(msgspec.json.decode(line, type=Task)) + b"\n")
        sys.stdout.buffer.flush()


def _end_of(task: Task) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, msgspec.json.encode(asyncio.run(_answer(task))))
        finally:
            os._exit(1)  # whatever was raised, this is not to be a second process that forks
    os.close(writing)
    with closing(os.fdopen(reading, "rb")) as answer:
        said = answer.read()
    _, ended = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
    return said or msgspec.json.encode(End(0 if killed else -1))


async def _answer(task: Task) -> End:
    moving.GATEWAY_SECONDS = GATEWAY_SECONDS
    GatewayDouble.mode = task.mode
    connect.INTEGRATIONS["sandbox"] = GatewayDouble
    _Connection.left = task.statement
    pool = asyncpg.create_pool(task.url, min_size=0, max_size=4, connection_class=_Connection)
    app = create_app(Settings(log_level="error"), Database(pool))
    if task.job:
        async with pool:
            return await _do(Database(pool), task.job)
    async with pool, make.client(app, task.value) as client:
        response: httpx.Response = await client.post(task.path, json=task.body, headers={"Idempotency-Key": task.key})
        return End(response.status_code, response.json())


async def _do(database: Database, job: str) -> End:
    try:
        await jobs.run_due(database, job)
    except Problem as problem:
        return End(problem.kind.status)
    return End(200)


class _Connection(asyncpg.Connection):
    """A connection whose process is killed before one of its statements."""

    left = 0
    """How many statements until then; 0 for never."""

    def get_reset_query(self) -> str:
        return ""

    def _count(self) -> None:
        if _Connection.left:
            _Connection.left -= 1
            if not _Connection.left:
                die()

    async def execute(self, *arguments: Any, **more: Any) -> str:
        self._count()
        return await super().execute(*arguments, **more)

    async def fetch(self, *arguments: Any, **more: Any) -> list[asyncpg.Record]:
        self._count()
        return await super().fetch(*arguments, **more)

    async def fetchrow(self, *arguments: Any, **more: Any) -> asyncpg.Record | None:
        self._count()
        return await super().fetchrow(*arguments, **more)

    async def fetchval(self, *arguments: Any, **more: Any) -> Any:
        self._count()
        return await super().fetchval(*arguments, **more)


if __name__ == "__main__":
    main()
