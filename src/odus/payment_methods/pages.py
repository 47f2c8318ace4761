"""The Dashboard door to payment methods, each of which stands on its customer's page."""

from odus.customers import queries as customers
from odus.kit import bodies, list_pages
from odus.kit.db import Search
from odus.kit.list_bars import Control, Place
from odus.kit.lists import Asked, Page
from odus.kit.pages import Form, Visit, moved, shows, submits
from odus.kit.permissions import Permission
from odus.kit.problems import CONFLICT, Problem
from odus.kit.requests import Response, not_found
from odus.kit.times import now
from odus.kit.versions import IfMatch
from odus.payment_methods import actions, queries
from odus.payment_methods.cards import Line, expiry
from odus.payment_methods.model import PaymentMethod, PaymentMethodUpdate

CUSTOMERS = "/dashboard/customers"
PATH = "/dashboard/payment-methods"

LIST = Place(
    PATH,
    "/payment-methods",
    "payment_methods/list.html",
    queries.LISTING,
    (
        Control("customer", "Customer"),
        Control("isDefault", "Default", "choice", (("true", "Yes"), ("false", "No"))),
        Control("createdAt", "Created", "dates"),
        Control("metadata", "Metadata", "keyed"),
    ),
)


@shows(PATH, Permission.PAYMENT_METHOD_READ)
async def payment_methods_page(visit: Visit) -> Response:
    """Show the payment methods that the address asks for, each with what its customer is called."""
    lines: list[Line] = []
    names: dict[str, str] = {}

    async def search(search: Search, merchant_id: str, asked: Asked) -> Page[PaymentMethod]:
        page = await queries.search(search, merchant_id, asked)
        lines.extend(Line(method, expiry(method.card, now().date())) for method in page.data)
        if visit.may(Permission.CUSTOMER_READ):
            names.update(await customers.names(search, merchant_id, [method.customer for method in page.data]))
        return page

    return await list_pages.show(visit, LIST, search, lines=lines, names=names)


@shows(f"{PATH}/{{id}}/json", Permission.PAYMENT_METHOD_READ)
async def payment_method_json_page(visit: Visit) -> Response:
    """Show a payment method as the API answers it."""
    method = await _method(visit)
    curl = visit.curl(f"/payment-methods/{method.id}")
    return visit.page("payment_methods/json.html", method=method, text=bodies.pretty(method), curl=curl)


@submits(f"{PATH}/{{id}}/default", Permission.PAYMENT_METHOD_UPDATE)
async def default_payment_method_form(visit: Visit, form: Form) -> Response:
    """Make a payment method its customer's default."""
    del form
    data = PaymentMethodUpdate(is_default=True)
    method = await actions.update(visit.database.write, visit.who, visit.id, data, IfMatch())
    return moved(f"{CUSTOMERS}/{method.customer}")


@shows(f"{PATH}/{{id}}/detach", Permission.PAYMENT_METHOD_UPDATE)
async def detach_payment_method_page(visit: Visit) -> Response:
    """Ask before a payment method is taken from its customer for good."""
    return visit.page("payment_methods/detach.html", method=await _method(visit), problem="")


@submits(f"{PATH}/{{id}}/detach", Permission.PAYMENT_METHOD_UPDATE)
async def detach_payment_method_form(visit: Visit, form: Form) -> Response:
    """Take a payment method from its customer; where that cannot be, the question says why."""
    del form
    method = await _method(visit)
    try:
        await actions.detach(visit.database.write, visit.who, method.id, IfMatch())
    except Problem as problem:
        if problem.kind is not CONFLICT:
            raise
        return visit.page("payment_methods/detach.html", 409, method=method, problem=problem.detail)
    return moved(f"{CUSTOMERS}/{method.customer}")


HANDLERS = [
    payment_methods_page,
    payment_method_json_page,
    default_payment_method_form,
    detach_payment_method_page,
    detach_payment_method_form,
]


async def _method(visit: Visit) -> PaymentMethod:
    method = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if method is None:
        raise not_found()
    return method
