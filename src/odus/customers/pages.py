"""The Dashboard door to customers: their list, each one's page, and the forms that change them."""

from odus.customers import actions, cards, forms, queries
from odus.customers.activity import activity
from odus.customers.model import Customer
from odus.kit import bodies, edits, list_pages, metadata_forms
from odus.kit.edits import Edit, Editor
from odus.kit.list_bars import Control, Place
from odus.kit.pages import Form, Visit, moved, shows, submits
from odus.kit.permissions import Permission
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch

PATH = "/dashboard/customers"

LIST = Place(
    PATH,
    "/customers",
    "customers/list.html",
    queries.LISTING,
    (
        Control("email", "Email"),
        Control("name", "Name"),
        Control("createdAt", "Created", "dates"),
        Control("metadata", "Metadata", "keyed"),
    ),
)


@shows(PATH, Permission.CUSTOMER_READ)
async def customers_page(visit: Visit) -> Response:
    """Show the customers that the address asks for."""
    return await list_pages.show(visit, LIST, queries.search, sample=_sample(visit))


@shows(f"{PATH}/{{id}}", Permission.CUSTOMER_READ)
async def customer_page(visit: Visit) -> Response:
    """Show a customer with all that hangs on it."""
    customer = await _customer(visit)
    return await _page(visit, customer, metadata_forms.pairs(customer.metadata))


@shows(f"{PATH}/{{id}}/json", Permission.CUSTOMER_READ)
async def customer_json_page(visit: Visit) -> Response:
    """Show a customer as the API answers it."""
    customer = await _customer(visit)
    curl = visit.curl(f"/customers/{customer.id}")
    return visit.page("customers/json.html", customer=customer, text=bodies.pretty(customer), curl=curl)


@shows(f"{PATH}/{{id}}/edit", Permission.CUSTOMER_UPDATE)
async def edit_customer_page(visit: Visit) -> Response:
    """Show the form that changes a customer."""
    customer = await _customer(visit)
    return _form(visit, customer, edits.opened(customer, forms.values_of(customer)))


@submits(f"{PATH}/{{id}}/edit", Permission.CUSTOMER_UPDATE)
async def update_customer_form(visit: Visit, form: Form) -> Response:
    """Change what was changed in the form, onto the version that it showed.

    Where someone else changed the customer meanwhile, both values are shown, and nothing is written.
    """

    async def change(customer: Customer, edit: Edit) -> None:
        data = forms.update(edit.values, edit.was)
        await actions.update(visit.database.write, visit.who, customer.id, data, edit.seen)

    editor = Editor(load=lambda: _customer(visit), values_of=forms.values_of, as_kept=forms.as_kept)
    customer, again = await editor.save(form, change)
    return _form(visit, customer, again) if again else moved(f"{PATH}/{customer.id}")


@shows(f"{PATH}/{{id}}/metadata", Permission.CUSTOMER_READ)
async def customer_metadata_page(visit: Visit) -> Response:
    """Lead to the editor of the metadata, whose refused form stands at this address."""
    return moved(f"{PATH}/{(await _customer(visit)).id}#metadata")


@submits(f"{PATH}/{{id}}/metadata", Permission.CUSTOMER_UPDATE)
async def update_metadata_form(visit: Visit, form: Form) -> Response:
    """Write the keys that were changed in the editor, and no others: what the API wrote meanwhile stays."""
    rows = metadata_forms.rows(form)

    async def change(customer: Customer, seen: IfMatch) -> None:
        data = metadata_forms.update(rows, customer.metadata, forms.read_update)
        await actions.update(visit.database.write, visit.who, customer.id, data, seen)

    customer, wrong_rows = await metadata_forms.save(rows, lambda: _customer(visit), change)
    return await _page(visit, customer, wrong_rows, 400) if wrong_rows else moved(f"{PATH}/{customer.id}")


@shows(f"{PATH}/{{id}}/metadata/clear", Permission.CUSTOMER_READ)
async def clear_customer_metadata_page(visit: Visit) -> Response:
    """Lead to the metadata: the question whether all of it shall go is asked by its button alone."""
    return moved(f"{PATH}/{(await _customer(visit)).id}#metadata")


@submits(f"{PATH}/{{id}}/metadata/clear", Permission.CUSTOMER_UPDATE)
async def clear_metadata_form(visit: Visit, form: Form) -> Response:
    """Take all metadata away, where that was confirmed of the keys that there are."""

    async def change(customer: Customer, seen: IfMatch) -> None:
        await actions.update(visit.database.write, visit.who, customer.id, forms.CLEAR, seen)

    customer, question = await metadata_forms.clear(form, lambda: _customer(visit), change)
    if question is None:
        return moved(f"{PATH}/{customer.id}")
    return visit.page("customers/clear.html", question.status, customer=customer, question=question)


HANDLERS = [
    customers_page,
    customer_page,
    customer_json_page,
    edit_customer_page,
    update_customer_form,
    customer_metadata_page,
    update_metadata_form,
    clear_customer_metadata_page,
    clear_metadata_form,
]


async def _customer(visit: Visit) -> Customer:
    customer = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if customer is None:
        raise not_found()
    return customer


def _form(visit: Visit, customer: Customer, edit: Edit) -> Response:
    return visit.page("customers/edit.html", edit.status, customer=customer, edit=edit)


async def _page(visit: Visit, customer: Customer, rows: list[metadata_forms.Row], status: int = 200) -> Response:
    return visit.page(
        "customers/customer.html",
        status,
        customer=customer,
        rows=rows,
        cards=await cards.filled(visit, customer),
        activity=await activity(visit, customer.id),
    )


def _sample(visit: Visit) -> str:
    body = '{"email": "jane@example.com"}'
    return f"{visit.curl('/customers')} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
