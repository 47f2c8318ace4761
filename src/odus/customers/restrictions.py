"""Restrictions: the form that blocks a customer's payments, and says why."""

from odus.customers import actions, queries
from odus.customers.model import Customer, CustomerUpdate
from odus.kit import bodies, edits
from odus.kit.edits import Edit, Editor, Values
from odus.kit.pages import Form, Visit, moved, shows, submits
from odus.kit.permissions import Permission
from odus.kit.requests import Response, not_found

CUSTOMERS = "/dashboard/customers"
PATH = f"{CUSTOMERS}/{{id}}/restrictions"
SWITCHES = ("restrictCit", "restrictMit")
ON = "on"
IS_ON: dict[str, bool] = {ON: True, "": False}

_update = bodies.decoder(CustomerUpdate)


@shows(PATH, Permission.CUSTOMER_UPDATE)
async def restrictions_page(visit: Visit) -> Response:
    """Show which payments of a customer are blocked."""
    customer = await _customer(visit)
    return _page(visit, customer, edits.opened(customer, _values_of(customer)))


@submits(PATH, Permission.CUSTOMER_UPDATE)
async def update_restrictions_form(visit: Visit, form: Form) -> Response:
    """Block or allow payments, onto the version that the form showed."""

    async def change(customer: Customer, edit: Edit) -> None:
        await actions.update(visit.database.write, visit.who, customer.id, _changes(edit), edit.seen)

    editor = Editor(load=lambda: _customer(visit), values_of=_values_of, switches=SWITCHES)
    customer, again = await editor.save(form, change)
    return _page(visit, customer, again) if again else moved(f"{CUSTOMERS}/{customer.id}")


HANDLERS = [restrictions_page, update_restrictions_form]


async def _customer(visit: Visit) -> Customer:
    customer = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if customer is None:
        raise not_found()
    return customer


def _values_of(customer: Customer) -> dict[str, str]:
    """Return the restrictions as the form shows them, the reason with the line ends that it gives back."""
    return {
        "restrictCit": ON if customer.restrict_cit else "",
        "restrictMit": ON if customer.restrict_mit else "",
        "restrictReason": (customer.restrict_reason or "").replace("\r\n", "\n").replace("\r", "\n"),
    }


def stated(values: Values) -> dict[str, object]:
    """Return restrictions as a body states them; what is neither on nor off is left to it to refuse."""
    return {name: IS_ON.get(value, value) if name in SWITCHES else value or None for name, value in values.items()}


def _changes(edit: Edit) -> CustomerUpdate:
    return _update(bodies.encode(stated(edit.changed)))


def _page(visit: Visit, customer: Customer, edit: Edit) -> Response:
    return visit.page("customers/restrictions.html", edit.status, customer=customer, edit=edit)
