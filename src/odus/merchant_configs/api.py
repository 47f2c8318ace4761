"""The REST door to merchants' configurations."""

from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch
from odus.merchant_configs import actions, queries
from odus.merchant_configs.model import MerchantConfig, MerchantConfigUpdate


@lists_of(
    "/merchant-configs",
    Permission.MERCHANT_CONFIG_READ,
    queries.LISTING,
    example={"updatedAt": {"gte": "2024-02-18"}},
)
async def list_merchant_configs(search: Search, who: Principal, asked: Asked) -> Page[MerchantConfig]:
    """List merchant configurations.

    Each merchant has exactly one, from its beginning.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/merchant-configs/{id}", Permission.MERCHANT_CONFIG_READ)
async def get_merchant_config(read: Read, who: Principal, config_id: str) -> MerchantConfig:
    """Read a merchant configuration."""
    config = await queries.get(read, who.merchant_id, config_id)
    if config is None:
        raise not_found()
    return config


@changes(
    "/merchant-configs/{id}",
    Permission.MERCHANT_CONFIG_UPDATE,
    example={"captureMethod": "automaticDelayed", "captureDelay": 2, "timezone": "Europe/Vienna"},
)
async def update_merchant_config(
    write: Write, who: Principal, config_id: str, data: MerchantConfigUpdate, if_match: IfMatch
) -> MerchantConfig:
    """Update a merchant configuration.

    Only the fields that are sent change. `captureMethod` `automaticDelayed` needs a `captureDelay`, sent or there
    already; with another method the delay is cleared.
    """
    return await actions.update(write, who, config_id, data, if_match)


HANDLERS = [list_merchant_configs, get_merchant_config, update_merchant_config]
