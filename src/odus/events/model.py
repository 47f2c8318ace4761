"""Events: the record of every change."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from odus.kit.bodies import Json
from odus.kit.permissions import Actor
from odus.kit.times import Moment

EventType = Literal[
    "customer.created",
    "customer.updated",
    "gateway_profile.created",
    "gateway_profile.updated",
    "merchant.created",
    "merchant_config.created",
    "merchant_config.updated",
    "payment.created",
    "payment.updated",
    "payment_method.created",
    "payment_method.detached",
    "payment_method.updated",
    "price.created",
    "price.updated",
    "product.created",
    "product.updated",
    "secret_key.created",
    "secret_key.revoked",
    "secret_key.rotated",
    "secret_key.updated",
    "subscription.created",
    "subscription.updated",
    "test_clock.advanced",
    "user.created",
    "user.removed",
    "user.updated",
]


class Change(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """What a field was, and what it became."""

    before: Json
    after: Json


class Event(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One change: what happened to which resource, through whom, and how the resource was afterwards."""

    id: str
    event_type: EventType
    resource: Annotated[str, Meta(description="The id of what changed.")]
    data: Annotated[msgspec.Raw, Meta(description="The object as `GET` returned it right after the change.")]
    changes: Annotated[
        dict[str, Change],
        Meta(description="Each field that changed, metadata by key (`metadata.tier`); empty for a new object."),
    ]
    actor: Actor
    request_id: Annotated[
        str | None, Meta(description="The request that caused it; null where it came from the command line or a job.")
    ]
    created_at: Moment

    @property
    def updated_at(self) -> Moment:
        """An event never changes, so this is when it was made."""
        return self.created_at


class Entry(msgspec.Struct, frozen=True):
    """An event that is yet to be written, and the merchant it is of."""

    merchant_id: str
    event: Event
