"""How many requests a second make and charge payments, beside `POST /customers`, and what many of them cost a page."""

import asyncio
from collections.abc import Callable, Iterator
from statistics import median

import asyncpg

from bench import load
from bench.browser import Browser, signed_in
from bench.figure import Figure, Goal, Race, Row, Sample
from bench.harness import WARM_UP_SECONDS, WORKERS, Bench
from bench.load import Kind, Load
from bench.seed import Seeded
from bench.server import Server, serving

FEW, MANY = 10, 10_000
"""Payments of the two customers whose pages are compared."""
ASKED = 40
"""How often each page is asked for one value."""

CHARGED = Goal("ratio", ">=", 0.25)
"""Of two requests, the one that charges commits three times, and the gateway's books twice."""
PAGE = Goal("ratio", "<=", 2)
MOST_REPEATS = 3
"""Of each load, so that all figures fit into ten minutes."""


def _measure(bench: Bench) -> list[Row]:
    seeded = bench.seeded()
    with serving(seeded.data_dir, WORKERS) as server:
        race = _race(bench, server, seeded)
        asyncio.run(_fill(server, seeded))
        page = Browser(server, {"Cookie": signed_in(server, seeded)})
        with bench.steps("customers' pages by turns", bench.options.repeats) as step:
            pairs = list(_pairs(page, bench.options.repeats, step))
        page.close()
    ours, reference = zip(*pairs, strict=True)
    return [
        race.row("POST /payments and its authorize, by turns", "POST /customers", CHARGED),
        Row(
            title=f"Dashboard, customer with {MANY:,} payments",
            unit="ms",
            goal=PAGE,
            ours=list(ours),
            reference_title=f"with {FEW}",
            reference=list(reference),
        ),
    ]


def _race(bench: Bench, server: Server, seeded: Seeded) -> Race:
    """Load the server with payments and with customers by turns."""
    kinds: tuple[Kind, Kind] = ("pay", "create")
    lengths = [WARM_UP_SECONDS, *[bench.options.seconds] * min(bench.options.repeats, MOST_REPEATS)]
    with bench.steps("payments and customers by turns", 2 * len(lengths)) as step:
        runs: list[Sample] = []
        for seconds in lengths:
            for kind in kinds:
                runs.append(load.wrk(server, seeded, Load(kind, seconds)))
                step(1)
    return Race(runs[2::2], runs[3::2])


def _customer(number: int) -> str:
    return f"cus_{number:027}"


async def _fill(server: Server, seeded: Seeded) -> None:
    """Give one customer few payments and another one many."""
    connection = await asyncpg.connect(server.database.dsn)
    try:
        await connection.execute("alter table payments disable trigger check_new")  # these were paid in no time
        for number, count in ((1, FEW), (2, MANY)):
            await connection.execute(_PAYMENTS, seeded.merchant_id, _customer(number), count)
        await connection.execute("alter table payments enable trigger check_new")
        await connection.execute("vacuum (analyze) payments")
    finally:
        await connection.close()


_PAYMENTS = """
insert into payments (
    merchant_id, id, status, amount, currency, amount_captured, captured_at, initiator, customer_id, capture_method,
    transactions, gateway_profile_id, checkout_key, reference, created_at, updated_at
)
select $1, 'pay_' || substr($2, 27, 5) || lpad(number::text, 22, '0'), 'succeeded', number + 100, 'usd', number + 100,
    at, 'customer', $2, 'automatic',
    jsonb_build_array(jsonb_build_object(
        'id', 'txn_' || lpad(number::text, 27, '0'), 'type', 'authorize', 'amount', number + 100,
        'outcome', jsonb_build_object('status', 'success'),
        'card', jsonb_build_object('brand', 'visa', 'lastFour', '4242'), 'isExternal', false,
        'createdAt', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    )),
    gateway_profile_id, 'bench', 'ch_bench', at, at
from merchant_configs, generate_series(1, $3::int) as number, lateral (
    select date_trunc('milliseconds', now() - number * interval '1 minute') as at
) as moments
where merchant_id = $1
"""


def _pairs(page: Browser, repeats: int, step: Callable[[int], None]) -> Iterator[tuple[float, float]]:
    """Yield the median times of both pages, the first of which warm up."""
    for number in range(repeats + 1):
        many, few = (
            median(page.time(f"/dashboard/customers/{_customer(customer)}") for _ in range(ASKED))
            for customer in (2, 1)
        )
        if number:
            step(1)
            yield many, few


FIGURE = Figure("payments", _measure)
