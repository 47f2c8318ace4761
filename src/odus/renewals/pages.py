"""The Dashboard door to subscriptions: their list, and each one's page, with what was charged for it."""

from collections.abc import Iterable

from odus.customers import queries as customers
from odus.customers.activity import activity
from odus.kit import bodies, list_pages, metadata_forms
from odus.kit.db import Search
from odus.kit.filters import Condition
from odus.kit.list_bars import Control, Place
from odus.kit.lists import Asked, Page, Paging
from odus.kit.metadata_forms import Row
from odus.kit.pages import Form, Visit, moved, shows, submits
from odus.kit.permissions import Permission
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch
from odus.payment_methods import queries as payment_methods
from odus.payments import queries as payments
from odus.payments.model import Payment
from odus.products import queries as products
from odus.renewals import forms
from odus.subscriptions import actions, queries, words
from odus.subscriptions.model import Subscription
from odus.subscriptions.record import Record

PATH = "/dashboard/subscriptions"
SHOWN = 10

CUSTOMER = Control("customer", "Customer")
PRICE = Control("price", "Price")
CONTROLS = (
    CUSTOMER,
    Control("status", "Status", "choice", (("active", "Active"), ("cancelled", "Cancelled"))),
    PRICE,
    Control("currentPeriodEnd", "Period ends", "dates"),
    Control("createdAt", "Created", "dates"),
    Control("metadata", "Metadata", "keyed"),
)

LIST = Place(PATH, "/subscriptions", "renewals/list.html", queries.LISTING, CONTROLS)


@shows(PATH, Permission.SUBSCRIPTION_READ)
async def subscriptions_page(visit: Visit) -> Response:
    """Show the subscriptions that the address asks for, each with what it is of, and its customer's name."""
    names: dict[str, str] = {}
    prices: dict[str, tuple[str, str]] = {}

    async def search(search: Search, merchant_id: str, asked: Asked) -> Page[Subscription]:
        page = await queries.search(search, merchant_id, asked)
        names.update(await _names(visit, [each.customer for each in page.data]))
        prices.update(await products.price_names(search, merchant_id, [each.price for each in page.data]))
        return page

    return await list_pages.show(visit, await _place(visit), search, names=names, prices=prices)


@shows(f"{PATH}/{{id}}", Permission.SUBSCRIPTION_READ)
async def subscription_page(visit: Visit) -> Response:
    """Show a subscription, its payments, and what can be done with it."""
    record = await _record(visit)
    return await _page(visit, record, metadata_forms.pairs(record.metadata))


@shows(f"{PATH}/{{id}}/json", Permission.SUBSCRIPTION_READ)
async def subscription_json_page(visit: Visit) -> Response:
    """Show a subscription as the API answers it."""
    subscription = (await _record(visit)).subscription
    curl = visit.curl(f"/subscriptions/{subscription.id}")
    return visit.page("renewals/json.html", subscription=subscription, text=bodies.pretty(subscription), curl=curl)


@shows(f"{PATH}/{{id}}/metadata", Permission.SUBSCRIPTION_READ)
async def subscription_metadata_page(visit: Visit) -> Response:
    """Lead to the editor of the metadata, whose refused form stands at this address."""
    return moved(f"{PATH}/{(await _record(visit)).id}#metadata")


@submits(f"{PATH}/{{id}}/metadata", Permission.SUBSCRIPTION_UPDATE)
async def update_subscription_metadata_form(visit: Visit, form: Form) -> Response:
    """Write the keys that were changed in the editor, and no others: what the API wrote meanwhile stays."""
    rows = metadata_forms.rows(form)

    async def change(record: Record, seen: IfMatch) -> None:
        data = metadata_forms.update(rows, record.metadata, forms.read_update)
        await actions.update(visit.database.write, visit.who, record.id, data, seen)

    record, wrong_rows = await metadata_forms.save(rows, lambda: _record(visit), change)
    return await _page(visit, record, wrong_rows, 400) if wrong_rows else moved(f"{PATH}/{record.id}")


@shows(f"{PATH}/{{id}}/metadata/clear", Permission.SUBSCRIPTION_READ)
async def clear_subscription_metadata_page(visit: Visit) -> Response:
    """Lead to the metadata: the question whether all of it shall go is asked by its button alone."""
    return moved(f"{PATH}/{(await _record(visit)).id}#metadata")


@submits(f"{PATH}/{{id}}/metadata/clear", Permission.SUBSCRIPTION_UPDATE)
async def clear_subscription_metadata_form(visit: Visit, form: Form) -> Response:
    """Take all metadata away, where that was confirmed of the keys that there are."""

    async def change(record: Record, seen: IfMatch) -> None:
        await actions.update(visit.database.write, visit.who, record.id, forms.CLEAR, seen)

    record, question = await metadata_forms.clear(form, lambda: _record(visit), change)
    if question is None:
        return moved(f"{PATH}/{record.id}")
    return visit.page("renewals/clear.html", question.status, subscription=record.subscription, question=question)


HANDLERS = [
    subscriptions_page,
    subscription_page,
    subscription_json_page,
    subscription_metadata_page,
    update_subscription_metadata_form,
    clear_subscription_metadata_page,
    clear_subscription_metadata_form,
]


async def _record(visit: Visit) -> Record:
    record = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if record is None:
        raise not_found()
    return record


async def _page(visit: Visit, record: Record, rows: list[Row], status: int = 200) -> Response:
    read, merchant_id = visit.database.read, visit.who.merchant_id
    return visit.page(
        "renewals/subscription.html",
        status,
        subscription=record.subscription,
        record=record,
        moves=forms.moves(record) if visit.may(Permission.SUBSCRIPTION_UPDATE) else (),
        price=await products.get_price(read, merchant_id, record.price),
        names=(await products.price_names(read, merchant_id, [record.price]))[record.price],
        customer=await customers.get(read, merchant_id, record.customer),
        method=await payment_methods.get(read, merchant_id, record.payment_method),
        charged=await _payments(visit, record) if visit.may(Permission.PAYMENT_READ) else None,
        rows=rows,
        activity=await activity(visit, record.id, words.telling(record.currency)),
    )


async def _payments(visit: Visit, record: Record) -> Page[Payment]:
    """Return a subscription's newest payments, the declined ones too, and the one that it was born of."""
    asked = Asked(sort=payments.LISTING.sorts["createdAt"], is_descending=True, paging=Paging(1, SHOWN))
    asked = asked.within("subscription", Condition("(subscription_id = {0} or id = {1})", (record.id, record.payment)))
    return await payments.search(visit.database.search, visit.who.merchant_id, asked)


async def _place(visit: Visit) -> Place:
    """Return the list with what its filters need to know: what the customer and the price asked for are called."""
    read, merchant_id = visit.database.read, visit.who.merchant_id
    customer, price = ((visit.query.get(each.field) or [""])[0] for each in (CUSTOMER, PRICE))
    titles = await products.price_names(read, merchant_id, [price])
    known = {
        CUSTOMER: tuple((await _names(visit, [customer])).items()),
        PRICE: tuple((each, " · ".join(names)) for each, names in titles.items()),
    }
    return LIST.knowing(known)


async def _names(visit: Visit, ids: Iterable[str]) -> dict[str, str]:
    """Return what customers are called, where the person may know that."""
    if not visit.may(Permission.CUSTOMER_READ):
        return {}
    return await customers.names(visit.database.read, visit.who.merchant_id, ids)
