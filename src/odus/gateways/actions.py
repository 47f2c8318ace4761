"""What can happen with gateway profiles."""

import secrets

import msgspec
from msgspec import UNSET

from odus.events.actions import note
from odus.gateways import queries
from odus.gateways.model import Environment, GatewayProfile, GatewayProfileCreate, GatewayProfileUpdate
from odus.kit import problems
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import FieldError, Problem
from odus.kit.requests import not_found
from odus.kit.times import after, now
from odus.kit.versions import IfMatch

SECRET_BYTES = 32
"""As many as the digest of the HMAC-SHA-256 that they key (RFC 2104 §3)."""


async def create(write: Write, who: Principal, data: GatewayProfileCreate) -> GatewayProfile:
    """Make a profile. Raises `validation_failed` for what the merchant's environment does not have."""
    own = await queries.environment(write, who.merchant_id)
    environment = own if data.environment is UNSET else data.environment
    if environment != own:
        raise _wrong("environment", f"must be {own}, as the merchant's is")
    if environment != "test":
        raise _wrong("integration", "sandbox is for the test environment only, and there is no other yet")
    at = now()
    profile = GatewayProfile(
        id=new_id("gwp"),
        title=data.title,
        integration=data.integration,
        environment=environment,
        created_at=at,
        updated_at=at,
    )
    entry = note(who, "gateway_profile.created", None, profile)
    await queries.insert(write, profile, secrets.token_bytes(SECRET_BYTES), entry)
    return profile


async def create_first(write: Write, who: Principal, environment: Environment) -> GatewayProfile | None:
    """Make the profile that a new merchant begins with; a live one begins with none."""
    if environment == "live":
        return None
    return await create(write, who, GatewayProfileCreate(title="Sandbox", integration="sandbox"))


async def update(
    write: Write, who: Principal, profile_id: str, data: GatewayProfileUpdate, if_match: IfMatch
) -> GatewayProfile:
    """Change what is sent. Raises `not_found`, `precondition_failed`."""
    while True:
        before = await queries.get(write, who.merchant_id, profile_id)
        if before is None:
            raise not_found()
        if_match.check(before)
        if data.title in (UNSET, before.title):
            return before
        at = after(before.updated_at, now())
        changed = msgspec.structs.replace(before, title=data.title, updated_at=at)
        if await queries.update(write, before, changed, note(who, "gateway_profile.updated", before, changed)):
            return changed


def _wrong(field: str, message: str) -> Problem:
    return problems.invalid([FieldError(field, "invalid_value", message)])
