"""The REST door to products and prices."""

from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, creates, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import CONFLICT
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch
from odus.products import actions, queries
from odus.products.model import Price, PriceCreate, PriceUpdate, Product, ProductCreate, ProductUpdate


@creates(
    "/products",
    Permission.PRODUCT_UPDATE,
    example={
        "name": "Coffee club",
        "description": "A bag of freshly roasted beans, each month",
        "statementDescriptor": "COFFEE CLUB",
        "metadata": {"shelf": "A4"},
    },
)
async def create_product(write: Write, who: Principal, data: ProductCreate) -> Product:
    """Create a product.

    Something that you sell. What it costs is said by its prices, of which it can have many. `statementDescriptor` is
    what a card's statement shows: at most 22 Latin letters, digits, spaces and `. , - * & / + #`, with a letter at
    least.
    """
    return await actions.create_product(write, who, data)


@lists_of(
    "/products",
    Permission.PRODUCT_READ,
    queries.PRODUCTS,
    example={"name": {"like": "coffee"}, "active": {"eq": True}, "sortBy": "name"},
)
async def list_products(search: Search, who: Principal, asked: Asked) -> Page[Product]:
    """List products.

    All that match every filter, oldest first by default.
    """
    return await queries.search_products(search, who.merchant_id, asked)


@reads("/products/{id}", Permission.PRODUCT_READ)
async def get_product(read: Read, who: Principal, product_id: str) -> Product:
    """Read a product."""
    product = await queries.get_product(read, who.merchant_id, product_id)
    if product is None:
        raise not_found()
    return product


@changes("/products/{id}", Permission.PRODUCT_UPDATE, example={"active": False, "metadata": {"shelf": "B1"}})
async def update_product(
    write: Write, who: Principal, product_id: str, data: ProductUpdate, if_match: IfMatch
) -> Product:
    """Update a product.

    Only the fields that are sent change; `null` clears one, and metadata is merged. A product that is not `active`
    takes no new prices; those that it has stay as they are.
    """
    return await actions.update_product(write, who, product_id, data, if_match)


@creates(
    "/prices",
    Permission.PRODUCT_UPDATE,
    raises=[CONFLICT],
    example={
        "product": "prod_2R0uWz4tu9wxTMBXxj9CJfSE9vV",
        "name": "Monthly, the first month at half price",
        "type": "recurring",
        "currency": "usd",
        "billingSchedule": {
            "cycleDefinitions": [
                {"position": 1, "amount": 1000, "intervalUnit": "month", "intervalValue": 1},
                {"position": 2, "amount": 2000, "intervalUnit": "month", "intervalValue": 1},
            ]
        },
    },
)
async def create_price(write: Write, who: Principal, data: PriceCreate) -> Price:
    """Create a price.

    What a product costs: once (`one_time`, with an `amount` of at least 1), or in cycles (`recurring`, with a
    `billingSchedule`, and an `amount` only where there is a setup fee). The cycles have positions from 1 without gaps,
    are shown by position, and the last one repeats without end; one lasts at most five years (2,628,000 minutes,
    43,800 hours, 1,825 days, 260 weeks, 60 months, 5 years). A product that is not active takes no new price: 409.
    """
    return await actions.create_price(write, who, data)


@lists_of(
    "/prices",
    Permission.PRODUCT_READ,
    queries.PRICES,
    example={"currency": {"eq": "usd"}, "amount": {"gte": 1000}, "sortBy": "amount"},
)
async def list_prices(search: Search, who: Principal, asked: Asked) -> Page[Price]:
    """List prices.

    All that match every filter, oldest first by default; `product` gives those of one product.
    """
    return await queries.search_prices(search, who.merchant_id, asked)


@reads("/prices/{id}", Permission.PRODUCT_READ)
async def get_price(read: Read, who: Principal, price_id: str) -> Price:
    """Read a price."""
    price = await queries.get_price(read, who.merchant_id, price_id)
    if price is None:
        raise not_found()
    return price


@changes("/prices/{id}", Permission.PRODUCT_UPDATE, example={"name": "Monthly", "active": False})
async def update_price(write: Write, who: Principal, price_id: str, data: PriceUpdate, if_match: IfMatch) -> Price:
    """Update a price.

    Only its name, `active` and metadata change: what it costs never does, so make a new price for that and let the old
    one be inactive.
    """
    return await actions.update_price(write, who, price_id, data, if_match)


HANDLERS = [
    create_product,
    list_products,
    get_product,
    update_product,
    create_price,
    list_prices,
    get_price,
    update_price,
]
