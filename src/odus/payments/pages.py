"""The Dashboard door to payments: their list, and each one's page."""

from collections.abc import Mapping
from typing import get_args

from odus.customers import queries as customers
from odus.customers.activity import activity
from odus.kit import bodies, list_pages, metadata_forms
from odus.kit.db import Search
from odus.kit.list_bars import Control, Place
from odus.kit.lists import Asked, Page
from odus.kit.metadata_forms import Row
from odus.kit.pages import Form, Visit, moved, shows, submits
from odus.kit.permissions import Permission
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch
from odus.merchant_configs import queries as merchant_configs
from odus.payment_methods import queries as payment_methods
from odus.payments import actions, forms, queries, words
from odus.payments.model import DisplayStatus, Payment
from odus.payments.record import Record
from odus.products import queries as products
from odus.subscriptions import queries as subscriptions

PATH = "/dashboard/payments"
STATES: tuple[DisplayStatus, ...] = get_args(DisplayStatus)

CUSTOMER = Control("customer", "Customer")
AMOUNT = Control("amount", "Amount", "amount")
CONTROLS = (
    CUSTOMER,
    Control("displayStatus", "Status", "choice", tuple((state, words.STATES[state][0]) for state in STATES)),
    AMOUNT,
    Control("createdAt", "Created", "dates"),
    Control("metadata", "Metadata", "keyed"),
)

LIST = Place(PATH, "/payments", "payments/list.html", queries.LISTING, CONTROLS)


@shows(PATH, Permission.PAYMENT_READ)
async def payments_page(visit: Visit) -> Response:
    """Show the payments that the address asks for, each with what its customer is called."""
    names: dict[str, str] = {}

    async def search(search: Search, merchant_id: str, asked: Asked) -> Page[Payment]:
        page = await queries.search(search, merchant_id, asked)
        known = [payment.customer for payment in page.data if payment.customer]
        if visit.may(Permission.CUSTOMER_READ):
            names.update(await customers.names(search, merchant_id, known))
        return page

    return await list_pages.show(visit, await _place(visit), search, names=names, sample=_sample(visit))


@shows(f"{PATH}/{{id}}", Permission.PAYMENT_READ)
async def payment_page(visit: Visit) -> Response:
    """Show a payment, every attempt to get it, and what can be done with it."""
    record = await _record(visit)
    return await _page(visit, record, metadata_forms.pairs(record.metadata))


@shows(f"{PATH}/{{id}}/json", Permission.PAYMENT_READ)
async def payment_json_page(visit: Visit) -> Response:
    """Show a payment as the API answers it."""
    payment = (await _record(visit)).payment
    curl = visit.curl(f"/payments/{payment.id}")
    return visit.page("payments/json.html", payment=payment, text=bodies.pretty(payment), curl=curl)


@shows(f"{PATH}/{{id}}/metadata", Permission.PAYMENT_READ)
async def payment_metadata_page(visit: Visit) -> Response:
    """Lead to the editor of the metadata, whose refused form stands at this address."""
    return moved(f"{PATH}/{(await _record(visit)).id}#metadata")


@submits(f"{PATH}/{{id}}/metadata", Permission.PAYMENT_UPDATE)
async def update_payment_metadata_form(visit: Visit, form: Form) -> Response:
    """Write the keys that were changed in the editor, and no others: what the API wrote meanwhile stays."""
    rows = metadata_forms.rows(form)

    async def change(record: Record, seen: IfMatch) -> None:
        data = metadata_forms.update(rows, record.metadata, forms.read_update)
        await actions.update(visit.database.write, visit.who, record.id, data, seen)

    record, wrong_rows = await metadata_forms.save(rows, lambda: _record(visit), change)
    return await _page(visit, record, wrong_rows, 400) if wrong_rows else moved(f"{PATH}/{record.id}")


@shows(f"{PATH}/{{id}}/metadata/clear", Permission.PAYMENT_READ)
async def clear_payment_metadata_page(visit: Visit) -> Response:
    """Lead to the metadata: the question whether all of it shall go is asked by its button alone."""
    return moved(f"{PATH}/{(await _record(visit)).id}#metadata")


@submits(f"{PATH}/{{id}}/metadata/clear", Permission.PAYMENT_UPDATE)
async def clear_payment_metadata_form(visit: Visit, form: Form) -> Response:
    """Take all metadata away, where that was confirmed of the keys that there are."""

    async def change(record: Record, seen: IfMatch) -> None:
        await actions.update(visit.database.write, visit.who, record.id, forms.CLEAR, seen)

    record, question = await metadata_forms.clear(form, lambda: _record(visit), change)
    if question is None:
        return moved(f"{PATH}/{record.id}")
    return visit.page("payments/clear.html", question.status, payment=record.payment, question=question)


HANDLERS = [
    payments_page,
    payment_page,
    payment_json_page,
    payment_metadata_page,
    update_payment_metadata_form,
    clear_payment_metadata_page,
    clear_payment_metadata_form,
]


async def _record(visit: Visit) -> Record:
    record = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if record is None:
        raise not_found()
    return record


async def _page(visit: Visit, record: Record, rows: list[Row], status: int = 200) -> Response:
    read, merchant_id = visit.database.read, visit.who.merchant_id
    method, customer = record.payment_method, record.customer
    return visit.page(
        "payments/payment.html",
        status,
        payment=record.payment,
        left=forms.left(record),
        attempt=record.attempt,
        moves=await _moves(visit, record) if visit.may(Permission.PAYMENT_UPDATE) else (),
        customer=customer and await customers.get(read, merchant_id, customer),
        method=method and await payment_methods.get(read, merchant_id, method),
        items=await _items(visit, record),
        subscriptions=await _subscriptions(visit, record),
        rows=rows,
        activity=await activity(visit, record.id, words.telling(record.currency)),
    )


async def _subscriptions(visit: Visit, record: Record) -> list[str]:
    """Return the subscriptions that it charged a cycle of, or that were born of it."""
    if record.cycle is not None or record.subscription is None:
        return [] if record.subscription is None else [record.subscription]
    return await subscriptions.of_payment(visit.database.read, visit.who.merchant_id, record.id)


async def _moves(visit: Visit, record: Record) -> frozenset[forms.Move]:
    """Return what the page offers: to charge a saved method only where the customer has one."""
    moves = forms.moves(record)
    if "charge" not in moves or record.customer is None:
        return moves
    default = await payment_methods.default_of(visit.database.read, visit.who.merchant_id, record.customer)
    return moves if default else moves - {"charge"}


async def _items(visit: Visit, record: Record) -> Mapping[str, tuple[str, str]]:
    """Return what is bought, by the id of its price: what the product and the price are called."""
    if record.cart is None:
        return {}
    prices = [item.price for item in record.cart.items]
    return await products.price_names(visit.database.read, visit.who.merchant_id, prices)


async def _place(visit: Visit) -> Place:
    """Return the list with what its filters need to know: a customer's name, and the currency that amounts are in."""
    read, merchant_id = visit.database.read, visit.who.merchant_id
    config = await merchant_configs.of(read, merchant_id)
    asked = (visit.query.get("customer") or [""])[0]
    names = await customers.names(read, merchant_id, [asked]) if visit.may(Permission.CUSTOMER_READ) else {}
    known = {CUSTOMER: tuple(names.items()), AMOUNT: ((config.display_currency, ""),)}
    return LIST.knowing(known)


def _sample(visit: Visit) -> str:
    body = '{"amount": 4200, "currency": "usd"}'
    return f"{visit.curl('/payments')} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
