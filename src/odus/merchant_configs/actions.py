"""What can happen with merchants' configurations."""

import asyncpg
import msgspec
from msgspec import UNSET

from odus.events.actions import note
from odus.kit import problems
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import FieldError, Problem
from odus.kit.requests import not_found
from odus.kit.times import after, now
from odus.kit.versions import IfMatch
from odus.merchant_configs import queries
from odus.merchant_configs.model import MerchantConfig, MerchantConfigUpdate

DELAYED = "automaticDelayed"


async def create(write: Write, who: Principal, gateway_profile: str | None) -> MerchantConfig:
    """Make the configuration that a new merchant begins with."""
    at = now()
    config = MerchantConfig(
        id=new_id("mcfg"),
        gateway_profile=gateway_profile,
        capture_method="automatic",
        capture_delay=None,
        timezone="UTC",
        display_currency="usd",
        created_at=at,
        updated_at=at,
    )
    await queries.insert(write, config, note(who, "merchant_config.created", None, config))
    return config


async def update(
    write: Write, who: Principal, config_id: str, data: MerchantConfigUpdate, if_match: IfMatch
) -> MerchantConfig:
    """Change what is sent. Raises `not_found`, `precondition_failed`, `validation_failed`."""
    while True:
        before = await queries.get(write, who.merchant_id, config_id)
        if before is None:
            raise not_found()
        if_match.check(before)
        changed = _apply(before, data)
        if changed == before:
            return before
        changed = msgspec.structs.replace(changed, updated_at=after(before.updated_at, now()))
        if await _write(write, who, before, changed):
            return changed


async def _write(write: Write, who: Principal, before: MerchantConfig, changed: MerchantConfig) -> bool:
    """Write the change; False where another came first."""
    entry = note(who, "merchant_config.updated", before, changed)
    try:
        async with write.transaction() as transaction:
            return await queries.update(transaction, before, changed, entry)
    except asyncpg.ForeignKeyViolationError as error:
        if error.constraint_name != queries.GATEWAY_PROFILE:
            raise
        raise _wrong("gatewayProfile", "invalid_value", "must be the id of one of your gateway profiles") from None


def _apply(before: MerchantConfig, data: MerchantConfigUpdate) -> MerchantConfig:
    sent = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    changed = msgspec.structs.replace(before, **sent)
    if changed.capture_method == DELAYED:
        if changed.capture_delay is None:
            raise _wrong("captureDelay", "required", f"is required with the capture method {DELAYED}")
        return changed
    if sent.get("capture_delay") is not None:
        message = f"is for the capture method {DELAYED} only"
        raise _wrong("captureDelay", "invalid_value", message)
    return msgspec.structs.replace(changed, capture_delay=None)


def _wrong(field: str, code: str, message: str) -> Problem:
    return problems.invalid([FieldError(field, code, message)])
