"""Connecting: from a gateway profile to the gateway that it stands for."""

from collections.abc import Callable

from odus.gateways import queries
from odus.gateways.protocol import Gateway
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Write

INTEGRATIONS: dict[str, Callable[[Write, str, bytes], Gateway]] = {"sandbox": Sandbox}
"""What each integration is made by, of the database, the merchant, and the profile's secret."""


async def connect(write: Write, merchant_id: str, profile_id: str) -> Gateway:
    """Return the gateway of a profile. Raises `LookupError` for a profile that is not there."""
    profile = await queries.get(write, merchant_id, profile_id)
    if profile is None:
        raise LookupError(profile_id)
    return INTEGRATIONS[profile.integration](write, merchant_id, await queries.secret(write, merchant_id, profile_id))
