"""Forms: what can be done with a subscription or the test clock as fields, and what was typed as what actions take."""

from datetime import timedelta
from typing import Literal

from odus.kit import bodies, problems
from odus.kit.edits import Values
from odus.kit.pages import Form
from odus.kit.problems import FieldError, Problem
from odus.kit.times import Moment
from odus.subscriptions.model import SubscriptionCancel, SubscriptionUpdate
from odus.subscriptions.record import Record

Move = Literal["cancel", "resume", "card"]

ON = "on"
CLEAR = SubscriptionUpdate(metadata=None)
STEPS = {"A day": 1, "A week": 7, "A month": 31, "A year": 366}
"""How far the form of the test clock offers to go, in days; a little more than the longest month and year."""

read_update = bodies.decoder(SubscriptionUpdate)


def moves(record: Record) -> frozenset[Move]:
    """Return what can be done with a subscription now."""
    if record.status == "cancelled":
        return frozenset()
    is_held = record.cancel_at_period_end or record.disabled_reason is not None
    return frozenset({"cancel", "card", "resume"} if is_held else {"cancel", "card"})


def shown(move: Move, record: Record) -> dict[str, str]:
    """Return what a form holds at first; one that ends with its period already can only be ended now."""
    match move:
        case "cancel":
            return {"cancelImmediately": ON if record.cancel_at_period_end else ""}
        case "card":
            return {"paymentMethod": record.payment_method}
        case "resume":
            return {}


def typed(move: Move, form: Form, record: Record) -> dict[str, str]:
    """Return what was typed."""
    return {name: form.text(name) for name in shown(move, record)}


def cancel(values: Values) -> SubscriptionCancel:
    """Read when it ends. Raises `validation_failed`, as all of these do."""
    if values["cancelImmediately"] not in ("", ON):
        raise _invalid("cancelImmediately", "invalid_value", f"must be {ON}, or be left out")
    return SubscriptionCancel(cancel_immediately=values["cancelImmediately"] == ON)


def card(values: Values) -> SubscriptionUpdate:
    """Read what is charged from now on."""
    return read_update(bodies.encode(values))


def moment(text: str) -> Moment:
    """Read a moment as a browser's field for one gives it, in UTC."""
    try:
        return Moment.parse(f"{text}Z")
    except ValueError:
        raise _invalid("to", "invalid_format", "must be a day and a time such as 2027-05-31T09:30") from None


def later(at: Moment, days: int) -> str:
    """Return a moment so many days later as a browser's field for one takes it."""
    return (at + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def _invalid(field: str, code: str, message: str) -> Problem:
    return problems.invalid([FieldError(field, code, message)])
