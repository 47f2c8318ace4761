"""Users: the merchant's people, who sign in to the Dashboard (dashboard.md §1)."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit.fields import NO_NUL, Email, Password, Text255
from odus.kit.permissions import Permission
from odus.kit.times import Moment

Role = Literal["admin", "developer", "supportAgent"]

ROLES: dict[Role, frozenset[str]] = {
    "admin": frozenset(Permission),
    "developer": frozenset(Permission) - {Permission.USER_READ, Permission.USER_UPDATE},
    "supportAgent": frozenset(
        {
            Permission.CUSTOMER_READ,
            Permission.PAYMENT_READ,
            Permission.PAYMENT_METHOD_READ,
            Permission.SUBSCRIPTION_READ,
        }
    ),
}
"""What each role may do, in the words of the keys' permissions."""

ROLE_NAMES: dict[Role, str] = {"admin": "Admin", "developer": "Developer", "supportAgent": "Support agent"}
"""What each role is called."""

Username = Annotated[str, Meta(min_length=1, max_length=20, pattern=NO_NUL)]


class User(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A person of the merchant's."""

    id: str
    email: Annotated[str, Meta(description="What the person signs in with; no two users have the same.")]
    role: Role
    first_name: str | None
    last_name: str | None
    username: str | None
    password_changed_at: Moment
    removed_at: Annotated[Moment | None, Meta(description="When the person lost access, for good.")]
    created_at: Moment
    updated_at: Moment

    @property
    def name(self) -> str:
        """What the person is called."""
        return " ".join(filter(None, (self.first_name, self.last_name))) or self.username or self.email


class UserCreate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a new user is made of."""

    email: Email
    password: Password
    role: Role
    first_name: Text255 | None = None
    last_name: Text255 | None = None
    username: Username | None = None


class UserUpdate(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What may change on a user; a new password ends all sessions."""

    email: Email | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    first_name: Text255 | UnsetType | None = UNSET
    last_name: Text255 | UnsetType | None = UNSET
    username: Username | UnsetType | None = UNSET


class UserRemove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body without fields."""
