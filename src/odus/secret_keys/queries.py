"""Every SQL statement on secret keys and their values."""

from datetime import datetime, timedelta
from typing import LiteralString

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
from odus.secret_keys.model import SecretKey


class Holder(msgspec.Struct, frozen=True):
    """Whom a key's value stands for."""

    merchant_id: str
    key_id: str
    permissions: list[str]
    last_used_at: datetime | None
    clock: timedelta
    """How far the merchant's clock is ahead."""


class Rotation(msgspec.Struct, frozen=True):
    """A key's new value, as its digest, and when its other values end."""

    digest: bytes
    expire_others_at: Moment


async def holder(read: Read, digest: bytes, at: Moment) -> Holder | None:
    """Return whom a value stands for at a moment; None for one that is unknown, revoked or expired."""
    row = await read.row(_HOLDER, digest, at)
    return None if row is None else Holder(*row)


async def touch(write: Write, holder: Holder, minute: datetime) -> None:
    """Note that a key was used in a minute."""
    await write.run(_TOUCH, holder.merchant_id, holder.key_id, minute)


async def get(read: Read, merchant_id: str, key_id: str) -> SecretKey | None:
    """Return one key."""
    row = await read.row(f"select {_COLUMNS} from secret_keys where merchant_id = $1 and id = $2", merchant_id, key_id)
    return None if row is None else _key(row)


async def every(read: Read, merchant_id: str) -> list[SecretKey]:
    """Return all keys of a merchant, oldest first."""
    sql = f"select {_COLUMNS} from secret_keys where merchant_id = $1 order by created_at, id"
    return [_key(row) for row in await read.rows(sql, merchant_id)]


async def notes(read: Read, merchant_id: str, key_ids: list[str]) -> dict[str, str]:
    """Return what keys are for, by their ids."""
    sql = "select id, note from secret_keys where merchant_id = $1 and id = any($2)"
    return {row["id"]: row["note"] for row in await read.rows(sql, merchant_id, key_ids)}


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[SecretKey]:
    """Return the keys that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _key)


async def insert(write: Write, key: SecretKey, digest: bytes, entry: Entry) -> None:
    """Add a key with its first value, and its event."""
    values = (key.id, key.note, key.permissions, key.masked_value, key.expires_at, key.created_at, digest)
    values += (folding.kept(key.note),)
    await events.write_with(write, entry, _INSERT, *values, besides=_INSERT_VALUE)


async def update(write: Write, before: SecretKey, after: SecretKey, entry: Entry) -> bool:
    """Write a key's new version over the version `before`; False where that version is no more."""
    values = (after.id, after.note, after.permissions, after.revoked_at, after.updated_at, before.updated_at)
    values += (folding.kept(after.note),)
    return await events.write_with(write, entry, _UPDATE, *values)


async def rotate(write: Write, before: SecretKey, after: SecretKey, rotation: Rotation, entry: Entry) -> bool:
    """Add a value to a key, and let its others end; False where the version `before` is no more."""
    values = (after.id, after.masked_value, after.updated_at, before.updated_at)
    new = (rotation.digest, rotation.expire_others_at)
    return await events.write_with(write, entry, _ROTATE, *values, *new, besides=_ROTATE_VALUES)


_COLUMNS: LiteralString = (
    "id, note, permissions, masked_value, last_used_at, expires_at, revoked_at, created_at, updated_at"
)

_NOTE_FOLDED: LiteralString = 'lower(case when note_folded[1] = note then note_folded[2] else note end collate "C")'

LISTING = Listing(
    table="secret_keys",
    columns=_COLUMNS,
    fields=(
        kinds.ID,
        Field(name="note", kind=kinds.TEXT, column="note", folded=_NOTE_FOLDED, sorted_by=_NOTE_FOLDED),
        kinds.CREATED_AT,
        kinds.UPDATED_AT,
        Field(
            name="lastUsedAt",
            kind=kinds.INSTANT,
            column="last_used_at",
            sorted_by="last_used_at",
            is_nullable=True,
        ),
        Field(name="expiresAt", kind=kinds.INSTANT, column="expires_at", sorted_by="expires_at", is_nullable=True),
        Field(name="revokedAt", kind=kinds.INSTANT, column="revoked_at", sorted_by="revoked_at", is_nullable=True),
    ),
)
"""How keys are listed: a merchant has few, so they have no indexes of their own, and are counted each time."""

_HOLDER = """
select keys.merchant_id, keys.id, keys.permissions, keys.last_used_at, merchants.clock_offset
from secret_key_values as held
join merchants on merchants.id = held.merchant_id
join secret_keys as keys on keys.merchant_id = held.merchant_id and keys.id = held.secret_key_id
where held.digest = $1 and (held.expires_at is null or held.expires_at > $2)
    and keys.revoked_at is null and (keys.expires_at is null or keys.expires_at > $2)
"""

_TOUCH = """
update secret_keys set last_used_at = $3
where merchant_id = $1 and id = $2 and (last_used_at is null or last_used_at < $3)
"""

_INSERT = """
insert into secret_keys (
    merchant_id, id, note, permissions, masked_value, expires_at, created_at, updated_at, note_folded
)
values ($1, $11, $12, $13, $14, $15, $16, $16, $18)
returning id
"""

_INSERT_VALUE = """
held as (
    insert into secret_key_values (merchant_id, secret_key_id, digest, created_at)
    select $1, $11, $17, $16 from changed
),
"""

_UPDATE = """
update secret_keys set note = $12, note_folded = $17, permissions = $13, revoked_at = $14, updated_at = $15
where merchant_id = $1 and id = $11 and updated_at = $16
returning id
"""

_ROTATE = """
update secret_keys set masked_value = $12, updated_at = $13
where merchant_id = $1 and id = $11 and updated_at = $14
returning id
"""

_ROTATE_VALUES = """
ended as (
    update secret_key_values set expires_at = least(coalesce(expires_at, $16), $16)
    where merchant_id = $1 and secret_key_id = $11 and exists (select from changed)
),
held as (
    insert into secret_key_values (merchant_id, secret_key_id, digest, created_at)
    select $1, $11, $15, $13 from changed
),
"""


def _key(row: asyncpg.Record) -> SecretKey:
    return SecretKey(
        id=row["id"],
        note=row["note"],
        permissions=row["permissions"],
        masked_value=row["masked_value"],
        last_used_at=_moment(row["last_used_at"]),
        expires_at=_moment(row["expires_at"]),
        revoked_at=_moment(row["revoked_at"]),
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )


def _moment(at: datetime | None) -> Moment | None:
    return None if at is None else Moment.of(at)
