"""Payment methods: the cards that a customer's payments saved (payments.md §3)."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit.metadata import MetadataPatch
from odus.kit.times import Moment


class SavedCard(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is kept of a card: what its holder knows it by."""

    brand: Annotated[str, Meta(description="Such as `visa`, `mastercard`, `amex` or `discover`.")]
    last_four: str
    exp_month: Annotated[str, Meta(description="Two digits.")]
    exp_year: Annotated[str, Meta(description="Four digits.")]
    cardholder_name: str | None


class PaymentMethod(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A saved way to pay of one customer."""

    id: str
    type: Literal["card"]
    customer: str
    is_default: Annotated[
        bool,
        Meta(description="Whether the Dashboard offers it first; one of each customer's is."),
    ]
    card: SavedCard
    metadata: dict[str, str]
    detached_at: Annotated[
        Moment | None, Meta(description="When it was taken from its customer, for good; null while it can be used.")
    ]
    created_at: Moment
    updated_at: Moment


class PaymentMethodUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a payment method."""

    is_default: Annotated[
        bool | UnsetType,
        Meta(description="`true` makes it the default, in place of the present one; a default is not taken away."),
    ] = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET


class PaymentMethodDetach(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """There is nothing to say about it."""


class Token(msgspec.Struct, frozen=True):
    """What a gateway charges a payment method by."""

    gateway_profile: str
    value: str
    fingerprint: str
