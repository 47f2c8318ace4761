"""The Dashboard door to products: their list, each one's page, and the forms that make and change them."""

from odus.kit import bodies, edits, list_pages, once
from odus.kit.edits import Edit, Editor
from odus.kit.filters import Condition
from odus.kit.list_bars import Control, Place
from odus.kit.lists import Asked, Paging
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import CONFLICT, Problem
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch
from odus.products import actions, forms, queries
from odus.products.model import Price, Product, ProductUpdate

PATH = "/dashboard/products"
SHOWN = 20
"""How many of a product's prices its page shows."""

ACTIVE = Control("active", "State", "choice", (("true", "Active"), ("false", "Archived")))

LIST = Place(
    PATH,
    "/products",
    "products/list.html",
    queries.PRODUCTS,
    (Control("name", "Name"), ACTIVE, Control("createdAt", "Created", "dates")),
)


@shows(PATH, Permission.PRODUCT_READ)
async def products_page(visit: Visit) -> Response:
    """Show the products that the address asks for."""
    return await list_pages.show(visit, LIST, queries.search_products)


@shows(f"{PATH}/new", Permission.PRODUCT_UPDATE)
async def new_product_page(visit: Visit) -> Response:
    """Show the form of a new product."""
    return _product_form(visit, forms.NO_PRODUCT, once.value())


@submits(f"{PATH}/new", Permission.PRODUCT_UPDATE)
async def create_product_form(visit: Visit, form: Form) -> Response:
    """Make a product of what was typed, once however often the form is sent.

    What is wrong stands at its field, and nothing typed is lost.
    """
    values = forms.product_values(form)
    try:
        data = forms.product_create(values)
        made = await once.made(visit, form, Product, lambda write: actions.create_product(write, visit.who, data))
    except Problem as problem:
        return _product_form(visit, values, once.again(form, problem), problem)
    return moved(f"{PATH}/{made.id}")


@shows(f"{PATH}/{{id}}", Permission.PRODUCT_READ)
async def product_page(visit: Visit) -> Response:
    """Show a product and its prices."""
    product = await _product(visit)
    sort = queries.PRICES.sorts["createdAt"]
    asked = Asked(sort=sort, is_descending=True, paging=Paging(1, SHOWN))
    asked = asked.within("product", Condition("product = {0}", (product.id,)))
    prices = await queries.search_prices(visit.database.search, visit.who.merchant_id, asked)
    return visit.page("products/product.html", product=product, prices=prices)


@shows(f"{PATH}/{{id}}/json", Permission.PRODUCT_READ)
async def product_json_page(visit: Visit) -> Response:
    """Show a product as the API answers it."""
    product = await _product(visit)
    curl = visit.curl(f"/products/{product.id}")
    return visit.page("products/json.html", shown=product, place="products", text=bodies.pretty(product), curl=curl)


@shows(f"{PATH}/{{id}}/edit", Permission.PRODUCT_UPDATE)
async def edit_product_page(visit: Visit) -> Response:
    """Show the form that changes a product."""
    product = await _product(visit)
    edit = edits.opened(product, forms.values_of(product))
    return visit.page("products/edit_product.html", product=product, edit=edit)


@submits(f"{PATH}/{{id}}/edit", Permission.PRODUCT_UPDATE)
async def update_product_form(visit: Visit, form: Form) -> Response:
    """Change what was changed in the form, onto the version that it showed."""

    async def change(product: Product, edit: Edit) -> None:
        data = forms.product_update(edit.changed)
        await actions.update_product(visit.database.write, visit.who, product.id, data, edit.seen)

    editor = Editor(load=lambda: _product(visit), values_of=forms.values_of)
    product, again = await editor.save(form, change)
    if again:
        return visit.page("products/edit_product.html", again.status, product=product, edit=again)
    return moved(f"{PATH}/{product.id}")


@submits(f"{PATH}/{{id}}/active", Permission.PRODUCT_UPDATE)
async def archive_product_form(visit: Visit, form: Form) -> Response:
    """Archive a product, or bring it back."""
    data = ProductUpdate(active=forms.activity(form))
    await actions.update_product(visit.database.write, visit.who, visit.id, data, IfMatch())
    return moved(f"{PATH}/{visit.id}")


@shows(f"{PATH}/{{id}}/prices/new", Permission.PRODUCT_UPDATE)
async def new_price_page(visit: Visit) -> Response:
    """Show the form of a new price."""
    return _price_form(visit, await _product(visit), forms.NO_PRICE, once.value())


@submits(f"{PATH}/{{id}}/prices/new", Permission.PRODUCT_UPDATE)
async def create_price_form(visit: Visit, form: Form) -> Response:
    """Make a price of what was typed, once however often the form is sent."""
    product = await _product(visit)
    values = forms.price_values(form)
    try:
        data = forms.price_create(product.id, values)
    except Problem as problem:
        return _price_form(visit, product, values, once.of(form), problem)
    try:
        await once.made(visit, form, Price, lambda write: actions.create_price(write, visit.who, data))
    except Problem as problem:
        return _price_form(visit, product, values, once.again(form, problem), forms.named(problem, values))
    return moved(f"{PATH}/{product.id}")


HANDLERS = [
    products_page,
    new_product_page,
    create_product_form,
    product_page,
    product_json_page,
    edit_product_page,
    update_product_form,
    archive_product_form,
    new_price_page,
    create_price_form,
]


async def _product(visit: Visit) -> Product:
    product = await queries.get_product(visit.database.read, visit.who.merchant_id, visit.id)
    if product is None:
        raise not_found()
    return product


def _product_form(visit: Visit, values: forms.Values, value: str, problem: Problem | None = None) -> Response:
    told = once.told(problem, "product")
    return visit.page(
        "products/new_product.html",
        200 if problem is None else problem.kind.status,
        edit=Edit(values=values, was={}, version="", errors=wrong(None if told else problem)),
        problem=told,
        once=value,
    )


def _price_form(
    visit: Visit, product: Product, values: forms.Values, value: str, problem: Problem | None = None
) -> Response:
    told = problem.detail if problem is not None and problem.kind is CONFLICT else once.told(problem, "price")
    return visit.page(
        "products/new_price.html",
        200 if problem is None else problem.kind.status,
        product=product,
        values=values,
        errors=wrong(None if told else problem),
        problem=told,
        once=value,
        rows=forms.ROWS,
    )
