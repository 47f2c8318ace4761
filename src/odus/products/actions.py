"""What can happen with products and prices."""

import asyncpg
import msgspec
from msgspec import UNSET

from odus.events.actions import note
from odus.kit import metadata, problems
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import CONFLICT, FieldError
from odus.kit.requests import not_found
from odus.kit.times import after, now
from odus.kit.versions import IfMatch
from odus.products import queries
from odus.products.model import Price, PriceCreate, PriceUpdate, Product, ProductCreate, ProductUpdate, schedule


async def create_product(write: Write, who: Principal, data: ProductCreate) -> Product:
    """Make a product. Raises `validation_failed` for more than 50 metadata pairs."""
    at = now()
    product = Product(
        id=new_id("prod"),
        name=data.name,
        description=data.description,
        statement_descriptor=data.statement_descriptor,
        active=True,
        metadata=metadata.merge({}, data.metadata),
        created_at=at,
        updated_at=at,
    )
    await queries.insert_product(write, product, note(who, "product.created", None, product))
    return product


async def update_product(
    write: Write, who: Principal, product_id: str, data: ProductUpdate, if_match: IfMatch
) -> Product:
    """Change what is sent, and nothing else. Raises `not_found`, `precondition_failed`, `validation_failed`.

    As with customers, a change is written only onto the version it was worked out from, else it is worked out anew.
    """
    while True:
        before = await queries.get_product(write, who.merchant_id, product_id)
        if before is None:
            raise not_found()
        if_match.check(before)
        changed = msgspec.structs.replace(before, **_sent(before, data))
        if changed == before:
            return before
        changed = msgspec.structs.replace(changed, updated_at=after(before.updated_at, now()))
        if await queries.update_product(write, before, changed, note(who, "product.updated", before, changed)):
            return changed


async def create_price(write: Write, who: Principal, data: PriceCreate) -> Price:
    """Make a price. Raises `validation_failed`, for an unknown product too, and `conflict` for an inactive one."""
    at = now()
    price = Price(
        id=new_id("price"),
        product=data.product,
        name=data.name,
        type=data.type,
        currency=data.currency,
        amount=data.amount or 0,
        billing_schedule=schedule(data),
        active=True,
        metadata=metadata.merge({}, data.metadata),
        created_at=at,
        updated_at=at,
    )
    try:
        async with write.transaction() as transaction:
            is_made = await queries.insert_price(transaction, price, note(who, "price.created", None, price))
    except asyncpg.ForeignKeyViolationError as error:
        if error.constraint_name != queries.PRODUCT_OF_PRICE:
            raise
        raise problems.invalid([FieldError("product", "invalid_value", "must be the id of a product")]) from None
    if not is_made:
        raise CONFLICT("The product is not active; it takes no new prices until it is active again.")
    return price


async def update_price(write: Write, who: Principal, price_id: str, data: PriceUpdate, if_match: IfMatch) -> Price:
    """Change what is sent, and nothing else. Raises `not_found`, `precondition_failed`, `validation_failed`."""
    while True:
        before = await queries.get_price(write, who.merchant_id, price_id)
        if before is None:
            raise not_found()
        if_match.check(before)
        changed = msgspec.structs.replace(before, **_sent(before, data))
        if changed == before:
            return before
        changed = msgspec.structs.replace(changed, updated_at=after(before.updated_at, now()))
        if await queries.update_price(write, before, changed, note(who, "price.updated", before, changed)):
            return changed


def _sent(before: Product | Price, data: ProductUpdate | PriceUpdate) -> dict[str, object]:
    """Return the fields that are sent, and the metadata once merged."""
    sent = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    return {**sent, "metadata": metadata.merge(before.metadata, data.metadata)}
