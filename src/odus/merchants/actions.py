"""What can happen with merchants."""

import msgspec

from odus.events.actions import note
from odus.gateways import actions as gateways
from odus.kit import problems
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import FieldError
from odus.kit.times import now
from odus.merchant_configs import actions as merchant_configs
from odus.merchants import queries
from odus.merchants.model import Environment, Merchant

LONGEST_NAME = 255


async def create(write: Write, who: Principal, name: str, environment: Environment) -> Merchant:
    """Make a merchant, with what its payments run through and how.

    Raises `validation_failed` for a name that is empty or too long.
    """
    if not 1 <= len(name) <= LONGEST_NAME:
        message = f"must be 1 to {LONGEST_NAME} characters"
        raise problems.invalid([FieldError("name", "too_long" if name else "too_short", message)])
    at = now()
    merchant = Merchant(id=new_id("mer"), name=name, environment=environment, created_at=at, updated_at=at)
    maker = msgspec.structs.replace(who, merchant_id=merchant.id)
    async with write.transaction() as transaction:
        await queries.insert(transaction, merchant, note(maker, "merchant.created", None, merchant))
        profile = await gateways.create_first(transaction, maker, environment)
        await merchant_configs.create(transaction, maker, profile and profile.id)
    return merchant
