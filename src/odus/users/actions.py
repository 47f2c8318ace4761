"""What can happen with users."""

import asyncio
import secrets

import asyncpg
import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import UNSET

from odus.events.actions import note
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import CONFLICT
from odus.kit.requests import not_found
from odus.kit.times import after, now
from odus.kit.versions import IfMatch
from odus.users import queries
from odus.users.model import User, UserCreate, UserUpdate

_HASHER = PasswordHasher()
"""Argon2id with the library's defaults, which follow RFC 9106's second recommendation."""


async def create(write: Write, who: Principal, data: UserCreate) -> User:
    """Make a user. Raises `conflict` where another user has the email."""
    at = now()
    user = User(
        id=new_id("usr"),
        email=data.email,
        role=data.role,
        first_name=data.first_name,
        last_name=data.last_name,
        username=data.username,
        password_changed_at=at,
        removed_at=None,
        created_at=at,
        updated_at=at,
    )
    hashed = await hash_of(data.password)
    try:
        async with write.transaction() as transaction:
            await queries.insert(transaction, user, hashed, note(who, "user.created", None, user))
    except asyncpg.UniqueViolationError:
        raise _taken() from None
    return user


async def update(write: Write, who: Principal, user_id: str, data: UserUpdate, if_match: IfMatch) -> User:
    """Change what is sent. Raises `conflict` for a taken email, a removed user, and for the last admin's role."""
    hashed = None if data.password is UNSET else await hash_of(data.password)
    sent = {
        name: value
        for name in data.__struct_fields__
        if name != "password" and (value := getattr(data, name)) is not UNSET
    }
    try:
        while True:
            async with write.transaction() as transaction:
                demotes = sent.get("role", "admin") != "admin"
                before = await _present(transaction, who, user_id, if_match, keeps_admin=demotes)
                changed = msgspec.structs.replace(before, **sent)
                if changed == before and hashed is None:
                    return before
                at = after(before.updated_at, now())
                changed = msgspec.structs.replace(
                    changed,
                    updated_at=at,
                    password_changed_at=before.password_changed_at if hashed is None else at,
                )
                entry = note(who, "user.updated", before, changed)
                if await queries.update(transaction, before, changed, hashed, entry):
                    return changed
    except asyncpg.UniqueViolationError:
        raise _taken() from None


async def remove(write: Write, who: Principal, user_id: str, if_match: IfMatch) -> User:
    """End a user's access for good, and all sessions. Raises `conflict` for the last admin."""
    while True:
        async with write.transaction() as transaction:
            before = await queries.get(transaction, who.merchant_id, user_id)
            if before is not None and before.removed_at is not None:
                return before
            before = await _present(transaction, who, user_id, if_match, keeps_admin=True)
            at = after(before.updated_at, now())
            changed = msgspec.structs.replace(before, removed_at=at, updated_at=at)
            if await queries.update(transaction, before, changed, None, note(who, "user.removed", before, changed)):
                return changed


def hash_of_nothing() -> str:
    """Return a hash that no password has been told of."""
    return _HASHER.hash(secrets.token_urlsafe(32))


async def hash_of(password: str) -> str:
    """Return what is stored of a password; it takes some 50 ms, so not on the event loop."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def is_password(password_hash: str, password: str) -> bool:
    """Tell whether a password is the one that was hashed."""
    try:
        return await asyncio.to_thread(_HASHER.verify, password_hash, password)
    except VerificationError:
        return False


async def _present(write: Write, who: Principal, user_id: str, if_match: IfMatch, *, keeps_admin: bool) -> User:
    """Return a user who is not removed; `keeps_admin` where the change would cost it the admin's role."""
    admins = await queries.lock_admins(write, who.merchant_id) if keeps_admin else []
    user = await queries.locked(write, who.merchant_id, user_id)
    if user is None:
        raise not_found()
    if_match.check(user)
    if user.removed_at is not None:
        raise CONFLICT("The user is removed.")
    if admins == [user.id]:
        raise CONFLICT("This is the last admin; make another one first.")
    return user


def _taken() -> Exception:
    return CONFLICT("Another user has this email.")
