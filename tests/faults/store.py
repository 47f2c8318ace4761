"""A database of a test's own, in which what is written stays, and customers for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from odus.customers.model import Customer
from odus.kit import db
from odus.kit.db import Database, Limits
from odus.kit.ids import new_id
from odus.kit.times import Moment
from odus.merchants import actions as merchants
from odus.migrations.upgrade import upgrade
from tests import make

BEGIN = Moment.parse("2024-02-18T00:00:00.000Z")


@asynccontextmanager
async def database(server_url: str, size: int, limits: Limits) -> AsyncIterator[tuple[str, Database]]:
    """Open real pools to a new database; yield its URL and them."""
    async with make.database(server_url) as url:
        await upgrade(url)
        async with db.connect(url, size, limits) as database:
            yield url, database


async def merchant(database: Database) -> str:
    """Make a merchant; return its id."""
    return (await merchants.create(database.write, make.who(""), "Corner Shop", "test")).id


def customer(number: int, name: str | None = None, tier: str = "premium") -> Customer:
    """Make a customer that was created some milliseconds after the begin."""
    at = Moment.of(BEGIN + timedelta(milliseconds=number))
    return Customer(
        id=new_id("cus", at),
        email=f"jane{number % 10}@example.com",
        name=name,
        phone_number=None,
        date_of_birth=None,
        billing_address=None,
        shipping_address=None,
        metadata={"tier": tier},
        restrict_cit=False,
        restrict_mit=False,
        restrict_reason=None,
        created_at=at,
        updated_at=at,
    )
