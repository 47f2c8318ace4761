"""The seed: made-up customers by the million on a test merchant, for trying things out at full size."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice

import asyncpg
import msgspec

from odus.customers import queries as customers
from odus.customers.model import Customer
from odus.customers.samples import sample_customers
from odus.events import queries as events
from odus.events.actions import note
from odus.kit import problems
from odus.kit.db import Write
from odus.kit.permissions import Actor, Permission, Principal
from odus.kit.times import Moment, after
from odus.merchants import queries as merchants
from odus.payments import samples as payment_samples

BATCH = 5_000
"""How many customers are in memory at once, and in one transaction."""
SPAN = timedelta(days=5 * 365)
"""How far back the oldest customer was made."""
EARLIEST = Moment.parse("2020-01-01T00:00:00.000Z")
"""The earliest moment that the newest can be made before: ids tell of moments from 2014 on."""
PAYERS = 1_000
"""How many customers may have payments: the newest."""
TILLS = 6
"""How many payments are made at a time."""
TOUCHED = 0.3
"""The share of customers that were updated since."""


class Wanted(msgspec.Struct, frozen=True):
    """How many customers, which ones, and the moment that the newest were made before; the same give the same."""

    count: int
    seed: int
    until: Moment


async def fill(write: Write, merchant_id: str, wanted: Wanted, advance: Callable[[int], None]) -> Sequence[Customer]:
    """Write customers to a test merchant, each with its event, beside what is there; `advance` is told of each batch.

    Returns the newest of them, `PAYERS` at most.

    A batch is one transaction, so that a seed that is cut short leaves whole batches. Raises `conflict` for a live
    merchant, and where the same customers are there already: then nothing is written.
    """
    await _check(write, merchant_id)
    who = _who(merchant_id)
    newest = deque[Customer](maxlen=PAYERS)
    made = sample_customers(wanted.seed, wanted.count, wanted.until, SPAN)
    chance = random.Random(wanted.seed)  # noqa: S311 - samples must be repeatable, and are no secret
    while batch := list(islice(made, BATCH)):
        present = [_today(chance, each, wanted.until) for each in batch]
        try:
            async with write.transaction() as transaction:
                await customers.copy(transaction, merchant_id, present)
                await events.copy(transaction, (note(who, "customer.created", None, customer) for customer in batch))
        except asyncpg.UniqueViolationError:
            raise problems.CONFLICT("These customers are there already: --seed or --until gives others.") from None
        newest.extend(present)
        advance(len(batch))
    await customers.vacuum(write)
    await events.vacuum(write)
    return newest


async def pay(
    write: Write, merchant_id: str, payers: Sequence[Customer], count: int, advance: Callable[[int], None]
) -> None:
    """Make payments of these customers, in turn, in every state and by the real actions; some pay several times.

    `advance` is told of each.
    """
    who = _who(merchant_id)
    prices = await payment_samples.sell(write, who, min(payer.created_at for payer in payers))
    waiting = iter(range(count))

    async def till() -> None:
        for number in waiting:
            await payment_samples.play(write, who, payers[number % len(payers)], prices, number)
            advance(1)

    await asyncio.gather(*(till() for _ in range(TILLS)))


def _who(merchant_id: str) -> Principal:
    actor = Actor("system", "seed")
    return Principal(merchant_id=merchant_id, actor=actor, permissions=frozenset(Permission), request_id="")


async def _check(write: Write, merchant_id: str) -> None:
    merchant = await merchants.get(write, merchant_id)
    if merchant is not None and merchant.environment == "live":
        raise problems.CONFLICT(f"The merchant {merchant_id} is live: made-up customers are for a test merchant only.")


def _today(chance: random.Random, customer: Customer, until: Moment) -> Customer:
    """Return a new customer as it is by now. Some were updated since, which shows in `updated_at` alone."""
    if chance.random() >= TOUCHED:
        return customer
    since = chance.random() * (until - customer.created_at)
    at = after(customer.created_at, Moment.of(customer.created_at + since))
    return msgspec.structs.replace(customer, updated_at=at)
