"""Idempotency: a request that is sent again is answered again, and done once (api.md §7)."""

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from odus.kit import problems
from odus.kit.db import Write
from odus.kit.permissions import Principal
from odus.kit.problems import FieldError, Problem
from odus.kit.times import now

KEPT_FOR = timedelta(days=30)
LONGEST_KEY = 255
NOT_KEPT = frozenset({400, 401, 403, 429})
"""Answers that say nothing was tried: the same key may be used again once the request is right."""


class Answer(msgspec.Struct, frozen=True):
    """A status and a body that are ready to be sent; `replayed` when they were sent before."""

    status: int
    body: bytes
    etag: str | None = None
    replayed: bool = False


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A request with an `Idempotency-Key`; `seal` is the caller's own secret where the answer holds one, else empty."""

    who: Principal
    key: str
    fingerprint: bytes
    seal: bytes = b""


def check_key(key: str) -> str:
    """Return the header's value, or raise `validation_failed`."""
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        message = f"must be 1 to {LONGEST_KEY} printable ASCII characters"
        raise problems.invalid([FieldError("Idempotency-Key", "invalid_format", message)])
    return key


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """Return what tells one request from another."""
    return sha256(b"\n".join([method.encode(), path.encode(), body])).digest()


async def once(write: Write, attempt: Attempt, run: Callable[[Write], Awaitable[Answer]]) -> Answer:
    """Answer a request with an idempotency key: the first time by running it, later by what the first time gave.

    The record commits in the transaction of the change. Raises `idempotency_in_progress` while another request holds
    the key (told by an advisory lock, which PostgreSQL drops with its transaction, however that ends) and
    `idempotency_mismatch`.
    """
    async with write.transaction() as transaction:
        if not await transaction.count(_LOCK, "\n".join(_scope(attempt))):
            raise problems.IDEMPOTENCY_IN_PROGRESS("A request with this Idempotency-Key is still running.")
        if (stored := await _stored(transaction, attempt)) is not None:
            return stored
        answer = await _run(transaction, attempt, run)
        sealed = _seal(answer.body, attempt.seal) if attempt.seal else answer.body
        await transaction.run(
            _INSERT,
            *_scope(attempt),
            attempt.fingerprint,
            answer.status,
            sealed,
            answer.etag,
            bool(attempt.seal),
            now(),
        )
        return answer


async def _run(transaction: Write, attempt: Attempt, run: Callable[[Write], Awaitable[Answer]]) -> Answer:
    try:
        async with transaction.transaction():
            return await run(transaction)
    except Problem as problem:
        if problem.kind.status in NOT_KEPT or problem.kind.status >= 500:  # noqa: PLR2004 - HTTP's class of our own errors
            raise
        return Answer(problem.kind.status, problem.body(attempt.who.request_id))


async def _stored(transaction: Write, attempt: Attempt) -> Answer | None:
    row = await transaction.row(_SELECT, *_scope(attempt), now() - KEPT_FOR)
    if row is None:
        return None
    if row["fingerprint"] != attempt.fingerprint:
        raise problems.IDEMPOTENCY_MISMATCH("This Idempotency-Key was used for another request.")
    body = _unseal(row["body"], attempt.seal) if row["sealed"] else row["body"]
    return Answer(row["status"], body, row["etag"], replayed=True)


def _scope(attempt: Attempt) -> tuple[str, str, str]:
    return attempt.who.merchant_id, attempt.who.actor.id, attempt.key


def _seal(body: bytes, secret: bytes) -> bytes:
    """Encrypt an answer that shows a secret, so that only who was shown it can be shown it again."""
    nonce = os.urandom(12)
    return nonce + AESGCM(sha256(b"odus idempotency\n" + secret).digest()).encrypt(nonce, body, None)


def _unseal(sealed: bytes, secret: bytes) -> bytes:
    try:
        return AESGCM(sha256(b"odus idempotency\n" + secret).digest()).decrypt(sealed[:12], sealed[12:], None)
    except InvalidTag:
        detail = "The first answer shows a secret, and only the key value that asked for it can be shown it again."
        raise problems.CONFLICT(detail) from None


_LOCK = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))::int"

_SELECT = """
select fingerprint, status, body, etag, sealed from idempotency_records
where merchant_id = $1 and actor_id = $2 and key = $3 and created_at > $4
"""

_INSERT = """
insert into idempotency_records (merchant_id, actor_id, key, fingerprint, status, body, etag, sealed, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (merchant_id, actor_id, key) do update set
    fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body, etag = excluded.etag,
    sealed = excluded.sealed, created_at = excluded.created_at
"""
