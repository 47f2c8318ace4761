"""Renewals: the next cycle of a subscription is charged when its time has come (payments.md §5).

Each cycle has one payment, which the database holds to; each try of it has one mark, so that it is made once. The
subscription moves on in the very transaction in which that payment succeeds or is declined, whoever brought that about:
so there is nothing that a crash could tear apart, and nothing to be done twice.
"""

from collections.abc import Awaitable, Callable

import asyncpg
import msgspec

from odus.events.actions import note
from odus.kit.db import Write
from odus.kit.permissions import Mark, Principal
from odus.kit.problems import (
    ATTEMPT_IN_PROGRESS,
    CONFLICT,
    CUSTOMER_RESTRICTED,
    GATEWAY_TIMEOUT,
    IDEMPOTENCY_IN_PROGRESS,
    VALIDATION_FAILED,
    Problem,
)
from odus.kit.times import Moment, now
from odus.kit.versions import IfMatch, StaleError
from odus.payments import actions as payments
from odus.payments import queries as payment_queries
from odus.payments import rules as payment_rules
from odus.payments.creating import of_cycle
from odus.payments.model import PaymentAuthorize
from odus.payments.moving import SUBSCRIPTION_ENDED
from odus.payments.record import RENEWAL
from odus.payments.record import Record as PaymentRecord
from odus.renewals import ending
from odus.subscriptions import actions, queries, rules
from odus.subscriptions.record import Record

PASSING = (ATTEMPT_IN_PROGRESS, IDEMPOTENCY_IN_PROGRESS, GATEWAY_TIMEOUT)
"""What says that the gateway's answer is still to come: the payment's own job sees to that."""
HOPELESS = (CUSTOMER_RESTRICTED, VALIDATION_FAILED, CONFLICT)
"""What says that nobody could charge it tomorrow either: restricted, its card detached, tried all too often."""


Put = Callable[[Write, Principal, Record, Record, Moment], Awaitable[Record]]
"""Writes a version over another one."""


async def fall_due(write: Write, who: Principal, subscription_id: str, at: Moment) -> bool:
    """Do to a subscription what falls due by a moment: charge its next cycle, or end it.

    False where somebody else is at it at this moment, and will have done it soon.
    """
    record = await queries.get(write, who.merchant_id, subscription_id)
    return await _do(write, who, record) if record is not None and _is_due(record, at) else True


async def catch_up(write: Write, who: Principal, subscription_id: str, at: Moment) -> bool:
    """Do as `fall_due`; tell whether more may be due by then: it lies cycles behind, and nobody else is at it."""
    record = await queries.get(write, who.merchant_id, subscription_id)
    if record is None or not _is_due(record, at):
        return False
    return await _do(write, who, record) and _is_due(rules.renewed(record), at)


def _is_due(record: Record, at: Moment) -> bool:
    return record.due_at is not None and record.due_at <= at


async def _do(write: Write, who: Principal, record: Record) -> bool:
    if record.cancel_at_period_end:
        return await _change(write, who, record, rules.cancelled(record, record.current_period_end), ending.end)
    if record.next_amount == 0:
        return await _change(write, who, record, rules.renewed(record))
    return await _charge(write, who, record)


async def _charge(write: Write, who: Principal, record: Record) -> bool:
    payment = await _payment(write, who, record)
    if payment is None or payment.attempt is not None:
        return False
    if payment.challenge is not None:  # who pays it by hand is asked to confirm that
        return await _change(write, who, record, rules.put_off(record, payment.challenge.expires_at, now()))
    tried = msgspec.structs.replace(who, mark=_mark(record))
    data = PaymentAuthorize(payment_method=record.payment_method)
    try:
        await payments.authorize(write, tried, payment.id, data, IfMatch())
    except Problem as problem:
        if problem.kind in PASSING:
            return problem.kind is GATEWAY_TIMEOUT  # this was ours; the others are about somebody else's
        if problem.kind is CONFLICT and payment_rules.takes_more(payment, "authorize"):
            return False  # it was paid, begun or cancelled by hand meanwhile: it is looked at again
        if problem.kind not in HOPELESS:
            raise
        detail = rules.DETACHED if problem.kind is VALIDATION_FAILED else problem.detail.rstrip(".")
        return await _change(write, who, record, rules.stopped(record, detail))
    return True


def _mark(record: Record) -> Mark:
    """Return what a try is known by: what changes with the next one is when the last one failed, and how often."""
    text = f"{record.id} {record.current_cycle + 1} {record.retries} {record.due_at}"
    return Mark(f"{RENEWAL}{text}", "")


async def _payment(write: Write, who: Principal, record: Record) -> PaymentRecord | None:
    """Return the one payment of the next cycle, made now where it is not there; None where none is to be."""
    cycle = record.current_cycle + 1
    found = await payment_queries.of_cycle(write, who.merchant_id, record.id, cycle)
    if found is not None:
        return found
    made = await of_cycle(write, who, record)
    try:
        async with write.transaction() as transaction:
            entry = note(who, "payment.created", None, made.payment)
            await payment_queries.insert(transaction, made, entry)
    except asyncpg.UniqueViolationError:  # another worker was first
        return await _payment(write, who, record)
    except asyncpg.CheckViolationError as error:
        if error.constraint_name == SUBSCRIPTION_ENDED:
            return None
        raise
    return made


async def _change(write: Write, who: Principal, before: Record, changed: Record, put: Put = actions.write_over) -> bool:
    try:
        await put(write, who, before, changed, now())
    except StaleError:
        return False  # whatever it is now, it is looked at again
    except Problem as problem:
        if problem.kind not in PASSING:
            raise
        return False
    return True
