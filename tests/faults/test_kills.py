"""`kill -9` under write load: every answered write is there, once and whole (quality.md §2).

`ODUS_TEST_KILLS` says how often each process is killed.
"""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests import processes
from tests.faults.figures import note
from tests.faults.load import Load, compare, load
from tests.processes import Server, eventually, lives

KILLS = int(os.environ.get("ODUS_TEST_KILLS", "2"))
WORKERS = 2

chance = random.Random()  # noqa: S311 - when to kill is no secret


async def test_a_killed_worker_takes_no_answered_write_with_it(data: Path) -> None:
    with processes.serving(data, workers=WORKERS) as server:
        async with load(server, data) as running:
            longest = 0.0
            for _ in range(KILLS):
                await some_writes(running)
                oldest = min(server.workers(), key=lambda worker: worker.create_time())
                oldest.kill()
                longest = max(longest, await until(lambda worker=oldest: not lives(worker) and server.is_ready()))
                assert oldest not in server.workers()
        await check("worker", running, data)
        note(f"a killed worker was replaced within {longest:.1f} s")


async def test_a_killed_server_takes_no_answered_write_with_it_and_leaves_the_port(data: Path) -> None:
    with ExitStack() as servers:
        server = servers.enter_context(processes.serving(data, workers=WORKERS))
        async with load(server, data) as running:
            longest = 0.0
            for _ in range(KILLS):
                await some_writes(running)
                longest = max(longest, await killed(server))
                again = processes.started(data, workers=WORKERS, port=server.port)
                server = servers.enter_context(again)
                await until(server.is_ready)
        await check("server", running, data)
        note(f"the workers of a killed server were gone, and its port free, within {longest:.1f} s (goal: 2)")


async def test_a_killed_postgresql_takes_no_answered_write_with_it(data: Path) -> None:
    with processes.serving(data, workers=WORKERS) as server:
        async with load(server, data) as running:
            longest = 0.0
            for _ in range(KILLS):
                await some_writes(running)
                before = server.postmaster()
                before.kill()
                await until(lambda process=before: not lives(process))
                longest = max(longest, await until(server.is_ready))
                assert server.postmaster() != before
        await check("PostgreSQL", running, data)
        note(f"service was back {longest:.1f} s after a kill of PostgreSQL")


async def some_writes(running: Load) -> None:
    """Wait until writes were answered since the last kill, and then for a moment that nobody knows."""
    before = len(running.answers)
    await until(lambda: len(running.answers) > before + 20)
    await asyncio.sleep(chance.uniform(0, 0.3))


async def killed(server: Server) -> float:
    """Kill the first process; return how long the others took to end and to free the port."""
    others = server.family()
    assert len(others) == WORKERS + 3  # who watches PostgreSQL, who keeps the worker of the jobs, and that
    psutil.Process(server.pid).kill()
    server.process.wait()
    return await until(lambda: not any(lives(process) for process in others) and processes.is_free(server.port), 10)


async def check(what: str, running: Load, data: Path) -> None:
    outcome = await compare(running, data)
    note(
        f"kills of the {what}: {KILLS}; answered {outcome.answered:,} writes in {running.tries:,} tries,"
        f" lost {outcome.lost}, doubled {outcome.doubled}"
    )
    assert (outcome.lost, outcome.doubled) == (0, 0)


async def until(condition: Callable[[], object], seconds: float = processes.PATIENCE) -> float:
    """Wait for something in a thread, while the writers go on."""
    return await asyncio.to_thread(eventually, condition, seconds)
