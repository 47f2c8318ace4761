"""Following: what the end of an attempt means for subscriptions, in the same transaction (payments.md §5)."""

import msgspec

from odus.kit.db import Write
from odus.kit.permissions import Principal
from odus.kit.times import Moment
from odus.kit.versions import StaleError
from odus.payment_methods import queries as payment_methods
from odus.payments import rules
from odus.payments.record import Record
from odus.subscriptions import actions as subscriptions
from odus.subscriptions.rules import Paid, Refused


async def begin(write: Write, who: Principal, before: Record, after: Record, at: Moment) -> Record:
    """Begin the subscriptions that were paid for at a moment; return the payment, which names the first of them.

    Raises `StaleError` where the card that was just saved is detached at this moment: it is saved anew then.
    """
    is_paid = before.status != "succeeded" and after.status == "succeeded"
    if not (is_paid and after.births) or after.customer is None or after.payment_method is None:
        return after
    is_kept = await payment_methods.keep(write, who.merchant_id, after.payment_method)
    if not is_kept and after.payment_method != _named(before):
        raise StaleError
    paid = Paid(payment=after.id, customer=after.customer, payment_method=after.payment_method, is_chargeable=is_kept)
    first = await subscriptions.begin(write, who, paid, after.births, at)
    return msgspec.structs.replace(after, subscription=first)


def _named(record: Record) -> str | None:
    """Return the saved method that is being charged; None for a card that was typed in."""
    being = record.challenge or record.attempt
    return being and being.payment_method


async def move_on(write: Write, who: Principal, before: Record, after: Record) -> None:
    """Move on the subscription whose cycle was charged, once its payment is written.

    A decline counts only where the subscription made the try itself: what a payer types in uses up none of its tries.
    Raises `StaleError` where the subscription changed meanwhile.
    """
    if after.cycle is None or after.subscription is None or before.status == "succeeded":
        return
    if after.status == "open" and before.attempt is not None and before.attempt.kind == "expire":
        return  # the next try was put off until then (`renewals`)
    outcome = after.transactions[-1].outcome
    if after.status == "succeeded":
        await subscriptions.renewed(write, who, after.subscription, after.cycle)
    elif before.attempt is None or not before.attempt.is_renewal or after.status != "open" or outcome is None:
        return
    elif unheard := rules.unheard(after):
        await subscriptions.unheard(write, who, after.subscription, after.cycle, unheard)
    else:
        refused = Refused(outcome.decline_type, outcome.error_code or "unknown")
        await subscriptions.declined(write, who, after.subscription, after.cycle, refused)
