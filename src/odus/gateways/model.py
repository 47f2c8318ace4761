"""Gateway profiles: what a merchant's payments run through (payments.md §1)."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit.fields import NO_NUL
from odus.kit.times import Moment

Integration = Literal["sandbox"]
Environment = Literal["test", "live"]
Title = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_NUL)]


class GatewayProfile(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One way to run payments. What its integration keeps to itself is not shown."""

    id: Annotated[str, Meta(description="`gwp_` and 27 characters.")]
    title: str
    integration: Annotated[
        Integration, Meta(description="`sandbox` is built in, answers by card number, and moves no money.")
    ]
    environment: Annotated[Environment, Meta(description="The merchant's own.")]
    created_at: Moment
    updated_at: Moment


class GatewayProfileCreate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a new profile is made of; the environment is the merchant's, said or not."""

    title: Title
    integration: Integration
    environment: Environment | UnsetType = UNSET


class GatewayProfileUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a profile."""

    title: Title | UnsetType = UNSET
