"""Sessions: signing in to the Dashboard, being known there, and signing out (dashboard.md §1)."""

import secrets
from datetime import timedelta
from hashlib import sha256

import msgspec

from odus.kit.db import Database, Write
from odus.kit.folding import fold
from odus.kit.permissions import Actor, Principal
from odus.kit.problems import TOO_MANY_REQUESTS
from odus.kit.times import Moment, now
from odus.users import actions, queries
from odus.users.model import ROLES
from odus.users.queries import Visitor

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
WINDOW = timedelta(minutes=15)
"""How long a failed sign-in counts."""
MOST_FOR_ACCOUNT = 10
MOST_FOR_ADDRESS = 100
"""Failures within the window: of one email, and from one address, behind which many people may sit."""

_NOBODY = actions.hash_of_nothing()
"""A hash to check against where nobody has the email, so that the answer takes as long as for somebody."""


class Entered(msgspec.Struct, frozen=True):
    """A session that has just begun: the value of its cookie, and whose it is."""

    token: str
    merchant_id: str
    user_id: str


async def sign_in(database: Database, email: str, password: str, address: str) -> Entered | None:
    """Begin a session; None where email and password are not those of a user, whichever it is.

    Raises `too_many_requests` after too many failures of this account, or from this address.
    """
    at = now()
    subjects = [_subject("account", fold(email)), _subject("address", address)]
    await _count_try(database.write, subjects, at)
    found = None if "\0" in email else await queries.signing(database.read, email)
    is_right = await actions.is_password(found.password_hash if found else _NOBODY, password)
    token = secrets.token_urlsafe(32)
    if found is None or not is_right or not await queries.begin_session(database.write, found, _digest(token), at):
        return None
    await queries.forgive(database.write, subjects, at)
    return Entered(token, found.merchant_id, found.user.id)


async def _count_try(write: Write, subjects: list[bytes], at: Moment) -> None:
    """Count a try as failed before it is made, so that many at once are no more than one after the other."""
    async with write.transaction() as transaction:
        await queries.lock_subjects(transaction, subjects)
        failures = await queries.failures(transaction, subjects, Moment.of(at - WINDOW))
        if any(failures.get(subject, 0) >= most for subject, most in zip(subjects, _MOST, strict=True)):
            raise TOO_MANY_REQUESTS("Too many tries: wait a quarter of an hour, then try again.")
        await queries.fail(transaction, subjects, at)


_MOST = (MOST_FOR_ACCOUNT, MOST_FOR_ADDRESS)


async def visitor(database: Database, token: str) -> Visitor | None:
    """Return whose session a cookie is; None where it ended."""
    at = now()
    digest = _digest(token)
    found = await queries.visitor(database.read, digest, Moment.of(at - LONGEST), Moment.of(at - IDLE))
    minute = at.replace(second=0, microsecond=0)
    if found is not None and found.seen_at < minute:
        await queries.see(database.write, digest, at)
    return found


async def sign_out(write: Write, token: str) -> None:
    """End a session."""
    await queries.end_session(write, _digest(token))


async def tidy(write: Write) -> None:
    """Drop what ended by itself."""
    at = now()
    await queries.forget(write, Moment.of(at - LONGEST), Moment.of(at - IDLE), Moment.of(at - WINDOW))


def principal(visitor: Visitor, request_id: str) -> Principal:
    """Return who acts when a visitor does: what the role may do."""
    return Principal(
        merchant_id=visitor.merchant_id,
        actor=Actor("user", visitor.user.id),
        permissions=ROLES[visitor.user.role],
        request_id=request_id,
        clock=visitor.clock,
    )


def _digest(token: str) -> bytes:
    """Return what is stored of a token: it is 256 random bits, so a plain hash cannot be turned back."""
    return sha256(token.encode()).digest()


def _subject(kind: str, value: str) -> bytes:
    return sha256(f"{kind}:{value}".encode()).digest()
