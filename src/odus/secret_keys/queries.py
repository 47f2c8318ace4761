"""Every SQL statement on secret keys and their values."""

from datetime import datetime

import asyncpg
import msgspec

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit.db import Read, Write
from odus.kit.lists import Page, Paging, page_of
from odus.kit.times import Moment
from odus.secret_keys.model import SecretKey


class Holder(msgspec.Struct, frozen=True):
    """Whom a key's value stands for."""

    merchant_id: str
    key_id: str
    permissions: list[str]
    last_used_at: datetime | None


class Rotation(msgspec.Struct, frozen=True):
    """A key's new value, as its digest, and when its other values end."""

    digest: bytes
    expire_others_at: Moment


async def holder(read: Read, digest: bytes, at: Moment) -> Holder | None:
    """Return whom a value stands for at a moment; None for one that is unknown, revoked or expired."""
    row = await read.row(_HOLDER, digest, at)
    return None if row is None else Holder(row["merchant_id"], row["id"], row["permissions"], row["last_used_at"])


async def touch(write: Write, holder: Holder, minute: datetime) -> None:
    """Note that a key was used in a minute."""
    await write.run(_TOUCH, holder.merchant_id, holder.key_id, minute)


async def get(read: Read, merchant_id: str, key_id: str) -> SecretKey | None:
    """Return one key."""
    row = await read.row(f"select {_COLUMNS} from secret_keys where merchant_id = $1 and id = $2", merchant_id, key_id)
    return None if row is None else _key(row)


async def search(read: Read, merchant_id: str, paging: Paging) -> Page[SecretKey]:
    """Return a page of a merchant's keys, oldest first."""
    rows = await read.rows(
        f"select {_COLUMNS} from secret_keys where merchant_id = $1 order by created_at, id limit $2 offset $3",
        merchant_id,
        paging.size,
        paging.offset,
    )
    count = await read.count("select count(*) from secret_keys where merchant_id = $1", merchant_id)
    return page_of([_key(row) for row in rows], count, paging)


async def insert(write: Write, key: SecretKey, digest: bytes, entry: Entry) -> None:
    """Add a key with its first value, and its event."""
    values = (key.id, key.note, key.permissions, key.masked_value, key.expires_at, key.created_at, digest)
    await events.write_with(write, entry, _INSERT, *values, besides=_INSERT_VALUE)


async def update(write: Write, before: SecretKey, after: SecretKey, entry: Entry) -> bool:
    """Write a key's new version over the version `before`; False where that version is no more."""
    values = (after.id, after.note, after.permissions, after.revoked_at, after.updated_at, before.updated_at)
    return await events.write_with(write, entry, _UPDATE, *values)


async def rotate(write: Write, before: SecretKey, after: SecretKey, rotation: Rotation, entry: Entry) -> bool:
    """Add a value to a key, and let its others end; False where the version `before` is no more."""
    values = (after.id, after.masked_value, after.updated_at, before.updated_at)
    new = (rotation.digest, rotation.expire_others_at)
    return await events.write_with(write, entry, _ROTATE, *values, *new, besides=_ROTATE_VALUES)


_COLUMNS = "id, note, permissions, masked_value, last_used_at, expires_at, revoked_at, created_at, updated_at"

_HOLDER = """
select keys.merchant_id, keys.id, keys.permissions, keys.last_used_at
from secret_key_values as held
join secret_keys as keys on keys.merchant_id = held.merchant_id and keys.id = held.secret_key_id
where held.digest = $1 and (held.expires_at is null or held.expires_at > $2)
    and keys.revoked_at is null and (keys.expires_at is null or keys.expires_at > $2)
"""

_TOUCH = """
update secret_keys set last_used_at = $3
where merchant_id = $1 and id = $2 and (last_used_at is null or last_used_at < $3)
"""

_INSERT = """
insert into secret_keys (merchant_id, id, note, permissions, masked_value, expires_at, created_at, updated_at)
values ($1, $11, $12, $13, $14, $15, $16, $16)
returning id
"""

_INSERT_VALUE = """
held as (
    insert into secret_key_values (merchant_id, secret_key_id, digest, created_at)
    select $1, $11, $17, $16 from changed
),
"""

_UPDATE = """
update secret_keys set note = $12, permissions = $13, revoked_at = $14, updated_at = $15
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
