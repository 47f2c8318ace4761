"""Words: what the Dashboard calls the states, cards and attempts of payments."""

from collections.abc import Mapping

import msgspec

from odus.customers import activity
from odus.events.model import Event
from odus.gateways.protocol import DeclineType
from odus.kit import bodies
from odus.kit.bodies import Json
from odus.kit.problems import (
    ATTEMPT_IN_PROGRESS,
    CONFLICT,
    CUSTOMER_RESTRICTED,
    GATEWAY_TIMEOUT,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    Kind,
    Problem,
)
from odus.payments.model import DisplayStatus, Payment, Transaction

STATES: Mapping[DisplayStatus, tuple[str, str]] = {
    "unattempted": ("Unattempted", "off"),
    "incomplete": ("Incomplete", "wait"),
    "failed": ("Failed", "bad"),
    "uncaptured": ("Uncaptured", "wait"),
    "succeeded": ("Succeeded", "ok"),
    "partially_reversed": ("Partially refunded", "info"),
    "reversed": ("Refunded", "info"),
    "chargeback": ("Chargeback", "bad"),
    "cancelled": ("Cancelled", "off"),
}
"""What each state is called, and how its badge looks."""

DECLINES: Mapping[DeclineType, str] = {"soft_decline": "may work later", "hard_decline": "will not work again"}

INITIATORS = {"customer": "The customer", "merchant": "You"}

CAPTURES = {"automatic": "At once", "manual": "By you", "automaticDelayed": "By itself, later"}


def attempt(transaction: Transaction, payment: Payment) -> str:
    """Return what an attempt was for."""
    if transaction.type == "reverse":
        return "Refund" if payment.is_captured else "Release"
    return "Authorization" if transaction.type == "authorize" else "Capture"


_TOLD: Mapping[Kind, str] = {
    CONFLICT: "",
    CUSTOMER_RESTRICTED: "",
    ATTEMPT_IN_PROGRESS: "The gateway has not yet answered to what was asked before. Look again in a moment.",
    IDEMPOTENCY_IN_PROGRESS: "This was sent before, and is still under way. Look again in a moment.",
    IDEMPOTENCY_MISMATCH: "This form was sent before with something else in it. Open it again, and send it from there.",
    GATEWAY_TIMEOUT: "The gateway did not answer in time. What became of it is being asked, and stands on the page of "
    "the payment within minutes. To send this again is safe: it moves no money twice.",
}


def told(problem: Problem) -> str:
    """Return what a form says of a problem that is not about its fields. Raises again what is none of a payment's."""
    if problem.kind not in _TOLD:
        raise problem
    return _TOLD[problem.kind] or problem.detail


def telling(currency: str) -> activity.Words:
    """Return how a payment's events are told; what its page shows better is left out."""

    def tell(field: str, value: Json) -> activity.Told | None:
        if field in _UNTOLD:
            return None
        if field.startswith("amount") and isinstance(value, int):
            return activity.Sum(value, currency)
        return STATES[value][0] if field == "displayStatus" and value in STATES else activity.told(field, value)

    return activity.Words(tell, _headline)


_UNTOLD = frozenset(
    {
        "action",
        "cart",
        "checkoutUrl",
        "isCaptured",
        "isChargebacked",
        "isFullyReversed",
        "paymentMethodOptions",
        "status",
        "transactions",
    }
)


def _headline(event: Event) -> str:
    """Return how the last attempt stood; empty for an event of none."""
    if "transactions" not in event.changes:
        return ""
    after = event.changes["transactions"].after
    *_, last = msgspec.convert(after, list[Transaction], dec_hook=bodies.parse_custom)
    if last.outcome is None:
        return f"{_ATTEMPTS[last.type]} begun"
    if last.outcome.status == "success":
        return f"{_ATTEMPTS[last.type]} succeeded"
    return f"{_ATTEMPTS[last.type]} failed: {last.outcome.error_message}"


_ATTEMPTS = {"authorize": "Authorization", "capture": "Capture", "reverse": "Reversal"}
