"""The Dashboard door to new customers: the form with all that one is made of."""

from odus.customers import actions, forms
from odus.customers.model import Customer
from odus.kit import metadata_forms, once
from odus.kit.edits import Values
from odus.kit.metadata_forms import Row
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import VALIDATION_FAILED, Problem
from odus.kit.requests import Response

PATH = "/dashboard/customers"


@shows(f"{PATH}/new", Permission.CUSTOMER_UPDATE)
async def new_customer_page(visit: Visit) -> Response:
    """Show the form of a new customer."""
    return _page(visit, forms.EMPTY, [], once.value())


@submits(f"{PATH}/new", Permission.CUSTOMER_UPDATE)
async def create_customer_form(visit: Visit, form: Form) -> Response:
    """Make a customer of what was typed, once however often the form is sent.

    What is wrong stands at its field, and nothing typed is lost.
    """
    values, rows, value = forms.values(form), metadata_forms.rows(form), once.of(form)
    try:
        data = forms.create(values, rows)
        made = await once.made(visit, form, Customer, lambda write: actions.create(write, visit.who, data))
    except Problem as problem:
        if problem.kind is VALIDATION_FAILED:
            return _page(visit, values, metadata_forms.with_errors(rows, problem, {}), value, problem)
        return _page(visit, values, rows, once.again(form, problem), problem)
    return moved(f"{PATH}/{made.id}")


HANDLERS = [new_customer_page, create_customer_form]


def _page(visit: Visit, values: Values, rows: list[Row], value: str, problem: Problem | None = None) -> Response:
    told = once.told(problem, "customer")
    return visit.page(
        "customers/new.html",
        200 if problem is None else problem.kind.status,
        values=values,
        rows=rows,
        errors=wrong(None if told else problem),
        problem=told,
        once=value,
    )
