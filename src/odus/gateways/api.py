"""The REST door to gateway profiles."""

from odus.gateways import actions, queries
from odus.gateways.model import GatewayProfile, GatewayProfileCreate, GatewayProfileUpdate
from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, creates, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch


@creates(
    "/gateway-profiles",
    Permission.MERCHANT_CONFIG_UPDATE,
    example={"title": "Second sandbox", "integration": "sandbox"},
)
async def create_gateway_profile(write: Write, who: Principal, data: GatewayProfileCreate) -> GatewayProfile:
    """Create a gateway profile.

    Its `environment` is the merchant's. The only integration yet, `sandbox`, is for the test environment, so a live
    merchant has none to choose: any answers 400 on `integration`.
    """
    return await actions.create(write, who, data)


@lists_of(
    "/gateway-profiles",
    Permission.MERCHANT_CONFIG_READ,
    queries.LISTING,
    example={"integration": {"eq": "sandbox"}, "sortBy": "title"},
)
async def list_gateway_profiles(search: Search, who: Principal, asked: Asked) -> Page[GatewayProfile]:
    """List gateway profiles.

    A test merchant begins with one, called Sandbox.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/gateway-profiles/{id}", Permission.MERCHANT_CONFIG_READ)
async def get_gateway_profile(read: Read, who: Principal, profile_id: str) -> GatewayProfile:
    """Read a gateway profile."""
    profile = await queries.get(read, who.merchant_id, profile_id)
    if profile is None:
        raise not_found()
    return profile


@changes("/gateway-profiles/{id}", Permission.MERCHANT_CONFIG_UPDATE, example={"title": "Main sandbox"})
async def update_gateway_profile(
    write: Write, who: Principal, profile_id: str, data: GatewayProfileUpdate, if_match: IfMatch
) -> GatewayProfile:
    """Update a gateway profile.

    Its title may change; its integration and its environment stay.
    """
    return await actions.update(write, who, profile_id, data, if_match)


HANDLERS = [create_gateway_profile, list_gateway_profiles, get_gateway_profile, update_gateway_profile]
