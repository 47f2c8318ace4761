"""Secret keys: what a merchant's server shows with each request (api.md §2)."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit.fields import NO_NUL
from odus.kit.permissions import Permission
from odus.kit.times import Moment

Note = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_NUL)]
Permissions = Annotated[list[Permission], Meta(min_length=1, max_length=len(Permission))]


class SecretKey(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A key as it is seen after its creation: its value masked."""

    id: str
    note: str
    permissions: list[str]
    masked_value: Annotated[
        str, Meta(description="The value, all but its last four characters hidden: `skey_••••1a2b`.")
    ]
    last_used_at: Annotated[
        Moment | None,
        Meta(description="When it last made a request, to the minute; not part of the version that `ETag` names."),
    ]
    expires_at: Annotated[Moment | None, Meta(description="When it ends by itself.")]
    revoked_at: Annotated[Moment | None, Meta(description="When it was ended.")]
    created_at: Moment
    updated_at: Moment


class SecretKeyWithValue(SecretKey, frozen=True, rename="camel", kw_only=True):
    """A key in the one answer that shows its value."""

    value: Annotated[str, Meta(description="`skey_` and 43 characters, shown in this answer alone.")]


class SecretKeyCreate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a new key is made of. It can be granted no permission that the key that makes it lacks."""

    note: Note
    permissions: Permissions
    expires_at: Moment | None = None


class SecretKeyUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a key."""

    note: Note | UnsetType = UNSET
    permissions: Permissions | UnsetType = UNSET


class SecretKeyRotate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How long the present value stays valid beside the new one: until now by default, at most 7 days on."""

    expire_current_at: Moment | None = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body without fields."""


def shown(key: SecretKey, value: str) -> SecretKeyWithValue:
    """Return a key together with its value."""
    return SecretKeyWithValue(**msgspec.structs.asdict(key), value=value)
