"""What can happen with payment methods."""

import asyncpg
import msgspec

from odus.events.actions import note
from odus.gateways.protocol import CardFacts
from odus.kit import metadata, problems
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import CONFLICT, FieldError
from odus.kit.requests import not_found
from odus.kit.times import Moment, after, now
from odus.kit.versions import IfMatch, StaleError
from odus.payment_methods import queries
from odus.payment_methods.model import PaymentMethod, PaymentMethodUpdate, SavedCard, Token

BILLED = "payment_methods_billed"
"""The constraint that holds a card to the subscriptions that are charged to it."""
CHARGING = "payment_methods_charging"
"""The constraint that holds a card to a payment for which it is being charged."""
CROSSED = (StaleError, asyncpg.UniqueViolationError)
"""What is raised where two changes of a customer's payment methods cross: begin the transaction anew."""


class UnsavableError(Exception):
    """What the gateway says of a card cannot be kept as a payment method: begin the transaction anew without it."""


_REFUSALS = (
    asyncpg.DataError,
    asyncpg.CheckViolationError,
    asyncpg.NotNullViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
)
"""How the database, and asyncpg on the way to it, refuse a value for what it is."""


async def save(write: Write, who: Principal, customer_id: str, facts: CardFacts, gateway_profile: str) -> PaymentMethod:
    """Save a card that was authorized, for a customer; one that is saved already is brought up to date.

    The first becomes the default. Must be called within a transaction; raises one of `CROSSED` where another saves the
    same card at this moment, or the customer's first, and `UnsavableError`.
    """
    try:
        return await _saved(write, who, customer_id, facts, gateway_profile)
    except _REFUSALS as error:
        raise UnsavableError from error


async def _saved(
    write: Write, who: Principal, customer_id: str, facts: CardFacts, gateway_profile: str
) -> PaymentMethod:
    known = await queries.with_fingerprint(write, who.merchant_id, customer_id, facts.fingerprint)
    if known is not None:
        return await _renewed(write, who, known, facts)
    at = now()
    method = PaymentMethod(
        id=new_id("pm"),
        type="card",
        customer=customer_id,
        is_default=await queries.default_of(write, who.merchant_id, customer_id) is None,
        card=_card(facts),
        metadata={},
        detached_at=None,
        created_at=at,
        updated_at=at,
    )
    token = Token(gateway_profile, facts.token, facts.fingerprint)
    await queries.insert(write, method, token, note(who, "payment_method.created", None, method))
    return method


async def _renewed(write: Write, who: Principal, known: PaymentMethod, facts: CardFacts) -> PaymentMethod:
    """Take over what the same card says now: a new expiry, another spelling of its holder."""
    changed = msgspec.structs.replace(known, card=_card(facts))
    if changed == known:
        return known
    changed = msgspec.structs.replace(changed, updated_at=after(known.updated_at, now()))
    entry = note(who, "payment_method.updated", known, changed)
    if not await queries.update(write, known, changed, entry, facts.token):
        raise StaleError
    return changed


def _card(facts: CardFacts) -> SavedCard:
    return SavedCard(
        brand=facts.brand,
        last_four=facts.last_four,
        exp_month=facts.exp_month,
        exp_year=facts.exp_year,
        cardholder_name=facts.cardholder_name,
    )


async def update(
    write: Write, who: Principal, method_id: str, data: PaymentMethodUpdate, if_match: IfMatch
) -> PaymentMethod:
    """Change what is sent. Raises `not_found`, `precondition_failed`, `conflict`, `validation_failed`."""
    while True:
        try:
            async with write.transaction() as transaction:
                return await _update(transaction, who, method_id, data, if_match)
        except CROSSED:
            continue


async def _update(
    write: Write, who: Principal, method_id: str, data: PaymentMethodUpdate, if_match: IfMatch
) -> PaymentMethod:
    before = await _usable(write, who, method_id, if_match)
    if data.is_default is False:
        message = "cannot be false: make another payment method the default instead"
        raise problems.invalid([FieldError("isDefault", "invalid_value", message)])
    merged = metadata.merge(before.metadata, data.metadata)
    changed = msgspec.structs.replace(before, metadata=merged, is_default=before.is_default or data.is_default is True)
    if changed == before:
        return before
    at = now()
    if changed.is_default and not before.is_default:
        await _step_down(write, who, before.customer, at)
    return await _written(write, who, before, changed, at)


async def detach(write: Write, who: Principal, method_id: str, if_match: IfMatch) -> PaymentMethod:
    """Take a payment method from its customer, for good; where it was the default, the newest other one becomes it."""
    while True:
        try:
            async with write.transaction() as transaction:
                before = await _usable(transaction, who, method_id, if_match)
                at = now()
                changed = msgspec.structs.replace(before, is_default=False, detached_at=at)
                detached = await _written(transaction, who, before, changed, at)
                if before.is_default:
                    await _step_up(transaction, who, before.customer, at)
                return detached
        except CROSSED:
            continue
        except asyncpg.CheckViolationError as error:
            if error.constraint_name == BILLED:
                raise CONFLICT("An active subscription is charged to it; change the subscription first.") from None
            if error.constraint_name == CHARGING:
                raise CONFLICT("A payment is being charged to it, or waits for its payer to confirm that.") from None
            raise


async def _usable(write: Write, who: Principal, method_id: str, if_match: IfMatch) -> PaymentMethod:
    method = await queries.get(write, who.merchant_id, method_id)
    if method is None:
        raise not_found()
    if_match.check(method)
    if method.detached_at is not None:
        raise CONFLICT("The payment method is detached, for good.")
    return method


async def _step_down(write: Write, who: Principal, customer_id: str, at: Moment) -> None:
    """Take the default from whichever has it."""
    while (present := await queries.default_of(write, who.merchant_id, customer_id)) is not None:
        await _written(write, who, present, msgspec.structs.replace(present, is_default=False), at)


async def _step_up(write: Write, who: Principal, customer_id: str, at: Moment) -> None:
    """Make the newest the default, where there is one."""
    for newest in await queries.of_customer(write, who.merchant_id, customer_id, 1):
        await _written(write, who, newest, msgspec.structs.replace(newest, is_default=True), at)


async def _written(
    write: Write, who: Principal, before: PaymentMethod, changed: PaymentMethod, at: Moment
) -> PaymentMethod:
    """Write a change over the version that it was worked out from."""
    changed = msgspec.structs.replace(changed, updated_at=after(before.updated_at, at))
    event = "payment_method.detached" if changed.detached_at else "payment_method.updated"
    if not await queries.update(write, before, changed, note(who, event, before, changed)):
        raise StaleError
    return changed
