"""Every SQL statement on payment methods."""

from typing import LiteralString

import asyncpg

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import bodies, folding, kinds, metadata
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Condition, Field
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment
from odus.payment_methods.model import PaymentMethod, SavedCard, Token


async def get(read: Read, merchant_id: str, method_id: str) -> PaymentMethod | None:
    """Return one payment method, a detached one too."""
    sql = f"select {_COLUMNS} from payment_methods where merchant_id = $1 and id = $2"
    row = await read.row(sql, merchant_id, method_id)
    return None if row is None else _method(row)


async def of_customer(read: Read, merchant_id: str, customer_id: str, limit: int) -> list[PaymentMethod]:
    """Return the first usable payment methods of a customer, the default first, then the newest."""
    rows = await read.rows(
        f"""
        select {_COLUMNS} from payment_methods
        where merchant_id = $1 and customer_id = $2 and detached_at is null
        order by is_default desc, created_at desc, id desc limit $3
        """,
        merchant_id,
        customer_id,
        limit,
    )
    return [_method(row) for row in rows]


async def default_of(read: Read, merchant_id: str, customer_id: str) -> PaymentMethod | None:
    """Return a customer's default."""
    sql = f"select {_COLUMNS} from payment_methods where merchant_id = $1 and customer_id = $2 and is_default"
    row = await read.row(sql, merchant_id, customer_id)
    return None if row is None else _method(row)


async def with_fingerprint(read: Read, merchant_id: str, customer_id: str, fingerprint: str) -> PaymentMethod | None:
    """Return the usable payment method of a customer that is this card."""
    row = await read.row(
        f"""
        select {_COLUMNS} from payment_methods
        where merchant_id = $1 and customer_id = $2 and fingerprint = $3 and detached_at is null
        """,
        merchant_id,
        customer_id,
        fingerprint,
    )
    return None if row is None else _method(row)


async def token(read: Read, merchant_id: str, method_id: str) -> Token:
    """Return what the gateway charges a payment method by. Raises `LookupError` for one that is not there."""
    row = await read.row(
        "select gateway_profile_id, token, fingerprint from payment_methods where merchant_id = $1 and id = $2",
        merchant_id,
        method_id,
    )
    if row is None:
        raise LookupError(method_id)
    return Token(row["gateway_profile_id"], row["token"], row["fingerprint"])


async def keep(write: Write, merchant_id: str, method_id: str) -> bool:
    """Keep a payment method from being detached until the transaction ends; False where it is detached already."""
    sql = """
        select true from payment_methods where merchant_id = $1 and id = $2 and detached_at is null for share
    """
    return await write.row(sql, merchant_id, method_id) is not None


async def insert(write: Write, method: PaymentMethod, token: Token, entry: Entry) -> None:
    """Add a payment method, and its event."""
    arguments = (
        *_values(method),
        method.customer,
        method.type,
        method.card.brand,
        method.card.last_four,
        token.gateway_profile,
        token.value,
        token.fingerprint,
        method.created_at,
    )
    await events.write_with(write, entry, _INSERT, *arguments)


async def update(
    write: Write, before: PaymentMethod, after: PaymentMethod, entry: Entry, token: str | None = None
) -> bool:
    """Write a new version over the version `before`, and its event; False where that version is no more."""
    return await events.write_with(write, entry, _UPDATE, *_values(after), before.updated_at, token)


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[PaymentMethod]:
    """Return the usable payment methods that were asked for."""
    return await find(search, LISTING, merchant_id, asked.within("detachedAt", ATTACHED), _method)


ATTACHED = Condition("detached_at is null")
"""What holds of the payment methods that are listed."""

_COLUMNS: LiteralString = (
    "id, type, customer_id, is_default, brand, last_four, exp_month, exp_year, cardholder_name, metadata, "
    "detached_at, created_at, updated_at"
)

LISTING = Listing(
    table="payment_methods",
    columns=_COLUMNS,
    changes="payment_method_changes",
    fields=(
        kinds.ID,
        Field(
            name="customer", kind=kinds.TEXT, column="customer_id", folded="lower(customer_id)", indexed="customer_id"
        ),
        Field(name="type", kind=kinds.choice("card"), column="type", folded="lower(type)"),
        Field(name="isDefault", kind=kinds.FLAG, column="is_default"),
        kinds.CREATED_AT,
        kinds.UPDATED_AT,
        kinds.METADATA_FIELD,
    ),
)
"""How payment methods are listed."""

_INSERT = """
insert into payment_methods (
    merchant_id, id, is_default, exp_month, exp_year, cardholder_name, metadata, metadata_folded, detached_at,
    updated_at, customer_id, type, brand, last_four, gateway_profile_id, token, fingerprint, created_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
returning id
"""

_UPDATE = """
update payment_methods set is_default = $12, exp_month = $13, exp_year = $14, cardholder_name = $15, metadata = $16,
    metadata_folded = $17, detached_at = $18, updated_at = $19, token = coalesce($21, token)
where merchant_id = $1 and id = $11 and updated_at = $20
returning id
"""


def _values(method: PaymentMethod) -> tuple[object, ...]:
    folded = folding.kept_of_object(method.metadata)
    return (
        method.id,
        method.is_default,
        method.card.exp_month,
        method.card.exp_year,
        method.card.cardholder_name,
        bodies.text(method.metadata),
        folded and bodies.text(folded),
        method.detached_at,
        method.updated_at,
    )


def _method(row: asyncpg.Record) -> PaymentMethod:
    detached_at = row["detached_at"]
    return PaymentMethod(
        id=row["id"],
        type=row["type"],
        customer=row["customer_id"],
        is_default=row["is_default"],
        card=SavedCard(**{name: row[name] for name in SavedCard.__struct_fields__}),
        metadata=metadata.load(row["metadata"]),
        detached_at=detached_at and Moment.of(detached_at),
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )
