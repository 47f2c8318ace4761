"""Forms: what can be done with a payment as the fields of a form, and what was typed as what the actions take."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from odus.kit import bodies, money, problems
from odus.kit.edits import Values
from odus.kit.fields import LARGEST_AMOUNT
from odus.kit.pages import Form
from odus.kit.problems import FieldError, Problem
from odus.payments.model import (
    PaymentAuthorize,
    PaymentCapture,
    PaymentCreate,
    PaymentRecordChargeback,
    PaymentReverse,
    PaymentUpdate,
)
from odus.payments.record import Record

Move = Literal["charge", "capture", "cancel", "refund", "chargeback"]

ON = "on"
DEFAULT = "default"
"""Stands for the customer's default, where the form does not know the customer yet."""

ROWS = range(4)
"""The prices that the form of a payment has room for; a cart of more is made by the API."""
ITEM = {"price": "", "quantity": "1"}
NEW: Values = {
    "customer": "",
    "amount": "",
    "currency": "",
    **{f"item.{row}.{part}": text for row in ROWS for part, text in ITEM.items()},
    "paymentMethod": "",
}

CLEAR = PaymentUpdate(metadata=None)

read_update = bodies.decoder(PaymentUpdate)
_create = bodies.decoder(PaymentCreate)
_authorize = bodies.decoder(PaymentAuthorize)
_chargeback = bodies.decoder(PaymentRecordChargeback)


def moves(record: Record) -> frozenset[Move]:
    """Return what can be done with a payment now; nothing while the gateway has not answered."""
    if record.attempt is not None or record.status == "cancelled":
        return frozenset()
    if record.status == "requires_action":
        return frozenset({"cancel"})
    if record.status == "open":
        return frozenset({"charge", "cancel"} if record.customer else {"cancel"})
    if record.captured_at is None:
        return frozenset({"capture", "cancel"})
    known: set[Move] = {"refund"} if left(record) else set()
    return frozenset(known if record.chargeback_recorded_at else {*known, "chargeback"})


def left(record: Record) -> int:
    """Return how much was captured and not given back."""
    return record.amount_captured - record.amount_reversed


def shown(move: Move, record: Record) -> dict[str, str]:
    """Return what a form holds at first."""
    match move:
        case "refund":
            return {"amount": money.plain(left(record), record.currency), "isExternal": ""}
        case "capture":
            return {"amount": money.plain(record.amount, record.currency)}
        case "charge":
            return {"paymentMethod": record.payment_method or ""}
        case "chargeback":
            return {"restrictCit": "", "restrictMit": "", "restrictReason": ""}
        case "cancel":
            return {}


def typed(move: Move, form: Form, record: Record) -> dict[str, str]:
    """Return what was typed."""
    return {name: form.text(name) for name in shown(move, record)}


def refund(values: Values, record: Record) -> PaymentReverse:
    """Read how much is given back. Raises `validation_failed`, as all of these do."""
    amount = _amount(values["amount"], record.currency, left(record), "which is what is left")
    return PaymentReverse(amount=amount, is_external=_switch(values, "isExternal"))


def capture(values: Values, record: Record) -> PaymentCapture:
    """Read how much is captured."""
    return PaymentCapture(amount=_amount(values["amount"], record.currency, record.amount, "as was authorized"))


def charge(values: Values) -> PaymentAuthorize:
    """Read what is charged: the method that the payment names, where nothing is said."""
    return _authorize(bodies.encode({name: text for name, text in values.items() if text}))


def chargeback(values: Values) -> PaymentRecordChargeback:
    """Read what is to follow for the customer, the fields named as in the form; nothing where nothing is said."""
    said: dict[str, object] = {name: True for name in ("restrictCit", "restrictMit") if _switch(values, name)}
    if values["restrictReason"]:
        said["restrictReason"] = values["restrictReason"]
    try:
        return _chargeback(bodies.encode({"customerRestrictions": said} if said else {}))
    except Problem as problem:
        raise _renamed(problem, lambda path: path.rpartition(".")[2]) from None


def new(form: Form) -> dict[str, str]:
    """Return what was typed of a new payment."""
    return {name: form.text(name) for name in NEW}


def create(values: Values) -> PaymentCreate:
    """Read a new payment, its amount as people write it; what is charged at once, the merchant initiates."""
    rows = [row for row in ROWS if values[f"item.{row}.price"]]
    body: dict[str, object] = {"currency": values["currency"]}
    body |= {name: values[name] for name in ("customer", "paymentMethod") if values[name]}
    body["initiator"] = "merchant" if values["paymentMethod"] else "customer"
    errors = list(_priced(values, rows, body))
    try:
        data = _create(bodies.encode(body))
    except Problem as problem:
        raise problems.invalid([*errors, *named(problem, values).errors]) from None
    if errors:
        raise problems.invalid(errors)
    return data


def named(problem: Problem, values: Values) -> Problem:
    """Return a problem whose fields are named as in the form of a new payment."""
    rows = [row for row in ROWS if values[f"item.{row}.price"]]

    def at(path: str) -> str:
        if match := _ITEM.fullmatch(path):
            return f"item.{rows[int(match[1])]}.{match[2]}"
        return f"item.{rows[0]}.price" if path.startswith("cart") and rows else path

    return _renamed(problem, at)


_ITEM = re.compile(r"cart\.items\[(\d+)\]\.(price|quantity)")
_WHOLE = re.compile(r"[0-9]{1,12}", re.ASCII)


def _priced(values: Values, rows: list[int], body: dict[str, object]) -> Iterator[FieldError]:
    """Add to a body how much is to be paid: an amount, or a cart."""
    if rows and values["amount"]:
        yield FieldError("amount", "invalid_value", "must be left out where prices are chosen: they say how much")
    elif rows:
        body["cart"] = {"items": [_item(values, row) for row in rows]}
    else:
        try:
            body["amount"] = _amount(values["amount"], values["currency"], LARGEST_AMOUNT, "the most that can be paid")
        except Problem as problem:
            yield from problem.errors


def _item(values: Values, row: int) -> Mapping[str, object]:
    quantity = values[f"item.{row}.quantity"]
    return {"price": values[f"item.{row}.price"], "quantity": int(quantity) if _WHOLE.fullmatch(quantity) else quantity}


def _amount(text: str, currency: str, most: int, why: str) -> int:
    """Read an amount that is more than nothing and at most so much."""
    if not text:
        raise _invalid("amount", "required", "is required")
    try:
        amount = money.read(text, currency)
    except ValueError as error:
        raise _invalid("amount", "invalid_format", str(error)) from None
    if not 0 < amount <= most:
        message = f"must be more than 0 and at most {money.written(most, currency)}, {why}"
        raise _invalid("amount", "out_of_range", message)
    return amount


def _switch(values: Values, name: str) -> bool:
    if values[name] not in ("", ON):
        raise _invalid(name, "invalid_value", f"must be {ON}, or be left out")
    return values[name] == ON


def _renamed(problem: Problem, at: Callable[[str], str]) -> Problem:
    errors = [FieldError(at(error.field), error.code, error.message) for error in problem.errors]
    return Problem(problem.kind, problem.detail, errors)


def _invalid(field: str, code: str, message: str) -> Problem:
    return problems.invalid([FieldError(field, code, message)])
