"""Every SQL statement on gateway profiles."""

from typing import LiteralString, get_args

import asyncpg

from odus.events import queries as events
from odus.events.model import Entry
from odus.gateways.model import Environment, GatewayProfile, Integration
from odus.kit import folding, kinds
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Field
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment


async def get(read: Read, merchant_id: str, profile_id: str) -> GatewayProfile | None:
    """Return one profile."""
    sql = f"select {_COLUMNS} from gateway_profiles where merchant_id = $1 and id = $2"
    row = await read.row(sql, merchant_id, profile_id)
    return None if row is None else _profile(row)


async def every(read: Read, merchant_id: str) -> list[GatewayProfile]:
    """Return all profiles of a merchant, oldest first."""
    sql = f"select {_COLUMNS} from gateway_profiles where merchant_id = $1 order by created_at, id"
    return [_profile(row) for row in await read.rows(sql, merchant_id)]


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[GatewayProfile]:
    """Return the profiles that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _profile)


async def secret(read: Read, merchant_id: str, profile_id: str) -> bytes:
    """Return the 32 bytes that key a profile's card fingerprints, which no answer and no event ever holds.

    Raises `LookupError` for a profile that is not there.
    """
    row = await read.row(
        "select secret from gateway_profiles where merchant_id = $1 and id = $2", merchant_id, profile_id
    )
    if row is None:
        raise LookupError(f"There is no gateway profile {profile_id}.")
    return row["secret"]


async def environment(read: Read, merchant_id: str) -> Environment:
    """Return the environment of a merchant, which is that of all its profiles."""
    row = await read.row("select environment from merchants where id = $1", merchant_id)
    if row is None:
        raise LookupError(f"There is no merchant {merchant_id}.")
    return row["environment"]


async def insert(write: Write, profile: GatewayProfile, secret: bytes, entry: Entry) -> None:
    """Add a profile with its secret, and its event."""
    values = (profile.id, profile.title, folding.kept(profile.title), profile.integration, profile.environment)
    await events.write_with(write, entry, _INSERT, *values, secret, profile.created_at)


async def update(write: Write, before: GatewayProfile, after: GatewayProfile, entry: Entry) -> bool:
    """Write a profile's new version over the version `before`; False where that version is no more."""
    values = (after.id, after.title, folding.kept(after.title), after.updated_at, before.updated_at)
    return await events.write_with(write, entry, _UPDATE, *values)


_COLUMNS: LiteralString = "id, title, integration, environment, created_at, updated_at"

_TITLE_FOLDED: LiteralString = (
    'lower(case when title_folded[1] = title then title_folded[2] else title end collate "C")'
)

LISTING = Listing(
    table="gateway_profiles",
    columns=_COLUMNS,
    fields=(
        kinds.ID,
        Field(name="title", kind=kinds.TEXT, column="title", folded=_TITLE_FOLDED, sorted_by=_TITLE_FOLDED),
        Field(
            name="integration",
            kind=kinds.choice(*get_args(Integration)),
            column="integration",
            folded="lower(integration)",
        ),
        Field(
            name="environment",
            kind=kinds.choice(*get_args(Environment)),
            column="environment",
            folded="lower(environment)",
        ),
        kinds.CREATED_AT,
        kinds.UPDATED_AT,
    ),
)
"""How profiles are listed: a merchant has few, so they have no indexes of their own, and are counted each time."""

_INSERT = """
insert into gateway_profiles (
    merchant_id, id, title, title_folded, integration, environment, secret, created_at, updated_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $17)
returning id
"""

_UPDATE = """
update gateway_profiles set title = $12, title_folded = $13, updated_at = $14
where merchant_id = $1 and id = $11 and updated_at = $15
returning id
"""


def _profile(row: asyncpg.Record) -> GatewayProfile:
    return GatewayProfile(
        id=row["id"],
        title=row["title"],
        integration=row["integration"],
        environment=row["environment"],
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )
