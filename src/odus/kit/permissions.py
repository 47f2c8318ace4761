"""Permissions: what a secret key, and later a person's role, may do; and who acts."""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

import msgspec


class Permission(StrEnum):
    """What a key or a person may do. `_UPDATE` covers create and update, and implies `_READ`."""

    CUSTOMER_READ = "CUSTOMER_READ"
    CUSTOMER_UPDATE = "CUSTOMER_UPDATE"
    CUSTOMER_DELETE = "CUSTOMER_DELETE"
    PAYMENT_READ = "PAYMENT_READ"
    PAYMENT_UPDATE = "PAYMENT_UPDATE"
    PAYMENT_METHOD_READ = "PAYMENT_METHOD_READ"
    PAYMENT_METHOD_UPDATE = "PAYMENT_METHOD_UPDATE"
    SUBSCRIPTION_READ = "SUBSCRIPTION_READ"
    SUBSCRIPTION_UPDATE = "SUBSCRIPTION_UPDATE"
    PRODUCT_READ = "PRODUCT_READ"
    PRODUCT_UPDATE = "PRODUCT_UPDATE"
    SECRET_KEY_READ = "SECRET_KEY_READ"  # noqa: S105 - the name of a permission
    SECRET_KEY_UPDATE = "SECRET_KEY_UPDATE"  # noqa: S105 - the name of a permission
    USER_READ = "USER_READ"
    USER_UPDATE = "USER_UPDATE"
    WEBHOOK_SUBSCRIBER_READ = "WEBHOOK_SUBSCRIBER_READ"
    WEBHOOK_SUBSCRIBER_UPDATE = "WEBHOOK_SUBSCRIBER_UPDATE"
    EVENT_READ = "EVENT_READ"
    MERCHANT_CONFIG_READ = "MERCHANT_CONFIG_READ"
    MERCHANT_CONFIG_UPDATE = "MERCHANT_CONFIG_UPDATE"


def effective(granted: list[str]) -> frozenset[str]:
    """Return the permissions that a grant amounts to, the implied ones included."""
    implied = {name.removesuffix("_UPDATE") + "_READ" for name in granted if name.endswith("_UPDATE")}
    return frozenset(granted) | implied


class Actor(msgspec.Struct, frozen=True):
    """Who caused a change, as events show it."""

    type: Literal["secretKey", "user", "system"]
    id: str


class Mark(msgspec.Struct, frozen=True):
    """What a request that may be sent again is known by, and what it asks; neither tells what it holds."""

    request: str
    fingerprint: str


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request: for which merchant, with which effective permissions, under which request id."""

    merchant_id: str
    actor: Actor
    permissions: frozenset[str]
    request_id: str
    clock: timedelta = timedelta()
    """How far the merchant's clock is ahead, which only one in the test environment's can be."""
    mark: Mark | None = None
    """What the request can be known again by; None where it names no `Idempotency-Key`."""


def system(merchant_id: str, name: str, clock: timedelta = timedelta()) -> Principal:
    """Return who acts where nobody asked: a job, a command. It may do everything for its merchant."""
    return Principal(
        merchant_id=merchant_id,
        actor=Actor("system", name),
        permissions=frozenset(Permission),
        request_id="",
        clock=clock,
    )


def clock_for(who: Principal, permission: Permission | None) -> timedelta:
    """Return how far ahead an operation happens: what guards a door goes by everybody's clock."""
    guards = permission is not None and permission.value.startswith(("SECRET_KEY", "USER"))
    return timedelta() if guards else who.clock
