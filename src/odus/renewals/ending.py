"""Ending: a subscription that is cancelled takes the payment with it that is open for its next cycle.

Payments are locked before subscriptions, here as where they are charged, so that the two never wait for each other.
"""

from odus.kit.db import Write
from odus.kit.permissions import Principal
from odus.kit.problems import ATTEMPT_IN_PROGRESS
from odus.kit.times import Moment, after, now
from odus.kit.versions import IfMatch, StaleError
from odus.payments import moving
from odus.payments import queries as payments
from odus.payments import rules as payment_rules
from odus.payments.record import Record as PaymentRecord
from odus.subscriptions import actions, rules
from odus.subscriptions.model import Subscription, SubscriptionCancel
from odus.subscriptions.record import Record


async def cancel(
    write: Write, who: Principal, subscription_id: str, data: SubscriptionCancel, if_match: IfMatch
) -> Subscription:
    """Cancel now or at the end of the period.

    Raises `conflict`, `attempt_in_progress`, and `validation_failed` where that is so already.
    """
    while True:
        before = await actions.load(write, who, subscription_id)
        if_match.check(before.subscription)
        at = after(before.updated_at, now())
        changed = rules.cancelling(before, at, at_once=data.cancel_immediately)
        try:
            if changed.status == "cancelled":
                return (await end(write, who, before, changed, at)).subscription
            return (await actions.write_over(write, who, before, changed, at)).subscription
        except StaleError:
            continue


async def end(write: Write, who: Principal, before: Record, ended: Record, at: Moment) -> Record:
    """Write the end of a subscription, and of the payment that is open for its next cycle, in one transaction.

    Raises `StaleError` where another came first, `attempt_in_progress` while that payment is being charged, or its
    payer is asked to confirm it: that takes the gateway to end, which no transaction may wait for.
    """
    async with write.transaction() as transaction:
        if (payment := await _open(transaction, who, before)) is not None:
            if payment.challenge is not None:
                raise ATTEMPT_IN_PROGRESS(f"The payer is asked to confirm {payment.id}: cancel that payment first.")
            await moving.change(transaction, who, payment.id, IfMatch(), _cancelled)
        written = await actions.write_over(transaction, who, before, ended, at)
        if await _open(transaction, who, before) is not None:
            raise StaleError  # it was made in between; from here on none is
        return written


async def _open(write: Write, who: Principal, record: Record) -> PaymentRecord | None:
    """Return the payment of the next cycle that can still be paid, where nobody is at it."""
    payment = await payments.of_cycle(write, who.merchant_id, record.id, record.current_cycle + 1)
    return payment if payment is not None and _is_idle(payment) else None


def _is_idle(payment: PaymentRecord) -> bool:
    return payment.is_payable and payment.attempt is None


async def _cancelled(payment: PaymentRecord, at: Moment) -> PaymentRecord:
    return payment_rules.cancelled(payment, at) if _is_idle(payment) and payment.challenge is None else payment
