"""The queue of jobs: PgQueuer, which deals out to all workers of one PostgreSQL what is due there."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb
from typing import LiteralString

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job, Schedule
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import Channel
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from odus.kit import db
from odus.kit.db import Database, Write
from odus.kit.jobs import Chore, Due, Jobs
from odus.kit.logs import log

PLAN_SECONDS = 1.0
"""How often each worker looks for what is due."""
BATCH = 500
"""Keys of each kind that are queued ahead: what more is due waits in its rows."""
AT_ONCE = 10
"""Runs of one worker at the same time."""
TAKEOVER_SECONDS = 15
"""How long after the last sign of life of a worker another one takes over what it was doing."""
POLL_SECONDS = 5
"""How often a worker asks for what nobody tells it of, such as a job that is to be taken over."""
LONGEST_RUN = 300.0
"""Seconds after which a run is cut off, and tried again."""
LONGEST_DELAY = 300
"""Seconds before another try, at most; the first is after one, and each further one after twice as long."""
LONGEST_PAUSE = 2.0
"""Seconds between two tries to reach the database, at most."""
CALM_SECONDS = 10.0
"""How long all must have gone well until a failure is worth a line in the log again."""
STATEMENT_SECONDS = 10.0
"""How long a statement of the queue may take: they all take milliseconds, and a connection may hang."""
KEPT = timedelta(days=1)
"""How long finished jobs stay in PgQueuer's log."""
TIDY_BATCH = 5000


class Names(DBSettings):
    """PgQueuer's usual names, whatever the environment says: variables as common as `CHANNEL` would change them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but what the program says."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


_NAMES = Names()


def queries(connection: "asyncpg.Connection[asyncpg.Record]") -> Queries:
    """Return PgQueuer's statements on a connection."""
    return Queries(
        AsyncpgDriver(connection),
        QueryBuilderEnvironment(_NAMES),
        QueryQueueBuilder(_NAMES),
        QuerySchedulerBuilder(_NAMES),
    )


async def work(url: str, database: Database, jobs: Jobs, stop: asyncio.Event) -> None:
    """Do jobs until `stop` is set, and finish those under way; whenever the database is away, wait for it."""
    loop, failures = asyncio.get_running_loop(), 0
    while not stop.is_set():
        began = loop.time()
        try:
            async with _connected(url) as statements:
                await _Turn(statements, database, jobs).run(stop)
        except Exception as error:  # noqa: BLE001 - whatever it was, going on is all there is to do
            failures = 0 if loop.time() - began > CALM_SECONDS else failures
            if failures == 0:
                log.warning("jobs interrupted", **_reason(error))
            failures += 1
            await _pause(stop, min(0.1 * 2**failures, LONGEST_PAUSE))


async def tidy(write: Write) -> None:
    """Drop finished jobs from PgQueuer's log, a batch at a time."""
    while await write.count(_TIDY, KEPT, TIDY_BATCH) == TIDY_BATCH:
        pass


_TIDY: LiteralString = """
with gone as (
    delete from pgqueuer_log where id in (select id from pgqueuer_log where created < now() - $1::interval limit $2)
    returning id
)
select count(*) from gone
"""


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[Queries]:
    connection = await asyncpg.connect(
        url,
        timeout=db.CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        server_settings={"application_name": "odus jobs", "timezone": "UTC", "jit": "off"},
    )
    try:
        yield queries(connection)
    finally:
        with suppress(Exception):
            await connection.close(timeout=db.CLOSE_SECONDS)


class _Turn:
    """The work on one connection: until it fails, or until it is to stop."""

    def __init__(self, statements: Queries, database: Database, jobs: Jobs) -> None:
        self._statements = statements
        self._database = database
        self._jobs = jobs
        self._halt = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; raises whatever came in between, once the runs under way have ended."""
        stopping = asyncio.create_task(stop.wait())
        tasks = self._tasks()
        try:
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            self._halt.set()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        finally:
            for task in (stopping, *tasks):
                task.cancel()

    def _tasks(self) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self._plan(due)) for due in self._jobs.dues]
        if self._jobs.dues:
            tasks.append(asyncio.create_task(self._do_dues()))
        if self._jobs.chores:
            tasks.append(asyncio.create_task(self._do_chores()))
        return tasks

    async def _do_dues(self) -> None:
        manager = QueueManager(self._statements, Channel(_NAMES.channel))
        manager.shutdown = self._halt
        for due in self._jobs.dues:
            manager.entrypoint(due.name, accepts_context=False)(_runner(due, self._database))
        await manager.run(
            dequeue_timeout=timedelta(seconds=POLL_SECONDS),
            batch_size=AT_ONCE // 2,
            max_concurrent_tasks=AT_ONCE,
            heartbeat_timeout=timedelta(seconds=TAKEOVER_SECONDS),
            log_aggregation_interval=timedelta(0),  # its statistics would grow, and nobody reads them
        )

    async def _do_chores(self) -> None:
        scheduler = SchedulerManager(self._statements)
        scheduler.shutdown = self._halt
        for chore in self._jobs.chores:
            scheduler.schedule(chore.name, cron(chore.every), accepts_context=False)(_sweeper(chore, self._database))
        await scheduler.run()

    async def _plan(self, due: Due) -> None:
        """Queue what is due, again and again; where it cannot be found, more and more seldom."""
        failures = 0
        while not self._halt.is_set():
            held = await self._statements.driver.fetch(_HELD, due.name)
            try:
                keys = await self._find(due, held)
            except Exception as error:  # noqa: BLE001 - one kind's fault is not to hold up the others
                if failures == 0:
                    log.warning("jobs not found", job=due.name, **_reason(error))
                failures += 1
            else:
                failures = 0
                await self._queue(due, keys)
            await _pause(self._halt, min(PLAN_SECONDS * 2**failures, LONGEST_DELAY))

    async def _find(self, due: Due, held: list[dict[str, object]]) -> list[str]:
        """Return what is due and not queued; what fails again and again stays queued, and is not to crowd it out."""
        if sum(row["ready"] is True for row in held) >= BATCH:
            return []
        known = {row["dedupe_key"] for row in held}
        keys = await due.find(self._database.read, BATCH + len(held))
        return [key for key in keys if _dedupe_key(due, key) not in known][:BATCH]

    async def _queue(self, due: Due, keys: list[str]) -> None:
        if keys:
            await self._statements.enqueue(
                [due.name] * len(keys),
                [key.encode() for key in keys],
                [0] * len(keys),
                dedupe_key=[_dedupe_key(due, key) for key in keys],
                on_conflict="skip",
            )


_HELD: LiteralString = """
select dedupe_key, status = 'queued' and execute_after <= now() as ready from pgqueuer where entrypoint = $1
"""


def _dedupe_key(due: Due, key: str) -> str:
    return f"{due.name} {key}"


def _runner(due: Due, database: Database) -> Callable[[Job], Awaitable[None]]:
    """Make what PgQueuer calls for a job: a run that fails is tried again, for as long as it takes."""

    async def run(job: Job) -> None:
        key = (job.payload or b"").decode()
        try:
            async with asyncio.timeout(LONGEST_RUN):
                await due.run(database, key)
        except Exception as error:  # noqa: BLE001 - PgQueuer would keep its text, which may quote a row
            log.warning("job failed", job=due.name, key=key, tries=job.attempts + 1, **_reason(error))
        else:
            return
        raise RetryRequested(delay(job.attempts))

    return run


def delay(failures: int) -> timedelta:
    """Return how long to wait before a job that failed so often before is tried again."""
    return timedelta(seconds=min(2 ** min(failures, 30), LONGEST_DELAY))


def _sweeper(chore: Chore, database: Database) -> Callable[[Schedule], Awaitable[None]]:
    async def run(schedule: Schedule) -> None:
        del schedule
        try:
            async with asyncio.timeout(LONGEST_RUN):
                await chore.run(database)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again at its next time
            log.warning("chore failed", chore=chore.name, **_reason(error))

    return run


def cron(every: int) -> str:
    """Return the cron expression, with seconds at its end, of what is done each so many seconds."""
    for seconds, count, expression in _UNITS:
        steps, rest = divmod(every, seconds)
        if steps > 0 and not rest and count % steps == 0:
            return expression.format(steps)
    raise ValueError(f"{every} seconds are no part of a minute, an hour or a day")


_UNITS = ((3600, 24, "0 */{} * * * 0"), (60, 60, "*/{} * * * * 0"), (1, 60, "* * * * * */{}"))


def _reason(error: BaseException) -> dict[str, str]:
    """Say what failed and where, without the text of the error, which may quote personal data."""
    last = extract_tb(error.__traceback__)[-1]
    return {"reason": type(error).__name__, "where": f"{Path(last.filename).name}:{last.lineno}"}


async def _pause(until: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until something is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
