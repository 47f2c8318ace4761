"""The worker: the process that does what no request waits for, and the one place where all jobs meet."""

import asyncio
import multiprocessing
import signal
from types import FrameType

from odus import children
from odus.customers import queries as customers
from odus.events import queries as events
from odus.kit import addresses, counts, db, idempotency, job_queue
from odus.kit.db import Database
from odus.kit.jobs import Chore, Due, Jobs
from odus.kit.logs import configure_logs, log
from odus.payment_methods import queries as payment_methods
from odus.payments import jobs as payment_jobs
from odus.payments import queries as payments
from odus.renewals import jobs as renewal_jobs
from odus.settings import Settings
from odus.subscriptions import queries as subscriptions
from odus.users import sessions

DUES = [
    Due("payments", payment_jobs.find_due, payment_jobs.run_due),
    Due("subscriptions", renewal_jobs.find_due, renewal_jobs.run_due),
]
"""Every kind of thing that falls due."""

LISTINGS = [customers.LISTING, events.LISTING, payments.LISTING, payment_methods.LISTING, subscriptions.LISTING]
"""The lists whose counts are kept."""

MINUTE, HOUR = 60, 3600


async def _tidy_counts(database: Database) -> None:
    await counts.tidy(database.write, LISTINGS)


async def _tidy_sessions(database: Database) -> None:
    await sessions.tidy(database.write)


async def _tidy_idempotency(database: Database) -> None:
    await idempotency.tidy(database.write)


async def _tidy_jobs(database: Database) -> None:
    await job_queue.tidy(database.write)


CHORES = [
    Chore("tidy counts", MINUTE, _tidy_counts),
    Chore("tidy sessions", MINUTE, _tidy_sessions),
    Chore("tidy idempotency", HOUR, _tidy_idempotency),
    Chore("tidy jobs", HOUR, _tidy_jobs),
]
"""All the housekeeping."""


def run(settings: Settings, jobs: Jobs = Jobs(DUES, CHORES)) -> None:  # noqa: B008 - frozen
    """Do jobs until SIGTERM, Ctrl-C, the end of the terminal or of the parent process; what is under way is finished.

    What is ignored already, as under `nohup`, stays ignored.
    """
    configure_logs(settings.log_level)
    addresses.public_at(settings.public_url)
    asyncio.run(_run(settings, jobs))


async def _run(settings: Settings, jobs: Jobs) -> None:
    stop = asyncio.Event()
    _heed_signals(stop)
    _heed_parent(stop)
    async with db.connect(settings.database_url, settings.pool_size) as database:
        working = asyncio.create_task(job_queue.work(settings.database_url, database, jobs, stop))
        log.info("worker started")
        await asyncio.wait([working, asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        log.info("worker stopping")
        await asyncio.wait([working], timeout=children.DRAIN_SECONDS)
        if not working.done():
            log.warning("jobs cut off")
            working.cancel()
            await asyncio.wait([working], timeout=db.CLOSE_SECONDS)
    log.info("worker stopped")


def _heed_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, *children.FOR_ALL):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def _heed_parent(stop: asyncio.Event) -> None:
    """Stop when the process that started this one is gone, even by `kill -9`."""
    if parent := multiprocessing.parent_process():
        loop = asyncio.get_running_loop()

        def end() -> None:
            loop.remove_reader(parent.sentinel)
            stop.set()

        loop.add_reader(parent.sentinel, end)
