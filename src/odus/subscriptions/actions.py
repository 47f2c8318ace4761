"""What can happen with subscriptions, apart from the charges themselves and their end (see `renewals`)."""

from collections.abc import Callable, Iterable

import asyncpg
import msgspec
from msgspec import UNSET

from odus.events.actions import note
from odus.kit import metadata, problems
from odus.kit.db import Write
from odus.kit.permissions import Principal
from odus.kit.problems import FieldError, Problem
from odus.kit.requests import not_found
from odus.kit.times import Moment, after, now
from odus.kit.versions import IfMatch, StaleError
from odus.merchant_configs import queries as merchant_configs
from odus.payment_methods import queries as payment_methods
from odus.products import queries as products
from odus.subscriptions import queries, rules
from odus.subscriptions.model import Subscription, SubscriptionUpdate
from odus.subscriptions.record import Record

CHARGING = "subscriptions_charging"
"""The constraint that keeps a subscription from being cancelled, either way, while its next cycle is being charged."""
DETACHED = "subscriptions_payment_method"
"""The constraint that keeps a subscription from being charged to a card that is detached."""

replace = msgspec.structs.replace


async def begin(write: Write, who: Principal, paid: rules.Paid, items: Iterable[tuple[str, int]], at: Moment) -> str:
    """Begin a subscription for each recurring price that was paid for; return the id of the first.

    Called in the transaction in which the payment succeeds, so that there is neither without the other.
    """
    timezone = (await merchant_configs.of(write, who.merchant_id)).timezone
    known = list(items)
    bought = await products.get_prices(write, who.merchant_id, [price for price, _ in known])
    prices = {price.id: price for price in bought}
    made = [rules.born(paid, prices[price], quantity, timezone, at) for price, quantity in known]
    for record in made:
        await queries.insert(write, record, note(who, "subscription.created", None, record.subscription))
    return made[0].id


async def renewed(write: Write, who: Principal, subscription_id: str, cycle: int) -> None:
    """Begin a cycle whose charge succeeds in this transaction. Raises `StaleError` where another write came first."""
    before = await load(write, who, subscription_id)
    if before.status == "active" and before.current_cycle + 1 == cycle:
        await write_over(write, who, before, rules.renewed(before), now())


async def declined(write: Write, who: Principal, subscription_id: str, cycle: int, refused: rules.Refused) -> None:
    """Take it that a cycle's charge is declined in this transaction. Raises `StaleError` as `renewed`."""
    before = await load(write, who, subscription_id)
    if before.status == "active" and before.current_cycle + 1 == cycle and before.due_at is not None:
        at = now()
        await write_over(write, who, before, rules.declined(before, refused, at), at)


async def unheard(write: Write, who: Principal, subscription_id: str, cycle: int, times: int) -> None:
    """Take it that a cycle's charge, for the so manieth time, did not reach the gateway. Raises as `renewed`."""
    before = await load(write, who, subscription_id)
    if before.status == "active" and before.current_cycle + 1 == cycle and before.due_at is not None:
        at = now()
        await write_over(write, who, before, rules.unheard(before, times, at), at)


async def update(
    write: Write, who: Principal, subscription_id: str, data: SubscriptionUpdate, if_match: IfMatch
) -> Subscription:
    """Change what is sent. Raises `not_found`, `precondition_failed`, `validation_failed`."""
    method = data.payment_method
    if method is not UNSET:
        record = await load(write, who, subscription_id)
        known = await payment_methods.get(write, who.merchant_id, method)
        if known is None or known.customer != record.customer or known.detached_at is not None:
            raise _unusable()

    def step(record: Record, _at: Moment) -> Record:
        return replace(
            record,
            metadata=metadata.merge(record.metadata, data.metadata),
            payment_method=record.payment_method if method is UNSET else method,
        )

    return await change(write, who, subscription_id, if_match, step)


def _unusable() -> Problem:
    message = "is not a payment method of the subscription's customer that can be charged"
    return problems.invalid([FieldError("paymentMethod", "invalid_value", message)])


async def resume(write: Write, who: Principal, subscription_id: str, if_match: IfMatch) -> Subscription:
    """Let it go on. Raises `conflict` where it is cancelled, or nothing is to be resumed."""
    return await change(write, who, subscription_id, if_match, rules.resumed)


async def change(
    write: Write, who: Principal, subscription_id: str, if_match: IfMatch, step: Callable[[Record, Moment], Record]
) -> Subscription:
    """Write what a step makes of a subscription at a moment, onto the version that it was made from."""
    while True:
        before = await load(write, who, subscription_id)
        if_match.check(before.subscription)
        at = after(before.updated_at, now())
        changed = step(before, at)
        if changed == before:
            return before.subscription
        try:
            return (await write_over(write, who, before, changed, at)).subscription
        except StaleError:
            continue


async def load(write: Write, who: Principal, subscription_id: str) -> Record:
    """Return a subscription's record. Raises `not_found`."""
    record = await queries.get(write, who.merchant_id, subscription_id)
    if record is None:
        raise not_found()
    return record


async def write_over(write: Write, who: Principal, before: Record, changed: Record, at: Moment) -> Record:
    """Write the version of a moment over the one that it was worked out from.

    Raises `StaleError` where another came first, `attempt_in_progress` for one that is cancelled while its next cycle
    is being charged, `validation_failed` for a payment method that was detached meanwhile.
    """
    changed = replace(changed, updated_at=after(before.updated_at, at))
    entry = note(who, "subscription.updated", before.subscription, changed.subscription)
    try:
        async with write.transaction() as transaction:
            is_written = await queries.update(transaction, before, changed, entry)
    except asyncpg.CheckViolationError as error:
        if error.constraint_name == CHARGING:
            raise problems.ATTEMPT_IN_PROGRESS("The next cycle is being charged at this moment.") from None
        if error.constraint_name == DETACHED:
            raise _unusable() from None
        raise
    if not is_written:
        raise StaleError
    return changed
