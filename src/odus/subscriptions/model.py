"""Subscriptions: what a customer is charged again and again (payments.md §5)."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit.fields import NO_NUL
from odus.kit.metadata import MetadataPatch
from odus.kit.times import Moment

MONTH_MINUTES = 43_830
"""The minutes of a month where months are to be compared with weeks: a twelfth of 365.25 days."""

Status = Literal["active", "cancelled"]
DisabledReason = Literal["latest_invoice_retrying", "recurring_payment_errored", "subscription_cancelled"]


class Subscription(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a customer is charged again and again, one cycle of its price after the other."""

    id: str
    customer: str
    price: str
    quantity: int
    payment: Annotated[str, Meta(description="The payment that it was born of, and whose options it goes on with.")]
    payment_method: Annotated[str, Meta(description="What its cycles are charged to.")]
    status: Status
    start_date: Moment
    current_period_start: Moment
    current_period_end: Annotated[Moment, Meta(description="When the next cycle is charged, and begins.")]
    current_cycle: Annotated[int, Meta(description="Counted from 1; each one up to it was charged.")]
    cancel_at_period_end: bool
    cancelled_at: Moment | None
    auto_billing_enabled: Annotated[bool, Meta(description="Whether the next cycle will be charged at its time.")]
    auto_billing_disabled_reason: Annotated[
        DisabledReason | None,
        Meta(
            description="`latest_invoice_retrying`: a charge was declined and is tried again; "
            "`recurring_payment_errored`: it came to nothing, and is not tried again; `subscription_cancelled`."
        ),
    ]
    auto_billing_disabled_detail: Annotated[
        str | None,
        Meta(description="Why the last charge came to nothing, in words: a decline with its code, a restriction."),
    ]
    next_charge_at: Annotated[Moment | None, Meta(description="When it is charged next by itself; null: not any more.")]
    next_charge_amount: Annotated[int | None, Meta(description="How much, in the minor unit of `currency`.")]
    currency: str
    metadata: dict[str, str]
    created_at: Moment
    updated_at: Moment


class MonthlyRevenue(msgspec.Struct, frozen=True):
    """What the active subscriptions of a currency bring in a month, in its minor unit, and how many there are."""

    currency: str
    amount: int
    count: int


class SubscriptionUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a subscription by itself."""

    payment_method: Annotated[str, Meta(pattern=NO_NUL)] | UnsetType = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET


class SubscriptionCancel(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """When it ends: with the period that was paid for, or now."""

    cancel_immediately: bool = False


class SubscriptionResume(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """There is nothing to say about it."""
