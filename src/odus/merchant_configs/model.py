"""Merchants' configurations: what holds for a merchant's payments unless they say otherwise (payments.md §1 and §4)."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit.fields import Currency, Text255, Timezone
from odus.kit.times import Moment

CaptureMethod = Literal["automatic", "manual", "automaticDelayed"]
CaptureDelay = Annotated[int, Meta(ge=1, le=5)]


class MerchantConfig(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What holds for a merchant's payments unless they say otherwise; each merchant has one."""

    id: Annotated[str, Meta(description="`mcfg_` and 27 characters.")]
    gateway_profile: Annotated[
        str | None, Meta(description="What payments run through; null where there is nothing yet.")
    ]
    capture_method: Annotated[CaptureMethod, Meta(description="When an authorized payment is captured.")]
    capture_delay: Annotated[int | None, Meta(description="Days, with `automaticDelayed` alone.")]
    timezone: Annotated[str, Meta(description="An IANA name.")]
    display_currency: Annotated[str, Meta(description="What sums are shown in; ISO 4217, in small letters.")]
    created_at: Moment
    updated_at: Moment


class MerchantConfigUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a configuration; a field that is not sent stays."""

    gateway_profile: Text255 | UnsetType | None = UNSET
    capture_method: CaptureMethod | UnsetType = UNSET
    capture_delay: CaptureDelay | UnsetType | None = UNSET
    timezone: Timezone | UnsetType = UNSET
    display_currency: Currency | UnsetType = UNSET
