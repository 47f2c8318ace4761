"""What can happen with secret keys."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256

import msgspec
from msgspec import UNSET

from odus.events.actions import note
from odus.kit import problems
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import CONFLICT, MISSING_PERMISSION, FieldError
from odus.kit.requests import not_found
from odus.kit.times import Moment, after, now
from odus.kit.versions import IfMatch
from odus.secret_keys import queries
from odus.secret_keys.model import (
    SecretKey,
    SecretKeyCreate,
    SecretKeyRotate,
    SecretKeyUpdate,
    SecretKeyWithValue,
    shown,
)
from odus.secret_keys.queries import Rotation

LONGEST_OVERLAP = timedelta(days=7)
PREFIX = "skey_"


async def create(write: Write, who: Principal, data: SecretKeyCreate) -> SecretKeyWithValue:
    """Make a key. Raises `validation_failed` for a permission that the maker lacks, or an expiry in the past."""
    at = now()
    errors = [*_lacking(who, data.permissions), *_past(data.expires_at, at)]
    if errors:
        raise problems.invalid(errors)
    value = new_value()
    key = SecretKey(
        id=new_id("key"),
        note=data.note,
        permissions=sorted(set(data.permissions)),
        masked_value=masked(value),
        last_used_at=None,
        expires_at=data.expires_at,
        revoked_at=None,
        created_at=at,
        updated_at=at,
    )
    await queries.insert(write, key, digest(value), note(who, "secret_key.created", None, key))
    return shown(key, value)


async def update(write: Write, who: Principal, key_id: str, data: SecretKeyUpdate, if_match: IfMatch) -> SecretKey:
    """Change a key's note or permissions. Raises as `create`, and `conflict` for a revoked key."""
    while True:
        before = await _present(write, who, key_id, if_match)
        if before.revoked_at is not None:
            raise CONFLICT("The key is revoked.")
        changed = before
        if data.note is not UNSET:
            changed = msgspec.structs.replace(changed, note=data.note)
        if data.permissions is not UNSET:
            changed = msgspec.structs.replace(changed, permissions=_granted(who, data.permissions))
        if changed == before:
            return before
        changed = msgspec.structs.replace(changed, updated_at=after(before.updated_at, now()))
        if await queries.update(write, before, changed, note(who, "secret_key.updated", before, changed)):
            return changed


async def rotate(
    write: Write, who: Principal, key_id: str, data: SecretKeyRotate, if_match: IfMatch
) -> SecretKeyWithValue:
    """Give a key a new value; the present one stays valid until `expire_current_at`.

    Raises `validation_failed` for a time more than 7 days on, or where the key holds a permission that the caller
    lacks; `conflict` for a key that is revoked or expired.
    """
    while True:
        before = await _present(write, who, key_id, if_match)
        at = now()
        if before.revoked_at is not None or (before.expires_at is not None and before.expires_at <= at):
            raise CONFLICT("The key is revoked or expired.")
        if lacking := sorted(set(before.permissions) - who.permissions):
            raise MISSING_PERMISSION(f"The key holds what the caller lacks: {', '.join(lacking)}.")
        value = new_value()
        changed = msgspec.structs.replace(before, masked_value=masked(value), updated_at=after(before.updated_at, at))
        rotation = Rotation(digest(value), _overlap(data.expire_current_at, at))
        if await queries.rotate(write, before, changed, rotation, note(who, "secret_key.rotated", before, changed)):
            return shown(changed, value)


async def revoke(write: Write, who: Principal, key_id: str, if_match: IfMatch) -> SecretKey:
    """End a key and all its values, for good; doing so again changes nothing."""
    while True:
        before = await _present(write, who, key_id, if_match)
        if before.revoked_at is not None:
            return before
        at = after(before.updated_at, now())
        changed = msgspec.structs.replace(before, revoked_at=at, updated_at=at)
        if await queries.update(write, before, changed, note(who, "secret_key.revoked", before, changed)):
            return changed


def new_value() -> str:
    """Return a new key value of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def masked(value: str) -> str:
    """Return a value as it is shown ever after."""
    return f"{PREFIX}••••{value[-4:]}"


def digest(value: str) -> bytes:
    """Return what is stored of a value. It is 256 random bits, so a plain hash cannot be turned back."""
    return sha256(value.encode()).digest()


async def _present(write: Write, who: Principal, key_id: str, if_match: IfMatch) -> SecretKey:
    key = await queries.get(write, who.merchant_id, key_id)
    if key is None:
        raise not_found()
    if_match.check(key)
    return key


def _granted(who: Principal, permissions: Iterable[str]) -> list[str]:
    """Return permissions in order and once each; raises for any that `who` lacks."""
    errors = _lacking(who, permissions)
    if errors:
        raise problems.invalid(errors)
    return sorted(set(permissions))


def _lacking(who: Principal, permissions: Iterable[str]) -> list[FieldError]:
    """Return what is wrong with granting permissions: a key can grant none that it lacks (api.md §2)."""
    lacking = sorted(set(permissions) - who.permissions)
    message = f"cannot be granted by a key that lacks {', '.join(lacking)}"
    return [FieldError("permissions", "invalid_value", message)] if lacking else []


def _past(expires_at: Moment | None, at: Moment) -> list[FieldError]:
    is_past = expires_at is not None and expires_at <= at
    return [FieldError("expiresAt", "out_of_range", "must be in the future")] if is_past else []


def _overlap(expire_at: Moment | None, at: Moment) -> Moment:
    if expire_at is None:
        return at
    if not at <= expire_at <= at + LONGEST_OVERLAP:
        raise problems.invalid([FieldError("expireCurrentAt", "out_of_range", "must be from now to 7 days on")])
    return expire_at
