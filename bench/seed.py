"""The data to measure on: a merchant, a key for it, and many customers, whose ids follow from their number."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import asyncpg
import msgspec

from odus import commands
from odus.customers.model import Customer
from odus.customers.samples import sample_customers
from odus.kit import bodies
from odus.kit.permissions import Permission
from odus.kit.times import now
from odus.settings import Settings

BATCH = 5_000


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


def copy_customers(dsn: str, merchant_id: str, count: int, advance: Callable[[int], None]) -> None:
    """Write customers by COPY; `advance` is told how many more are there."""
    asyncio.run(_copy(dsn, merchant_id, count, advance))


async def _copy(dsn: str, merchant_id: str, count: int, advance: Callable[[int], None]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        rows = _rows(merchant_id, count)
        while batch := list(islice(rows, BATCH)):
            await connection.copy_records_to_table("customers", records=batch, columns=_COLUMNS)
            advance(len(batch))
        await connection.execute("vacuum (analyze) customers")
    finally:
        await connection.close()


def _rows(merchant_id: str, count: int) -> Iterator[tuple[object, ...]]:
    for number, customer in enumerate(sample_customers(seed=1, count=count, until=now()), start=1):
        row = msgspec.structs.replace(customer, id=customer_id(number))
        yield merchant_id, *(_value(name, getattr(row, name)) for name in Customer.__struct_fields__)


def _value(name: str, value: object) -> object:
    return value if value is None or name not in _JSON else bodies.text(value)


_JSON = {"billing_address", "shipping_address", "metadata"}


_COLUMNS = ["merchant_id", *Customer.__struct_fields__]
