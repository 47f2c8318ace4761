"""Every SQL statement on customers."""

import asyncpg
import msgspec

from odus.customers.model import Address, Customer
from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import bodies, metadata
from odus.kit.db import Read, Write
from odus.kit.times import Moment


async def get(read: Read, merchant_id: str, customer_id: str) -> Customer | None:
    """Return one customer."""
    row = await read.row(_GET, merchant_id, customer_id)
    return None if row is None else _customer(row)


async def insert(write: Write, customer: Customer, entry: Entry) -> None:
    """Add a customer, and its event."""
    await events.write_with(write, entry, _INSERT, *_values(customer), customer.created_at)


async def update(write: Write, before: Customer, after: Customer, entry: Entry) -> bool:
    """Write a customer's new version over the version `before`, and its event; False where that version is no more."""
    return await events.write_with(write, entry, _UPDATE, *_values(after), before.updated_at)


_GET = """
select id, email, name, phone_number, date_of_birth, billing_address, shipping_address, metadata,
    restrict_cit, restrict_mit, restrict_reason, created_at, updated_at
from customers where merchant_id = $1 and id = $2
"""

_INSERT = """
insert into customers (
    merchant_id, id, email, name, phone_number, date_of_birth, billing_address, shipping_address, metadata,
    restrict_cit, restrict_mit, restrict_reason, updated_at, created_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
returning id
"""

_UPDATE = """
update customers set email = $12, name = $13, phone_number = $14, date_of_birth = $15, billing_address = $16,
    shipping_address = $17, metadata = $18, restrict_cit = $19, restrict_mit = $20, restrict_reason = $21,
    updated_at = $22
where merchant_id = $1 and id = $11 and updated_at = $23
returning id
"""


def _values(customer: Customer) -> tuple[object, ...]:
    return (
        customer.id,
        customer.email,
        customer.name,
        customer.phone_number,
        customer.date_of_birth,
        customer.billing_address and bodies.text(customer.billing_address),
        customer.shipping_address and bodies.text(customer.shipping_address),
        bodies.text(customer.metadata),
        customer.restrict_cit,
        customer.restrict_mit,
        customer.restrict_reason,
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
