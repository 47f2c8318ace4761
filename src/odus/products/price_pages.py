"""The Dashboard door to prices: their list, each one's page, and the forms that change one."""

from odus.kit import bodies, edits, list_pages
from odus.kit.db import Search
from odus.kit.edits import Edit, Editor
from odus.kit.list_bars import Control, Place
from odus.kit.lists import Asked, Page
from odus.kit.pages import Form, Visit, moved, shows, submits
from odus.kit.permissions import Permission
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch
from odus.products import actions, forms, queries
from odus.products.model import Price, PriceUpdate
from odus.products.pages import ACTIVE

PATH = "/dashboard/prices"

LIST = Place(
    PATH,
    "/prices",
    "products/prices.html",
    queries.PRICES,
    (
        Control("name", "Name"),
        Control("type", "Type", "choice", (("one_time", "One time"), ("recurring", "Recurring"))),
        ACTIVE,
        Control("createdAt", "Created", "dates"),
    ),
)


@shows(PATH, Permission.PRODUCT_READ)
async def prices_page(visit: Visit) -> Response:
    """Show the prices that the address asks for, each with what its product is called."""
    names: dict[str, str] = {}

    async def search(search: Search, merchant_id: str, asked: Asked) -> Page[Price]:
        page = await queries.search_prices(search, merchant_id, asked)
        names.update(await queries.product_names(search, merchant_id, [price.product for price in page.data]))
        return page

    return await list_pages.show(visit, LIST, search, names=names)


@shows(f"{PATH}/{{id}}", Permission.PRODUCT_READ)
async def price_page(visit: Visit) -> Response:
    """Show a price: what it costs, step by step, and its product."""
    price = await _price(visit)
    product = await queries.get_product(visit.database.read, visit.who.merchant_id, price.product)
    return visit.page("products/price.html", price=price, product=product)


@shows(f"{PATH}/{{id}}/json", Permission.PRODUCT_READ)
async def price_json_page(visit: Visit) -> Response:
    """Show a price as the API answers it."""
    price = await _price(visit)
    curl = visit.curl(f"/prices/{price.id}")
    return visit.page("products/json.html", shown=price, place="prices", text=bodies.pretty(price), curl=curl)


@shows(f"{PATH}/{{id}}/edit", Permission.PRODUCT_UPDATE)
async def edit_price_page(visit: Visit) -> Response:
    """Show the form that renames a price; what it costs never changes."""
    price = await _price(visit)
    return visit.page("products/edit_price.html", price=price, edit=edits.opened(price, forms.name_of(price)))


@submits(f"{PATH}/{{id}}/edit", Permission.PRODUCT_UPDATE)
async def update_price_form(visit: Visit, form: Form) -> Response:
    """Rename a price, if it is still the version that the form showed."""

    async def change(price: Price, edit: Edit) -> None:
        data = forms.price_update(edit.changed)
        await actions.update_price(visit.database.write, visit.who, price.id, data, edit.seen)

    price, again = await Editor(load=lambda: _price(visit), values_of=forms.name_of).save(form, change)
    if again:
        return visit.page("products/edit_price.html", again.status, price=price, edit=again)
    return moved(f"{PATH}/{price.id}")


@submits(f"{PATH}/{{id}}/active", Permission.PRODUCT_UPDATE)
async def archive_price_form(visit: Visit, form: Form) -> Response:
    """Archive a price, or bring it back."""
    data = PriceUpdate(active=forms.activity(form))
    await actions.update_price(visit.database.write, visit.who, visit.id, data, IfMatch())
    return moved(f"{PATH}/{visit.id}")


HANDLERS = [
    prices_page,
    price_page,
    price_json_page,
    edit_price_page,
    update_price_form,
    archive_price_form,
]


async def _price(visit: Visit) -> Price:
    price = await queries.get_price(visit.database.read, visit.who.merchant_id, visit.id)
    if price is None:
        raise not_found()
    return price
