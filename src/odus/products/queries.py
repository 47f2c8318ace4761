"""Every SQL statement on products and prices."""

from collections.abc import Iterable
from typing import LiteralString

import asyncpg
import msgspec

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import bodies, folding, kinds, metadata
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Field
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment
from odus.products.model import BillingSchedule, Price, Product

PRODUCT_OF_PRICE = "prices_product_fkey"
"""The constraint that a price of an unknown product violates."""


async def get_product(read: Read, merchant_id: str, product_id: str) -> Product | None:
    """Return one product."""
    row = await read.row(_GET_PRODUCT, merchant_id, product_id)
    return None if row is None else _product(row)


async def product_names(read: Read, merchant_id: str, product_ids: Iterable[str]) -> dict[str, str]:
    """Return what products are called, by their ids."""
    sql = "select id, name from products where merchant_id = $1 and id = any($2)"
    return {row["id"]: row["name"] for row in await read.rows(sql, merchant_id, sorted(set(product_ids)))}


async def insert_product(write: Write, product: Product, entry: Entry) -> None:
    """Add a product, and its event."""
    await events.write_with(write, entry, _INSERT_PRODUCT, *_product_values(product), product.created_at)


async def update_product(write: Write, before: Product, after: Product, entry: Entry) -> bool:
    """Write a product's new version over the version `before`, and its event; False where that version is no more."""
    return await events.write_with(write, entry, _UPDATE_PRODUCT, *_product_values(after), before.updated_at)


async def search_products(search: Search, merchant_id: str, asked: Asked) -> Page[Product]:
    """Return the products that were asked for."""
    return await find(search, PRODUCTS, merchant_id, asked, _product)


async def get_price(read: Read, merchant_id: str, price_id: str) -> Price | None:
    """Return one price."""
    row = await read.row(
        f"select {_PRICE_COLUMNS} from prices where merchant_id = $1 and id = $2", merchant_id, price_id
    )
    return None if row is None else _price(row)


async def get_prices(read: Read, merchant_id: str, price_ids: Iterable[str]) -> list[Price]:
    """Return those prices that the merchant has, each once, in the order of their ids."""
    sql = f"select {_PRICE_COLUMNS} from prices where merchant_id = $1 and id = any($2) order by id"
    return [_price(row) for row in await read.rows(sql, merchant_id, sorted(set(price_ids)))]


async def price_names(read: Read, merchant_id: str, price_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return what products and their prices are called, by the ids of the prices."""
    rows = await read.rows(
        """
        select prices.id, products.name as product, prices.name as price from prices
        join products on products.merchant_id = prices.merchant_id and products.id = prices.product
        where prices.merchant_id = $1 and prices.id = any($2)
        """,
        merchant_id,
        sorted({each for each in price_ids if "\x00" not in each}),
    )
    return {row["id"]: (row["product"], row["price"]) for row in rows}


async def insert_price(write: Write, price: Price, entry: Entry) -> bool:
    """Add a price, and its event; False where its product is not active.

    Raises `ForeignKeyViolationError` at `PRODUCT_OF_PRICE` for a product that is not the merchant's.
    """
    return await events.write_with(write, entry, _INSERT_PRICE, *_price_values(price))


async def update_price(write: Write, before: Price, after: Price, entry: Entry) -> bool:
    """Write a price's new version over the version `before`, and its event; False where that version is no more."""
    values = (after.id, after.name, after.active, after.updated_at, before.updated_at, *_folded(after))
    return await events.write_with(write, entry, _UPDATE_PRICE, *values)


async def search_prices(search: Search, merchant_id: str, asked: Asked) -> Page[Price]:
    """Return the prices that were asked for."""
    return await find(search, PRICES, merchant_id, asked, _price)


_PRODUCT_COLUMNS: LiteralString = (
    "id, name, description, statement_descriptor, active, metadata, created_at, updated_at"
)
_PRICE_COLUMNS: LiteralString = (
    "id, product, name, type, currency, amount, billing_schedule, active, metadata, created_at, updated_at"
)

_NAME = Field(
    name="name",
    kind=kinds.TEXT,
    column="name",
    folded="name_search",
    indexed="name_search",
    sorted_by="name_search",
)
_ACTIVE = Field(name="active", kind=kinds.FLAG, column="active")

PRODUCTS = Listing(
    table="products",
    columns=_PRODUCT_COLUMNS,
    fields=(kinds.ID, _NAME, _ACTIVE, kinds.CREATED_AT, kinds.UPDATED_AT, kinds.METADATA_FIELD),
)
"""How products are listed: a merchant has few of them, so they are counted each time."""

PRICES = Listing(
    table="prices",
    columns=_PRICE_COLUMNS,
    fields=(
        kinds.ID,
        Field(name="product", kind=kinds.TEXT, column="product", folded="lower(product)", indexed="product"),
        _NAME,
        Field(name="type", kind=kinds.choice("one_time", "recurring"), column="type", folded="type"),
        Field(name="currency", kind=kinds.CURRENCY, column="currency", folded="currency"),
        Field(name="amount", kind=kinds.AMOUNT, column="amount", sorted_by="amount"),
        _ACTIVE,
        kinds.CREATED_AT,
        kinds.UPDATED_AT,
        kinds.METADATA_FIELD,
    ),
)
"""How prices are listed."""

_GET_PRODUCT = f"select {_PRODUCT_COLUMNS} from products where merchant_id = $1 and id = $2"

_INSERT_PRODUCT = """
insert into products (
    merchant_id, id, name, description, statement_descriptor, active, updated_at, metadata, name_folded,
    metadata_folded, created_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
returning id
"""

_UPDATE_PRODUCT = """
update products set name = $12, description = $13, statement_descriptor = $14, active = $15, updated_at = $16,
    metadata = $17, name_folded = $18, metadata_folded = $19
where merchant_id = $1 and id = $11 and updated_at = $20
returning id
"""

_INSERT_PRICE = """
insert into prices (
    merchant_id, id, product, name, type, currency, amount, billing_schedule, active, created_at, updated_at, metadata,
    name_folded, metadata_folded
)
select $1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23
where not exists (select from products where merchant_id = $1 and id = $12 and not active)
returning id
"""

_UPDATE_PRICE = """
update prices set name = $12, active = $13, updated_at = $14, metadata = $16, name_folded = $17, metadata_folded = $18
where merchant_id = $1 and id = $11 and updated_at = $15
returning id
"""


def _product_values(product: Product) -> tuple[object, ...]:
    return (
        product.id,
        product.name,
        product.description,
        product.statement_descriptor,
        product.active,
        product.updated_at,
        *_folded(product),
    )


def _price_values(price: Price) -> tuple[object, ...]:
    return (
        price.id,
        price.product,
        price.name,
        price.type,
        price.currency,
        price.amount,
        price.billing_schedule and bodies.text(price.billing_schedule),
        price.active,
        price.created_at,
        price.updated_at,
        *_folded(price),
    )


def _folded(named: Product | Price) -> tuple[object, ...]:
    """Return the metadata, and what is kept beside it and the name."""
    folded = folding.kept_of_object(named.metadata)
    return bodies.text(named.metadata), folding.kept(named.name), folded and bodies.text(folded)


_decode_schedule = msgspec.json.Decoder(BillingSchedule).decode


def _product(row: asyncpg.Record) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        statement_descriptor=row["statement_descriptor"],
        active=row["active"],
        metadata=metadata.load(row["metadata"]),
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )


def _price(row: asyncpg.Record) -> Price:
    return Price(
        id=row["id"],
        product=row["product"],
        name=row["name"],
        type=row["type"],
        currency=row["currency"],
        amount=row["amount"],
        billing_schedule=row["billing_schedule"] and _decode_schedule(row["billing_schedule"]),
        active=row["active"],
        metadata=metadata.load(row["metadata"]),
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )
