"""Every SQL statement on users, their sessions and failed sign-ins."""

from datetime import datetime, timedelta
from typing import LiteralString, get_args

import asyncpg
import msgspec

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import folding, kinds
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Field
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment
from odus.users.model import Role, User


class Signing(msgspec.Struct, frozen=True):
    """Who signs in with an email, and the hash of the password that is needed for it."""

    merchant_id: str
    user: User
    password_hash: str


class Visitor(msgspec.Struct, frozen=True):
    """Whose session it is, and of which merchant."""

    merchant_id: str
    merchant_name: str
    environment: str
    user: User
    seen_at: datetime
    clock: timedelta
    """How far the merchant's clock is ahead."""


async def get(read: Read, merchant_id: str, user_id: str) -> User | None:
    """Return one user."""
    row = await read.row(f"select {_COLUMNS} from users where merchant_id = $1 and id = $2", merchant_id, user_id)
    return None if row is None else _user(row)


async def locked(write: Write, merchant_id: str, user_id: str) -> User | None:
    """Return one user, whom nobody changes and who begins no session until the transaction ends."""
    sql = f"select {_COLUMNS} from users where merchant_id = $1 and id = $2 for update"
    row = await write.row(sql, merchant_id, user_id)
    return None if row is None else _user(row)


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[User]:
    """Return the users that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _user)


async def named(read: Read, merchant_id: str, user_ids: list[str]) -> dict[str, User]:
    """Return users by their ids."""
    sql = f"select {_COLUMNS} from users where merchant_id = $1 and id = any($2)"
    return {row["id"]: _user(row) for row in await read.rows(sql, merchant_id, user_ids)}


async def signing(read: Read, email: str) -> Signing | None:
    """Return who signs in with an email; None where nobody does."""
    sql = f"select merchant_id, password_hash, {_COLUMNS} from users where email_search = $1 and removed_at is null"
    row = await read.row(sql, folding.fold(email))
    return None if row is None else Signing(row["merchant_id"], _user(row), row["password_hash"])


async def insert(write: Write, user: User, password_hash: str, entry: Entry) -> None:
    """Add a user, and its event; raises `UniqueViolationError` where the email is taken."""
    values = (user.id, *_values(user), password_hash, user.created_at)
    await events.write_with(write, entry, _INSERT, *values)


async def update(write: Write, before: User, after: User, password_hash: str | None, entry: Entry) -> bool:
    """Write a user's new version over the version `before`; False where that version is no more.

    A new password, and a removal, end all sessions.
    """
    ends = password_hash is not None or after.removed_at is not None
    values = (after.id, *_values(after), password_hash, before.updated_at, ends)
    return await events.write_with(write, entry, _UPDATE, *values, besides=_END_SESSIONS)


async def lock_admins(write: Write, merchant_id: str) -> list[str]:
    """Return the ids of all admins, whose roles nobody changes until the transaction ends."""
    sql = """
        select id from users where merchant_id = $1 and role = 'admin' and removed_at is null order by id for update
    """
    return [row["id"] for row in await write.rows(sql, merchant_id)]


async def begin_session(write: Write, signing: Signing, digest: bytes, at: Moment) -> bool:
    """Add a session; False where the person was removed meanwhile, or has another password by now."""
    arguments = (signing.merchant_id, signing.user.id, signing.password_hash, digest, at)
    return bool(await write.count(_BEGIN_SESSION, *arguments))


async def visitor(read: Read, digest: bytes, created_after: Moment, seen_after: Moment) -> Visitor | None:
    """Return whose session it is, of those begun and seen after two moments."""
    row = await read.row(_VISITOR, digest, created_after, seen_after)
    if row is None:
        return None
    return Visitor(
        row["merchant_id"],
        row["merchant_name"],
        row["environment"],
        _user(row),
        row["seen_at"],
        row["clock_offset"],
    )


async def see(write: Write, digest: bytes, at: Moment) -> None:
    """Note that a session was used."""
    await write.run("update sessions set seen_at = $2 where digest = $1", digest, at)


async def end_session(write: Write, digest: bytes) -> None:
    """End a session."""
    await write.run("delete from sessions where digest = $1", digest)


async def lock_subjects(write: Write, subjects: list[bytes]) -> None:
    """Wait until nobody else counts the tries of these, and let nobody until the transaction ends."""
    keys = [int.from_bytes(subject[:8], signed=True) for subject in subjects]
    await write.run("select pg_advisory_xact_lock(key) from (select unnest($1::bigint[]) as key order by 1) as k", keys)


async def failures(read: Read, subjects: list[bytes], since: Moment) -> dict[bytes, int]:
    """Return how often signing in failed for each of these since a moment."""
    sql = "select subject, count(*) from sign_in_failures where subject = any($1) and failed_at > $2 group by subject"
    return {row["subject"]: row["count"] for row in await read.rows(sql, subjects, since)}


async def fail(write: Write, subjects: list[bytes], at: Moment) -> None:
    """Note that signing in failed for these."""
    await write.run("insert into sign_in_failures (subject, failed_at) select unnest($1::bytea[]), $2", subjects, at)


async def forgive(write: Write, subjects: list[bytes], at: Moment) -> None:
    """Take back that signing in failed for these at a moment."""
    await write.run("delete from sign_in_failures where subject = any($1) and failed_at = $2", subjects, at)


async def forget(write: Write, created_before: Moment, seen_before: Moment, failed_before: Moment) -> None:
    """Drop the sessions that ended by themselves, and failures that count no more."""
    await write.run("delete from sessions where created_at < $1 or seen_at < $2", created_before, seen_before)
    await write.run("delete from sign_in_failures where failed_at < $1", failed_before)


_COLUMNS: LiteralString = (
    "id, email, role, first_name, last_name, username, password_changed_at, removed_at, created_at, updated_at"
)

LISTING = Listing(
    table="users",
    columns=_COLUMNS,
    fields=(
        kinds.ID,
        Field(
            name="email",
            kind=kinds.EMAIL,
            column="email_search",
            folded="email_search",
            sorted_by="email_search",
        ),
        Field(name="role", kind=kinds.choice(*get_args(Role)), column="role", folded="lower(role)"),
        Field(name="removedAt", kind=kinds.INSTANT, column="removed_at", sorted_by="removed_at", is_nullable=True),
        kinds.CREATED_AT,
        kinds.UPDATED_AT,
    ),
)
"""How users are listed: a merchant has few, so they have no indexes of their own, and are counted each time."""

_INSERT = """
insert into users (
    merchant_id, id, email, email_folded, role, first_name, last_name, username, password_changed_at, removed_at,
    updated_at, password_hash, created_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
returning id
"""

_UPDATE = """
update users set email = $12, email_folded = $13, role = $14, first_name = $15, last_name = $16, username = $17,
    password_changed_at = $18, removed_at = $19, updated_at = $20, password_hash = coalesce($21, password_hash)
where merchant_id = $1 and id = $11 and updated_at = $22
returning id
"""

_END_SESSIONS = """
ended as (
    delete from sessions where merchant_id = $1 and user_id = $11 and $23 and exists (select from changed)
),
"""

_BEGIN_SESSION = """
with begun as (
    insert into sessions (merchant_id, user_id, digest, created_at, seen_at)
    select merchant_id, id, $4, $5, $5 from users
    where merchant_id = $1 and id = $2 and password_hash = $3 and removed_at is null for share
    returning 1
)
select count(*) from begun
"""

_VISITOR = """
select sessions.merchant_id, merchants.name as merchant_name, merchants.environment, merchants.clock_offset,
    sessions.seen_at,
    users.id, users.email, users.role, users.first_name, users.last_name, users.username, users.password_changed_at,
    users.removed_at, users.created_at, users.updated_at
from sessions
join users on users.merchant_id = sessions.merchant_id and users.id = sessions.user_id
join merchants on merchants.id = sessions.merchant_id
where sessions.digest = $1 and sessions.created_at > $2 and sessions.seen_at > $3 and users.removed_at is null
"""


def _values(user: User) -> tuple[object, ...]:
    return (
        user.email,
        folding.kept(user.email),
        user.role,
        user.first_name,
        user.last_name,
        user.username,
        user.password_changed_at,
        user.removed_at,
        user.updated_at,
    )


def _user(row: asyncpg.Record) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        role=row["role"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        username=row["username"],
        password_changed_at=Moment.of(row["password_changed_at"]),
        removed_at=None if row["removed_at"] is None else Moment.of(row["removed_at"]),
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )
