"""The data to measure on: a merchant, a key for it, and many customers, whose ids follow from their number."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import asyncpg
import msgspec

from odus import commands
from odus.customers import queries
from odus.customers.model import Customer
from odus.customers.samples import sample_customers
from odus.kit.db import Write
from odus.kit.permissions import Permission
from odus.kit.times import now
from odus.seed import BATCH
from odus.settings import Settings


class Seeded(msgspec.Struct, frozen=True):
    """What was seeded, and where."""

    data_dir: Path
    merchant_id: str
    key: str
    customers: int


def customer_id(number: int) -> str:
    """Return the id of a seeded customer, counted from 1.

    Odus makes KSUIDs, which nothing but a table can give for a number; these are ids of the same form and length, which
    wrk and pgbench write at once: PostgreSQL computes `CUSTOMER_ID` once a statement, as it would take a parameter.
    """
    return f"cus_{number:027}"


CUSTOMER_ID = "'cus_' || lpad(:number::text, 27, '0')"
"""The same in a script of pgbench."""


def make_merchant(data_dir: Path) -> tuple[str, str]:
    """Make a merchant, and a key that may do everything; return the merchant's id and the key's value."""
    settings = Settings(data_dir=data_dir)
    merchant = commands.create_merchant(settings, "Benchmark", "test")
    body = {"note": "Benchmark", "permissions": [permission.value for permission in Permission]}
    return merchant.id, commands.create_key(settings, merchant.id, body).value


def copy_customers(dsn: str, merchant_id: str, count: int, advance: Callable[[float], None]) -> None:
    """Write customers by COPY; `advance` is told which share of the work is done since it was told last.

    Each index but the primary key is made when all are there, which takes half the time: nobody reads meanwhile.
    """
    asyncio.run(_copy(dsn, merchant_id, count, advance))


async def _copy(dsn: str, merchant_id: str, count: int, advance: Callable[[float], None]) -> None:
    customers = _customers(count)
    connection = await asyncpg.connect(dsn)
    try:
        indexes = await connection.fetch(_INDEXES)
        for index in indexes:
            await connection.execute(f"drop index {index['name']}")
        write = Write(connection)
        while batch := list(islice(customers, BATCH)):
            await queries.copy(write, merchant_id, batch)
            advance(_COPYING * len(batch) / count)
        for index in indexes:
            await connection.execute(index["definition"])
            advance((1 - _COPYING) / len(indexes))
        await queries.vacuum(write)
        await connection.execute("checkpoint")  # or it would be made while something is measured
    finally:
        await connection.close()


_INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
from pg_index where indrelid = 'customers'::regclass and not indisprimary
"""
_COPYING = 0.65
"""The share of the time that COPY takes, before the indexes."""


def _customers(count: int) -> Iterator[Customer]:
    for number, customer in enumerate(sample_customers(seed=1, count=count, until=now()), start=1):
        yield msgspec.structs.replace(customer, id=customer_id(number))
