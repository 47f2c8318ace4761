"""The Dashboard door to what is done with a payment: charge, capture, cancel, refund, and record a chargeback."""

from collections.abc import Awaitable, Callable

import msgspec

from odus.customers import queries as customers
from odus.kit import once
from odus.kit.edits import Values
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import VALIDATION_FAILED, Problem
from odus.kit.requests import Response, not_found
from odus.kit.times import everywhere
from odus.kit.versions import IfMatch
from odus.payment_methods import queries as payment_methods
from odus.payments import actions, forms, marks, queries, words
from odus.payments.forms import Move
from odus.payments.model import Payment
from odus.payments.record import Record

PATH = "/dashboard/payments"
HERE = f"{PATH}/{{id}}"
METHODS = 50
"""How many of a customer's payment methods a form offers."""

Act = Callable[[Principal, Record, Values], Awaitable[Payment]]


class Shown(msgspec.Struct, frozen=True):
    """A form as it is shown: what it holds, the value by which it is known again, and what was wrong with it."""

    move: Move
    values: Values
    once: str
    problem: Problem | None = None


@shows(f"{HERE}/charge", Permission.PAYMENT_UPDATE)
async def charge_payment_page(visit: Visit) -> Response:
    """Ask which saved method is charged."""
    return await _ask(visit, "charge")


@submits(f"{HERE}/charge", Permission.PAYMENT_UPDATE)
async def charge_payment_form(visit: Visit, form: Form) -> Response:
    """Charge the payment to a saved method; a decline is told on its page."""

    async def act(who: Principal, record: Record, values: Values) -> Payment:
        return await actions.authorize(visit.database.write, who, record.id, forms.charge(values), IfMatch())

    return await _act(visit, form, "charge", act)


@shows(f"{HERE}/capture", Permission.PAYMENT_UPDATE)
async def capture_payment_page(visit: Visit) -> Response:
    """Ask how much is captured."""
    return await _ask(visit, "capture")


@submits(f"{HERE}/capture", Permission.PAYMENT_UPDATE)
async def capture_payment_form(visit: Visit, form: Form) -> Response:
    """Take what was authorized, or a part of it."""

    async def act(who: Principal, record: Record, values: Values) -> Payment:
        return await actions.capture(visit.database.write, who, record.id, forms.capture(values, record), IfMatch())

    return await _act(visit, form, "capture", act)


@shows(f"{HERE}/cancel", Permission.PAYMENT_UPDATE)
async def cancel_payment_page(visit: Visit) -> Response:
    """Ask whether the payment is to be cancelled for good."""
    return await _ask(visit, "cancel")


@submits(f"{HERE}/cancel", Permission.PAYMENT_UPDATE)
async def cancel_payment_form(visit: Visit, form: Form) -> Response:
    """Cancel the payment; what was authorized is released."""

    async def act(who: Principal, record: Record, _values: Values) -> Payment:
        return await actions.cancel(visit.database.write, who, record.id, IfMatch())

    return await _act(visit, form, "cancel", act)


@shows(f"{HERE}/refund", Permission.PAYMENT_UPDATE)
async def refund_payment_page(visit: Visit) -> Response:
    """Ask how much is given back."""
    return await _ask(visit, "refund")


@submits(f"{HERE}/refund", Permission.PAYMENT_UPDATE)
async def refund_payment_form(visit: Visit, form: Form) -> Response:
    """Give back what is left, or a part of it; or record what was given back elsewhere."""

    async def act(who: Principal, record: Record, values: Values) -> Payment:
        return await actions.reverse(visit.database.write, who, record.id, forms.refund(values, record), IfMatch())

    return await _act(visit, form, "refund", act)


@shows(f"{HERE}/chargeback", Permission.PAYMENT_UPDATE)
async def chargeback_payment_page(visit: Visit) -> Response:
    """Ask what is to follow for the customer."""
    return await _ask(visit, "chargeback")


@submits(f"{HERE}/chargeback", Permission.PAYMENT_UPDATE)
async def chargeback_payment_form(visit: Visit, form: Form) -> Response:
    """Record that the payer had the money back through the bank."""

    async def act(who: Principal, record: Record, values: Values) -> Payment:
        write = visit.database.write
        return await actions.record_chargeback(write, who, record.id, forms.chargeback(values), IfMatch())

    return await _act(visit, form, "chargeback", act)


HANDLERS = [
    charge_payment_page,
    charge_payment_form,
    capture_payment_page,
    capture_payment_form,
    cancel_payment_page,
    cancel_payment_form,
    refund_payment_page,
    refund_payment_form,
    chargeback_payment_page,
    chargeback_payment_form,
]


async def _ask(visit: Visit, move: Move) -> Response:
    """Show a form; where the payment is beyond it, the page of the payment says so."""
    record = await _record(visit)
    if move not in forms.moves(record):
        return moved(f"{PATH}/{record.id}")
    return await _form(visit, record, Shown(move, forms.shown(move, record), once.value()))


async def _act(visit: Visit, form: Form, move: Move, act: Act) -> Response:
    """Do what a form says, once however often it is sent; what is wrong is told in the form, with all that was typed.

    A form that was sent before has been carried out, so what it typed is not held against what is left since.
    """
    record = await _record(visit)
    who = once.acting(visit, form)
    values = forms.typed(move, form, record)
    asked = who.mark and marks.asked(record, who.mark.request, everywhere())
    if who.mark is not None and asked == who.mark.fingerprint and not record.attempt:
        return moved(f"{PATH}/{record.id}")
    try:
        await act(who, record, values)
    except Problem as problem:
        return await _form(visit, await _record(visit), Shown(move, values, once.of(form), problem))
    return moved(f"{PATH}/{record.id}")


async def _record(visit: Visit) -> Record:
    record = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if record is None:
        raise not_found()
    return record


async def _form(visit: Visit, record: Record, shown: Shown) -> Response:
    read, merchant_id, problem = visit.database.read, visit.who.merchant_id, shown.problem
    is_about_fields = problem is None or problem.kind is VALIDATION_FAILED
    is_charge = shown.move == "charge" and record.customer is not None
    return visit.page(
        f"payments/{shown.move}.html",
        200 if problem is None else problem.kind.status,
        payment=record.payment,
        left=forms.left(record),
        move=shown.move,
        values=shown.values,
        errors=wrong(problem if is_about_fields else None),
        problem=words.told(problem) if problem is not None and not is_about_fields else "",
        once=shown.once,
        customer=record.customer and await customers.get(read, merchant_id, record.customer),
        methods=await payment_methods.of_customer(read, merchant_id, record.customer or "", METHODS)
        if is_charge
        else [],
    )
