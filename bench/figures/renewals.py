"""How many subscriptions a second one worker and two renew when many fall due at once, and whether memory grows."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import asyncpg
import psutil

from bench import load
from bench.figure import BenchError, Figure, Goal, Row
from bench.harness import WARM_UP_SECONDS, WORKERS, Bench
from bench.load import Load
from bench.seed import Seeded
from bench.server import STOP_SECONDS, odus, serving
from odus.kit import embedded

DUE = 100_000
"""Subscriptions that fall due at once, of as many customers."""
FIRST_SECONDS = 60.0
MOST_REPEATS = 3
"""Of each load, so that all figures fit into ten minutes."""
_MEGABYTE = 1_000_000
_POLL_SECONDS = 0.05

RATE = Goal("ratio", ">=", 0.5)
MEMORY = Goal("ratio", "<=", 1.2)


def _measure(bench: Bench) -> list[Row]:
    seeded, repeats = bench.seeded(), min(bench.options.repeats, MOST_REPEATS)
    charges = _charges(bench, seeded)
    memory: list[tuple[float, float]] = []
    rates: dict[int, list[float]] = {1: [], 2: []}
    with embedded.start(seeded.data_dir) as database:
        count = asyncio.run(_fill(database.dsn, seeded))
        with bench.steps(f"{count:,} subscriptions due", 2 * repeats) as step:
            for _ in range(repeats):
                for workers, found in rates.items():
                    with _working(database.dsn, workers, Path(f"{seeded.data_dir}.log")) as processes:
                        found.append(asyncio.run(_rate(database.dsn, processes, bench.options.seconds, memory)))
                    step(1)
        left = asyncio.run(_left(database.dsn))
        if left == 0:
            raise BenchError("All subscriptions were renewed before the time was up: the rates are too low.")
    before, after = zip(*memory, strict=True)
    title = f"renewals of {count:,} subscriptions due at once"
    return [
        *(
            Row(
                title=f"{title}, {workers} worker{'s' if workers > 1 else ''}",
                unit="/s",
                goal=RATE,
                ours=found,
                reference_title="payments made and authorized over HTTP",
                reference=charges,
            )
            for workers, found in rates.items()
        ),
        Row(
            title="memory of a worker while it renews",
            unit="MB",
            goal=MEMORY,
            ours=list(after),
            reference_title="at first",
            reference=list(before),
        ),
    ]


def _charges(bench: Bench, seeded: Seeded) -> list[float]:
    """Return how many payments a second are made and authorized over HTTP, in each repeat."""
    with (
        serving(seeded.data_dir, WORKERS) as server,
        bench.steps("payments over HTTP", MOST_REPEATS) as step,
    ):
        load.wrk(server, seeded, Load("pay", WARM_UP_SECONDS))
        found: list[float] = []
        for _ in range(MOST_REPEATS):
            found.append(load.wrk(server, seeded, Load("pay", bench.options.seconds)).per_second / 2)
            step(1)
    return found


@contextmanager
def _working(dsn: str, count: int, log: Path) -> Generator[list[psutil.Process]]:
    """Run so many workers; stopped, and waited for, at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ODUS_")}
    with log.open("ab") as output:
        commands = [
            subprocess.Popen(
                [odus(), "worker"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environment, "ODUS_DATABASE_URL": dsn},
            )
            for _ in range(count)
        ]
    try:
        yield [psutil.Process(command.pid) for command in commands]
    finally:
        for command in commands:
            command.send_signal(signal.SIGTERM)
        for command in commands:
            command.wait(STOP_SECONDS)


async def _rate(dsn: str, processes: list[psutil.Process], seconds: int, memory: list[tuple[float, float]]) -> float:
    """Return how many renewals a second were made, from the first one on; note the memory of the first worker."""
    connection = await asyncpg.connect(dsn)
    try:
        begun = await connection.fetchval(_RENEWED)
        deadline = time.monotonic() + FIRST_SECONDS
        while await connection.fetchval(_RENEWED) == begun:
            if time.monotonic() > deadline:
                raise BenchError("No subscription was renewed.")
            await asyncio.sleep(_POLL_SECONDS)  # nobody tells when the first one is
        first, at, before = await connection.fetchval(_RENEWED), time.monotonic(), _resident(processes)
        await asyncio.sleep(seconds)
        renewed = await connection.fetchval(_RENEWED) - first
        memory.append((before, _resident(processes)))
        return renewed / (time.monotonic() - at)
    finally:
        await connection.close()


def _resident(processes: list[psutil.Process]) -> float:
    return median(process.memory_info().rss for process in processes) / _MEGABYTE


async def _fill(dsn: str, seeded: Seeded) -> int:
    """Give customers a card and a monthly subscription that falls due now; return how many."""
    connection = await asyncpg.connect(dsn)
    count = min(DUE, seeded.customers)
    try:
        async with connection.transaction():
            await connection.execute(_PRODUCT, seeded.merchant_id)
            await connection.execute(_PRICE, seeded.merchant_id)
            await connection.execute("alter table payments disable trigger check_new")  # these were paid in no time
            for statement in (_METHODS, _PAYMENTS, _SUBSCRIPTIONS):
                await connection.execute(statement, seeded.merchant_id, count)
            await connection.execute("set constraints all immediate")
            await connection.execute("alter table payments enable trigger check_new")
        for table in ("payments", "payment_methods", "subscriptions"):
            await connection.execute(f"vacuum (analyze) {table}")
    finally:
        await connection.close()
    return count


async def _left(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("select count(*) from subscriptions where due_at <= now()")
    finally:
        await connection.close()


_RENEWED = "select count(*) from subscriptions where current_cycle = 2"

_PRODUCT = """
insert into products (merchant_id, id, name, active, metadata, created_at, updated_at)
values ($1, 'prod_' || repeat('0', 27), 'Club', true, '{}', now(), now())
"""
_PRICE = """
insert into prices (
    merchant_id, id, product, name, type, currency, amount, billing_schedule, active, metadata, created_at,
    updated_at
)
values ($1, 'price_' || repeat('0', 27), 'prod_' || repeat('0', 27), 'Monthly', 'recurring', 'usd', 0,
    '{"cycleDefinitions": [{"position": 1, "amount": 2000, "intervalUnit": "month", "intervalValue": 1}]}', true, '{}',
    now(), now())
"""
_METHODS = """
insert into payment_methods (
    merchant_id, id, customer_id, type, is_default, brand, last_four, exp_month, exp_year, gateway_profile_id, token,
    fingerprint, created_at, updated_at
)
select $1, 'pm_' || lpad(number::text, 27, '0'), 'cus_' || lpad(number::text, 27, '0'), 'card', true, 'visa', '4242',
    '12', '2040', gateway_profile_id, 'sbx_approves.' || number, 'bench ' || number, now(), now()
from merchant_configs, generate_series(1, $2::int) as number where merchant_id = $1
"""
_PAYMENTS = """
insert into payments (
    merchant_id, id, status, amount, currency, amount_captured, captured_at, initiator, customer_id, payment_method_id,
    subscription_id, capture_method, gateway_profile_id, checkout_key, reference, created_at, updated_at
)
select $1, 'pay_' || lpad(number::text, 27, '0'), 'succeeded', 2000, 'usd', 2000, now(), 'customer',
    'cus_' || lpad(number::text, 27, '0'), 'pm_' || lpad(number::text, 27, '0'), 'sub_' || lpad(number::text, 27, '0'),
    'automatic', gateway_profile_id, 'bench', 'ch_bench', now(), now()
from merchant_configs, generate_series(1, $2::int) as number where merchant_id = $1
"""
_SUBSCRIPTIONS = """
insert into subscriptions (
    merchant_id, id, customer_id, price_id, quantity, currency, schedule, timezone, payment_id, payment_method_id,
    status, start_date, current_period_start, current_period_end, current_cycle, cancel_at_period_end, retries, due_at,
    created_at, updated_at
)
select $1, 'sub_' || lpad(number::text, 27, '0'), 'cus_' || lpad(number::text, 27, '0'), prices.id, 1, 'usd',
    billing_schedule, 'UTC', 'pay_' || lpad(number::text, 27, '0'), 'pm_' || lpad(number::text, 27, '0'), 'active',
    now() - interval '1 month', now() - interval '1 month', now(), 1, false, 0, now(), now() - interval '1 month',
    now() - interval '1 month'
from prices, generate_series(1, $2::int) as number
where prices.merchant_id = $1 and prices.id = 'price_' || repeat('0', 27)
"""

FIGURE = Figure("renewals", _measure)
