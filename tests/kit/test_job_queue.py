import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import asyncpg
import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from odus.kit import db, job_queue
from odus.kit.db import Database, Read
from odus.kit.job_queue import Names, cron, delay
from odus.kit.jobs import Chore, Due, Jobs
from odus.migrations.upgrade import upgrade
from tests import make
from tests.processes import PATIENCE, eventually_true


@dataclass
class Things:
    """Things in memory that are due until they are done; each takes as many tries as it says."""

    due: dict[str, int]
    """The tries that each takes."""
    tried: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def find(self, read: Read, limit: int) -> list[str]:
        """Return what is due, in the order in which it was said."""
        del read
        return [key for key in self.due if key not in self.done][:limit]

    async def run(self, database: Database, key: str) -> None:
        """Do a thing, or fail with its name in the text."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await database.read.rows("select 1")
            self.tried.append(key)
            if self.tried.count(key) < self.due[key]:
                raise RuntimeError(f"Jane Doe cannot be charged for {key}")
            self.done.append(key)
        finally:
            self.at_once -= 1

    async def are_done(self) -> bool:
        """Tell whether nothing is due any more."""
        return set(self.done) == set(self.due)


@dataclass
class Log:
    """What is logged."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def warning(self, event: str, **fields: object) -> None:
        """Take a line."""
        self.lines.append((event, fields))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()
    monkeypatch.setattr(job_queue, "log", log)
    return log


@pytest.fixture
async def url(server_url: str) -> AsyncIterator[str]:
    async with make.database(server_url) as url:
        await upgrade(url)
        yield url


@asynccontextmanager
async def working(url: str, jobs: Jobs, workers: int = 1) -> AsyncIterator[Database]:
    """Work in this process, as several workers would; in the end they finish what they do."""
    stop = asyncio.Event()
    async with db.connect(url, 5) as database, asyncio.timeout(2 * PATIENCE):
        working = [asyncio.create_task(job_queue.work(url, database, jobs, stop)) for _ in range(workers)]
        try:
            yield database
        finally:
            stop.set()
            await asyncio.gather(*working)


async def test_the_installed_pgqueuer_lacks_nothing_in_the_schema(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        plan = await job_queue.queries(connection).plan_upgrade()
        assert (list(plan.statements), list(plan.notes)) == ([], [])
        kinds = await connection.fetch("select relpersistence from pg_class where relname like 'pgqueuer%'")
        assert {row["relpersistence"] for row in kinds} == {b"p"}
    finally:
        await connection.close()


@pytest.mark.parametrize("variable", ["CHANNEL", "PGQUEUER_CHANNEL", "PGQUEUER_PREFIX", "PGQUEUER_SCHEMA", "FUNCTION"])
async def test_no_variable_of_the_environment_changes_the_names(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    before = Names()
    monkeypatch.setenv(variable, "elsewhere")
    assert Names() == before


async def test_what_is_due_is_done_once_by_many_workers_and_never_more_at_once_than_they_may(url: str) -> None:
    things = Things({f"thing {number}": 1 for number in range(100)})
    async with working(url, Jobs([Due("things", things.find, things.run)]), workers=2):
        await eventually_true(things.are_done)
    assert sorted(things.tried) == sorted(things.due)
    assert 1 < things.most_at_once <= 2 * job_queue.AT_ONCE


async def test_what_fails_is_tried_again_and_each_time_logged_without_its_text(url: str, log: Log) -> None:
    things = Things({"thing": 3})
    began = time.monotonic()
    async with working(url, Jobs([Due("things", things.find, things.run)])) as database:
        await eventually_true(things.are_done)
        traces = await database.read.rows("select traceback::text from pgqueuer_log where traceback is not null")
    assert things.tried == ["thing"] * 3
    assert time.monotonic() - began > 3
    assert [(event, fields["key"], fields["tries"], fields["reason"]) for event, fields in log.lines] == [
        ("job failed", "thing", 1, "RuntimeError"),
        ("job failed", "thing", 2, "RuntimeError"),
    ]
    assert len(traces) == 2
    assert "Jane" not in f"{log.lines} {traces}"


async def test_what_fails_for_ever_does_not_hold_up_the_others(
    url: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "BATCH", 2)
    things = Things({f"bad {number}": 99 for number in range(5)} | {f"good {number}": 1 for number in range(5)})
    async with working(url, Jobs([Due("things", things.find, things.run)])):
        await eventually_true(lambda: holds(len(things.done) == 5))
    assert {key.split()[0] for key in things.done} == {"good"}
    assert log.lines


async def test_a_kind_that_cannot_be_found_does_not_hold_up_the_others(url: str, log: Log) -> None:
    async def find(read: Read, limit: int) -> list[str]:
        return [row["key"] for row in await read.rows("select key from missing limit $1", limit)]

    things = Things({"thing": 1})
    jobs = Jobs([Due("missing", find, things.run), Due("things", things.find, things.run)])
    async with working(url, jobs):
        await eventually_true(things.are_done)
        await eventually_true(lambda: holds(bool(log.lines)))
    assert [(event, fields["job"], fields["reason"]) for event, fields in log.lines] == [
        ("jobs not found", "missing", "UndefinedTableError")
    ]


async def test_what_takes_too_long_is_cut_off_and_tried_again(
    url: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "LONGEST_RUN", 0.1)
    things = Things({"thing": 1})

    async def run(database: Database, key: str) -> None:
        if not log.lines:
            await asyncio.Event().wait()
        await things.run(database, key)

    async with working(url, Jobs([Due("things", things.find, run)])):
        await eventually_true(things.are_done)
    assert [fields["reason"] for _, fields in log.lines] == ["TimeoutError"]


async def test_a_lost_connection_is_made_again_and_logged_once(url: str, log: Log) -> None:
    things = Things({"thing": 1})
    async with working(url, Jobs([Due("things", things.find, things.run)])) as database:
        await eventually_true(things.are_done)
        ended = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'odus jobs'"
        ended += " and datname = current_database()"
        assert await database.read.count(ended) == 1  # type: ignore[arg-type]
        things.due["another"] = 1
        await eventually_true(things.are_done)
    assert [event for event, _ in log.lines] == ["jobs interrupted"]


async def test_a_chore_is_done_once_each_time_by_whichever_worker_comes_first(url: str) -> None:
    runs: list[str] = []

    async def sweep(database: Database) -> None:
        await database.read.rows("select 1")
        runs.append("sweep")

    began = time.monotonic()
    async with working(url, Jobs((), [Chore("sweep", 1, sweep)]), workers=3):
        await eventually_true(lambda: holds(len(runs) >= 5))
    assert len(runs) <= time.monotonic() - began + 2


async def test_a_chore_that_fails_is_logged_and_done_again(url: str, log: Log) -> None:
    tries: list[str] = []

    async def sweep(database: Database) -> None:
        del database
        tries.append("sweep")
        raise RuntimeError("Jane Doe")

    async with working(url, Jobs((), [Chore("sweep", 1, sweep)])):
        await eventually_true(lambda: holds(len(tries) >= 2))
    assert {(event, fields["chore"], fields["reason"]) for event, fields in log.lines} == {
        ("chore failed", "sweep", "RuntimeError")
    }


@pytest.mark.parametrize("every", [1, 5, 30, 60, 300, 3600, 6 * 3600, 24 * 3600])
def test_a_chore_has_a_cron_expression_that_comes_as_often(every: int) -> None:
    times = croniter(cron(every), 1_700_000_000)
    moments = [times.get_next(float) for _ in range(100)]
    assert {later - earlier for earlier, later in pairwise(moments)} == {every}


@pytest.mark.parametrize("every", [0, -60, 7, 61, 90, 7 * 60, 5 * 3600, 25 * 3600])
def test_a_chore_that_no_cron_expression_says_is_refused(every: int) -> None:
    with pytest.raises(ValueError, match="no part of"):
        cron(every)


@given(failures=st.integers(0, 10**9))
def test_the_delay_grows_to_its_limit_and_no_further(failures: int) -> None:
    assert delay(0) == timedelta(seconds=1)
    assert delay(failures) <= delay(failures + 1) <= timedelta(seconds=job_queue.LONGEST_DELAY)


async def test_finished_jobs_are_dropped_from_the_log_after_a_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "TIDY_BATCH", 2)
    insert = """
        insert into pgqueuer_log (job_id, status, priority, entrypoint, created)
        select number, 'successful', 0, 'things', now() - $1::interval from generate_series(1, 5) as number
    """
    for age in (timedelta(hours=23), timedelta(hours=25)):
        await database.write.run(insert, age)
    await job_queue.tidy(database.write)
    assert await database.read.count("select count(*) from pgqueuer_log where created > now() - interval '1 day'") == 5
    assert await database.read.count("select count(*) from pgqueuer_log") == 5


async def holds(condition: bool) -> bool:  # noqa: FBT001 - the condition
    return condition
