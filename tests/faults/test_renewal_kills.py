"""`kill -9` of workers as they renew subscriptions: each cycle is charged once, and none is left out.

`ODUS_TEST_KILLS` says how often a worker is killed.
"""

import asyncio
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from odus.app import create_app
from odus.kit.db import Database, Limits
from odus.merchants import queries as merchants
from odus.settings import Settings
from tests import make, processes
from tests.faults import hasty, store
from tests.faults.figures import note
from tests.make import Shop
from tests.subscriptions import acts, books

KILLS = int(os.environ.get("ODUS_TEST_KILLS", "2"))
SUBSCRIPTIONS = 8
DAYS = 10
"""How far time goes by before each kill, in days and so in cycles of each subscription."""

chance = random.Random()  # noqa: S311 - when to kill is no secret

Worker = subprocess.Popen[bytes]


class Workers:
    """Two workers, each of which is started anew when it was killed."""

    def __init__(self, program: Path, url: str) -> None:
        self._command = [program, "worker"]
        self._environment = processes.clean({"ODUS_DATABASE_URL": url, "ODUS_LOG_LEVEL": "error"})
        self._running = [self._started(), self._started()]

    def _started(self) -> Worker:
        return subprocess.Popen(
            self._command, stderr=subprocess.DEVNULL, env=self._environment, stdin=subprocess.DEVNULL, process_group=0
        )

    def kill(self, number: int) -> None:
        """Kill one, and start another in its place."""
        self._running[number].kill()
        self._running[number].wait()
        self._running[number] = self._started()

    def end(self) -> None:
        """End both."""
        for worker in self._running:
            worker.kill()
            worker.wait()


@contextmanager
def working(program: Path, url: str) -> Iterator[Workers]:
    workers = Workers(program, url)
    try:
        yield workers
    finally:
        workers.end()


async def pass_time(database: Database, shop: Shop, **time: float) -> None:
    """Put the merchant's clock ahead; what falls due is for the workers."""
    ahead = await merchants.clock(database.read, shop.merchant_id)
    await merchants.put_ahead(database.write, shop.merchant_id, ahead + timedelta(**time))


async def cycles(database: Database) -> int:
    """Return how many cycles have begun, of all subscriptions."""
    return await database.read.count("select sum(current_cycle) from subscriptions")


async def some_renewals(database: Database) -> None:
    """Wait until a few cycles have begun, and then for a moment that nobody knows."""
    before = await cycles(database)

    async def went_on() -> bool:
        return await cycles(database) > before + SUBSCRIPTIONS

    await processes.eventually_true(went_on)
    await asyncio.sleep(chance.uniform(0, 0.1))


async def test_workers_that_are_killed_as_they_renew_charge_each_cycle_once(server_url: str, tmp_path: Path) -> None:
    program, cut_off = hasty.script(tmp_path), 0
    async with (
        store.database(server_url, 6, Limits()) as (url, database),
        make.shop(create_app(Settings(log_level="error"), database), database) as shop,
    ):
        price = await acts.price(shop.client, acts.cycle(7, "day"))
        known = [await acts.subscribed(shop.client, price_id=price) for _ in range(SUBSCRIPTIONS)]
        expected = SUBSCRIPTIONS * (1 + DAYS * KILLS)
        with working(program, url) as workers:
            for number in range(KILLS):
                await pass_time(database, shop, days=DAYS)
                await some_renewals(database)
                workers.kill(number % 2)
                cut_off += await database.read.count("select count(*) from payments where attempt is not null")

            async def is_done() -> bool:
                await asyncio.sleep(0.2)
                await pass_time(database, shop, minutes=1)  # what never reached the gateway is tried again then
                under_way = await database.read.count("select count(*) from payments where attempt is not null")
                return await cycles(database) == expected and under_way == 0

            await processes.eventually_true(is_done)
        for each in known:
            record = await books.check(database, shop, each["id"])
            assert (record.current_cycle, record.disabled_reason) == (1 + DAYS * KILLS, None)
            await books.check_histories(shop, each["id"])
        await books.check_money(database, shop)
    note(
        f"kills of a worker amid renewals: {KILLS}, charges under way at those moments: {cut_off};"
        f" {expected - SUBSCRIPTIONS} cycles, each charged once"
    )
