"""Words: what the Dashboard calls the states of subscriptions, and how it tells what happened to them."""

from collections.abc import Mapping

from odus.customers.activity import Sum, Told, Words, told
from odus.kit.bodies import Json
from odus.subscriptions.model import DisabledReason, Subscription

STATES: Mapping[str, tuple[str, str]] = {
    "active": ("Active", "ok"),
    "cancelling": ("Cancels on", "wait"),
    "retrying": ("Retrying", "wait"),
    "stopped": ("Stopped", "bad"),
    "cancelled": ("Cancelled", "off"),
}
"""What each state is called, and how its badge looks; the day on which it ends follows `Cancels on`."""

REASONS: Mapping[DisabledReason, str] = {
    "latest_invoice_retrying": "The charge of the next cycle was declined, and is tried again",
    "recurring_payment_errored": "The next cycle could not be charged, and is not tried again",
    "subscription_cancelled": "The subscription is cancelled",
}
"""Why the next cycle is not charged at its time."""


def state(subscription: Subscription) -> str:
    """Return which of `STATES` a subscription is in."""
    if subscription.status == "cancelled":
        return "cancelled"
    if subscription.auto_billing_disabled_reason is None:
        return "cancelling" if subscription.cancel_at_period_end else "active"
    return "retrying" if subscription.auto_billing_disabled_reason == "latest_invoice_retrying" else "stopped"


def telling(currency: str) -> Words:
    """Return how a subscription's events are told; what says the same in other fields is left out."""

    def tell(field: str, value: Json) -> Told | None:
        if field in _UNTOLD:
            return None
        if field == "nextChargeAmount" and isinstance(value, int):
            return Sum(value, currency)
        return _VALUES[value] if field in _CHOICES and isinstance(value, str) else told(field, value)

    return Words(tell)


_UNTOLD = frozenset({"autoBillingEnabled", "currentPeriodStart", "currentPeriodEnd"})
_CHOICES = frozenset({"status", "autoBillingDisabledReason"})
_VALUES: Mapping[str, str] = {"active": "Active", "cancelled": "Cancelled", **REASONS}
