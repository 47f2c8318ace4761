"""Every SQL statement on customers."""

from collections.abc import Iterable
from datetime import date
from typing import LiteralString

import asyncpg
import msgspec

from odus.customers.model import Address, Customer
from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import bodies, folding, kinds, metadata
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Field
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment


async def get(read: Read, merchant_id: str, customer_id: str) -> Customer | None:
    """Return one customer."""
    row = await read.row(_GET, merchant_id, customer_id)
    return None if row is None else _customer(row)


async def names(read: Read, merchant_id: str, customer_ids: Iterable[str]) -> dict[str, str]:
    """Return what customers are called, by their ids: their names, or their emails."""
    sql = "select id, coalesce(nullif(name, ''), email) as name from customers where merchant_id = $1 and id = any($2)"
    known = sorted({each for each in customer_ids if "\x00" not in each})
    return {row["id"]: row["name"] for row in await read.rows(sql, merchant_id, known)}


async def insert(write: Write, customer: Customer, entry: Entry) -> None:
    """Add a customer, and its event."""
    await events.write_with(write, entry, _INSERT, *_values(customer), customer.created_at)


async def copy(write: Write, merchant_id: str, customers: Iterable[Customer]) -> None:
    """Add many customers of one merchant at once; their events are for the caller to add, in the same transaction."""
    records = ((merchant_id, *_values(customer), customer.created_at) for customer in customers)
    await write.copy("customers", _INSERTED.split(", "), records)


async def vacuum(write: Write) -> None:
    """Let PostgreSQL look at what was written, so that it plans well at once; nothing where the role may not."""
    await write.run("vacuum (analyze) customers")


async def update(write: Write, before: Customer, after: Customer, entry: Entry) -> bool:
    """Write a customer's new version over the version `before`, and its event; False where that version is no more."""
    return await events.write_with(write, entry, _UPDATE, *_values(after), before.updated_at)


async def newest(read: Read, merchant_id: str, limit: int) -> list[Customer]:
    """Return the newest customers, newest first."""
    sql = f"select {_COLUMNS} from customers where merchant_id = $1 order by created_at desc, id desc limit $2"
    return [_customer(row) for row in await read.rows(sql, merchant_id, limit)]


async def made_by_day(read: Read, merchant_id: str, since: Moment) -> dict[date, int]:
    """Return how many customers were made on each day (UTC) since a moment; days without any are left out."""
    rows = await read.rows(
        """
        select (created_at at time zone 'UTC')::date as day, count(*) from customers
        where merchant_id = $1 and created_at >= $2 group by day
        """,
        merchant_id,
        since,
    )
    return {row["day"]: row["count"] for row in rows}


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[Customer]:
    """Return the customers that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _customer)


_COLUMNS: LiteralString = (
    "id, email, name, phone_number, date_of_birth, billing_address, shipping_address, metadata, "
    "restrict_cit, restrict_mit, restrict_reason, created_at, updated_at"
)

LISTING = Listing(
    table="customers",
    columns=_COLUMNS,
    changes="customer_changes",
    fields=(
        kinds.ID,
        Field(
            name="email",
            kind=kinds.EMAIL,
            column="email_search",
            folded="email_search",
            indexed="email_search",
            has_trigrams=True,
            sorted_by="email_search",
        ),
        Field(
            name="name",
            kind=kinds.TEXT,
            column="name",
            folded="name_search",
            indexed="name_search",
            has_trigrams=True,
            sorted_by="name_search",
            is_nullable=True,
        ),
        Field(
            name="phoneNumber",
            kind=kinds.PHONE_NUMBER,
            column="phone_number",
            folded="phone_number",
            indexed="phone_number",
            is_nullable=True,
        ),
        Field(name="dateOfBirth", kind=kinds.DAY, column="date_of_birth", indexed="date_of_birth", is_nullable=True),
        kinds.CREATED_AT,
        msgspec.structs.replace(kinds.UPDATED_AT, indexed="updated_at"),
        msgspec.structs.replace(kinds.METADATA_FIELD, indexed="metadata"),
    ),
)
"""How customers are listed."""

_GET = f"select {_COLUMNS} from customers where merchant_id = $1 and id = $2"

_INSERTED: LiteralString = (
    "merchant_id, id, email, name, phone_number, date_of_birth, billing_address, shipping_address, metadata, "
    "restrict_cit, restrict_mit, restrict_reason, email_folded, name_folded, metadata_folded, updated_at, created_at"
)
"""The columns of a new row: the merchant, `_values`, and when it was made."""

_INSERT = f"""
insert into customers ({_INSERTED})
values ($1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
returning id
"""

_UPDATE = """
update customers set email = $12, name = $13, phone_number = $14, date_of_birth = $15, billing_address = $16,
    shipping_address = $17, metadata = $18, restrict_cit = $19, restrict_mit = $20, restrict_reason = $21,
    email_folded = $22, name_folded = $23, metadata_folded = $24, updated_at = $25
where merchant_id = $1 and id = $11 and updated_at = $26
returning id
"""


def _values(customer: Customer) -> tuple[object, ...]:
    stored = bodies.text(customer.metadata)
    folded = None if stored.isascii() else folding.kept_of_object(customer.metadata)
    return (
        customer.id,
        customer.email,
        customer.name,
        customer.phone_number,
        customer.date_of_birth,
        customer.billing_address and bodies.text(customer.billing_address),
        customer.shipping_address and bodies.text(customer.shipping_address),
        stored,
        customer.restrict_cit,
        customer.restrict_mit,
        customer.restrict_reason,
        folding.kept(customer.email),
        folding.kept(customer.name),
        folded and bodies.text(folded),
        customer.updated_at,
    )


_decode_address = msgspec.json.Decoder(Address).decode


def _customer(row: asyncpg.Record) -> Customer:
    return Customer(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        phone_number=row["phone_number"],
        date_of_birth=row["date_of_birth"],
        billing_address=row["billing_address"] and _decode_address(row["billing_address"]),
        shipping_address=row["shipping_address"] and _decode_address(row["shipping_address"]),
        metadata=metadata.load(row["metadata"]),
        restrict_cit=row["restrict_cit"],
        restrict_mit=row["restrict_mit"],
        restrict_reason=row["restrict_reason"],
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )
