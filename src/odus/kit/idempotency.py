"""Idempotency: a request that is sent again is answered again, and done once (api.md §7)."""

import hmac
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from odus.kit import problems
from odus.kit.db import Write
from odus.kit.permissions import Mark, Principal
from odus.kit.problems import FieldError, Problem
from odus.kit.times import everywhere

KEPT_FOR = timedelta(days=30)
LONGEST_KEY = 255
TIDY_BATCH = 1000
"""Records that are dropped in one transaction."""
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


def fingerprint(method: str, path: str, body: bytes, secret: bytes = b"") -> bytes:
    """Return what tells one request from another.

    Where the body holds a password it is keyed with the caller's own secret, which is not stored: nobody can try
    passwords on what is kept.
    """
    text = b"\n".join([method.encode(), path.encode(), body])
    return hmac.digest(secret, text, "sha256") if secret else sha256(text).digest()


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
            everywhere(),
        )
        return answer


async def around(write: Write, attempt: Attempt, run: Callable[[Write], Awaitable[Answer]]) -> Answer:
    """Answer a request with an idempotency key that asks somebody else, so that no transaction may last through it.

    What it does, it knows again by its `mark`: it is run anew where its answer was not written down, and finds what
    the first time did. Raises `idempotency_mismatch`.
    """
    if (stored := await _stored(write, attempt)) is not None:
        return stored
    answer = await _answered(write, attempt, run)
    at = everywhere()
    values = (attempt.fingerprint, answer.status, answer.body, answer.etag, False, at, at - KEPT_FOR)
    await write.run(_INSERT_FIRST, *_scope(attempt), *values)
    return answer


def mark(attempt: Attempt) -> Mark:
    """Return what a request is known by in what it does."""
    scope = "\n".join(_scope(attempt))
    return Mark(sha256(scope.encode()).hexdigest()[:32], attempt.fingerprint.hex()[:32])


async def tidy(write: Write) -> None:
    """Drop the records that no longer count, a batch at a time."""
    while await write.count(_TIDY, everywhere() - KEPT_FOR, TIDY_BATCH) == TIDY_BATCH:
        pass


async def _run(transaction: Write, attempt: Attempt, run: Callable[[Write], Awaitable[Answer]]) -> Answer:
    try:
        async with transaction.transaction():
            return await run(transaction)
    except Problem as problem:
        return _kept(problem, attempt)


async def _answered(write: Write, attempt: Attempt, run: Callable[[Write], Awaitable[Answer]]) -> Answer:
    try:
        return await run(write)
    except Problem as problem:
        return _kept(problem, attempt)


def _kept(problem: Problem, attempt: Attempt) -> Answer:
    """Return the answer that is kept of a problem; raises again one that says nothing was tried."""
    kind = problem.kind
    is_passing = kind.status in NOT_KEPT or kind.status >= 500 or kind.headers  # noqa: PLR2004 - our own errors
    if is_passing or kind is problems.IDEMPOTENCY_MISMATCH:
        raise problem
    return Answer(kind.status, problem.body(attempt.who.request_id))


async def _stored(transaction: Write, attempt: Attempt) -> Answer | None:
    row = await transaction.row(_SELECT, *_scope(attempt), everywhere() - KEPT_FOR)
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

_INSERT_FIRST = f"{_INSERT} where idempotency_records.created_at <= $10"
"""The same, but what came first stays while it is kept."""

# What another process is about to use again is left to it.
_TIDY = """
with gone as (
    delete from idempotency_records where (merchant_id, actor_id, key) in (
        select merchant_id, actor_id, key from idempotency_records where created_at <= $1
        order by created_at limit $2 for update skip locked
    )
    returning key
)
select count(*) from gone
"""
