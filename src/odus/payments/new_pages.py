"""The Dashboard door to new payments: charged to a saved method at once, or left to the payer by a link."""

from collections.abc import Mapping
from contextlib import suppress

from odus.customers import queries as customers
from odus.customers.model import Customer
from odus.kit import money, once, problems
from odus.kit.edits import Values
from odus.kit.filters import Condition
from odus.kit.lists import Asked, Paging
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import CONFLICT, VALIDATION_FAILED, FieldError, Problem
from odus.kit.requests import Response
from odus.kit.versions import IfMatch
from odus.merchant_configs import queries as merchant_configs
from odus.payment_methods import queries as payment_methods
from odus.payment_methods.model import PaymentMethod
from odus.payments import actions, forms, words
from odus.payments.model import Payment, PaymentAuthorize
from odus.products import queries as products

PATH = "/dashboard/payments"
MOST = 100
"""How many prices, and how many of a customer's payment methods, the form offers."""


@shows(f"{PATH}/new", Permission.PAYMENT_UPDATE)
async def new_payment_page(visit: Visit) -> Response:
    """Show the form of a new payment, with what the address says of its customer and method."""
    config = await merchant_configs.of(visit.database.read, visit.who.merchant_id)
    asked = {name: (visit.query.get(name) or [""])[0] for name in ("customer", "paymentMethod")}
    return await _form(visit, {**forms.NEW, "currency": config.display_currency, **asked}, once.value())


@submits(f"{PATH}/new", Permission.PAYMENT_UPDATE)
async def create_payment_form(visit: Visit, form: Form) -> Response:
    """Make a payment, and charge it at once where a method was chosen, both once however often the form is sent.

    Whatever comes of the charge stands on the page of the payment, and so does the link for the payer.
    """
    values = forms.new(form)
    try:
        data = forms.create(await _with_default(visit, values))
        made = await once.made(visit, form, Payment, lambda write: actions.create(write, visit.who, data))
    except Problem as problem:
        # The answer to what cannot be is kept; anything else may still come of what was sent, and is not to come twice.
        value = once.value() if problem.kind is CONFLICT else once.of(form)
        return await _form(visit, values, value, problem)
    if data.payment_method is not None:
        with suppress(Problem):
            await actions.authorize(
                visit.database.write, once.acting(visit, form), made.id, PaymentAuthorize(), IfMatch()
            )
    return moved(f"{PATH}/{made.id}")


HANDLERS = [new_payment_page, create_payment_form]


async def _with_default(visit: Visit, values: Values) -> Values:
    """Return what was typed with the customer's default in place of the word for it."""
    if values["paymentMethod"] != forms.DEFAULT:
        return values
    read, merchant_id = visit.database.read, visit.who.merchant_id
    is_readable = "\x00" not in values["customer"]
    method = await payment_methods.default_of(read, merchant_id, values["customer"]) if is_readable else None
    if method is None:
        message = "cannot be charged: the customer has none that is saved"
        raise problems.invalid([FieldError("paymentMethod", "invalid_value", message)])
    return {**values, "paymentMethod": method.id}


async def _form(visit: Visit, values: Values, value: str, problem: Problem | None = None) -> Response:
    is_about_fields = problem is None or problem.kind is VALIDATION_FAILED
    customer = await _customer(visit, values["customer"])
    return visit.page(
        "payments/new.html",
        200 if problem is None else problem.kind.status,
        values=values,
        errors=wrong(forms.named(problem, values) if problem is not None and is_about_fields else None),
        problem=words.told(problem) if problem is not None and not is_about_fields else "",
        once=value,
        customer=customer,
        methods=await _methods(visit, customer),
        prices=await _prices(visit),
        item_rows=forms.ROWS,
        has_items=any(values[f"item.{row}.price"] for row in forms.ROWS),
        recurs=_recurs(visit),
    )


async def _customer(visit: Visit, customer_id: str) -> Customer | None:
    if not visit.may(Permission.CUSTOMER_READ) or "\x00" in customer_id:
        return None
    return await customers.get(visit.database.read, visit.who.merchant_id, customer_id)


async def _methods(visit: Visit, customer: Customer | None) -> list[PaymentMethod]:
    if customer is None:
        return []
    return await payment_methods.of_customer(visit.database.read, visit.who.merchant_id, customer.id, MOST)


def _recurs(visit: Visit) -> bool:
    """Tell whether the address asks for the form of a subscription: the same, with recurring prices only."""
    return visit.query.get("type") == ["recurring"]


async def _prices(visit: Visit) -> Mapping[str, str]:
    """Return what the newest prices that can be bought are called, with what they cost at first."""
    if not visit.may(Permission.PRODUCT_READ):
        return {}
    asked = Asked(sort=products.PRICES.sorts["createdAt"], is_descending=True, paging=Paging(1, MOST))
    asked = asked.within("active", Condition("active"))
    if _recurs(visit):
        asked = asked.within("type", Condition("type = 'recurring'"))
    merchant_id = visit.who.merchant_id
    found = (await products.search_prices(visit.database.search, merchant_id, asked)).data
    names = await products.product_names(visit.database.read, merchant_id, [price.product for price in found])
    return {
        price.id: f"{names[price.product]} · {price.name} · {money.written(price.first_amount, price.currency)}"
        for price in found
    }
