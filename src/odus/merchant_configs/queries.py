"""Every SQL statement on merchants' configurations."""

from typing import LiteralString

import asyncpg

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import kinds
from odus.kit.db import Read, Search, Write
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment
from odus.merchant_configs.model import MerchantConfig

GATEWAY_PROFILE = "merchant_configs_gateway_profile"
"""The constraint that holds a configuration to a gateway profile that is there."""


async def of(read: Read, merchant_id: str) -> MerchantConfig:
    """Return a merchant's configuration. Raises `LookupError` for a merchant that is not there."""
    row = await read.row(f"select {_COLUMNS} from merchant_configs where merchant_id = $1", merchant_id)
    if row is None:
        raise LookupError(f"There is no configuration of the merchant {merchant_id}.")
    return _config(row)


async def get(read: Read, merchant_id: str, config_id: str) -> MerchantConfig | None:
    """Return one configuration."""
    sql = f"select {_COLUMNS} from merchant_configs where merchant_id = $1 and id = $2"
    row = await read.row(sql, merchant_id, config_id)
    return None if row is None else _config(row)


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[MerchantConfig]:
    """Return the configurations that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _config)


async def insert(write: Write, config: MerchantConfig, entry: Entry) -> None:
    """Add a configuration, and its event."""
    await events.write_with(write, entry, _INSERT, *_values(config), config.created_at)


async def update(write: Write, before: MerchantConfig, after: MerchantConfig, entry: Entry) -> bool:
    """Write a configuration's new version over the version `before`; False where that version is no more.

    Raises `ForeignKeyViolationError` at `GATEWAY_PROFILE` for a gateway profile that is not the merchant's.
    """
    return await events.write_with(write, entry, _UPDATE, *_values(after), before.updated_at)


_COLUMNS: LiteralString = (
    "id, gateway_profile_id, capture_method, capture_delay, timezone, display_currency, created_at, updated_at"
)

LISTING = Listing(
    table="merchant_configs",
    columns=_COLUMNS,
    fields=(kinds.ID, kinds.CREATED_AT, kinds.UPDATED_AT),
)
"""How configurations are listed: a merchant has one."""

_INSERT = """
insert into merchant_configs (
    merchant_id, id, gateway_profile_id, capture_method, capture_delay, timezone, display_currency, updated_at,
    created_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $18)
returning id
"""

_UPDATE = """
update merchant_configs set gateway_profile_id = $12, capture_method = $13, capture_delay = $14, timezone = $15,
    display_currency = $16, updated_at = $17
where merchant_id = $1 and id = $11 and updated_at = $18
returning id
"""


def _values(config: MerchantConfig) -> tuple[object, ...]:
    return (
        config.id,
        config.gateway_profile,
        config.capture_method,
        config.capture_delay,
        config.timezone,
        config.display_currency,
        config.updated_at,
    )


def _config(row: asyncpg.Record) -> MerchantConfig:
    return MerchantConfig(
        id=row["id"],
        gateway_profile=row["gateway_profile_id"],
        capture_method=row["capture_method"],
        capture_delay=row["capture_delay"],
        timezone=row["timezone"],
        display_currency=row["display_currency"],
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )
