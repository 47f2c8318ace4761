"""Rules: how a subscription goes from one state to the next (payments.md §5). No clock and no database in here."""

from datetime import timedelta

import msgspec

from odus.gateways.protocol import DeclineType
from odus.kit import problems
from odus.kit.ids import new_id
from odus.kit.problems import CONFLICT, FieldError
from odus.kit.times import Moment
from odus.products.model import Price
from odus.subscriptions.calendar import end_of
from odus.subscriptions.record import Record

RETRY_DAYS = (1, 3, 5, 7)
"""How many days after the first decline a charge is tried again; then billing stops (payments.md §5)."""
RETRY_PAUSE = timedelta(days=1)
"""How long after a try the next one is at least: what was missed while no worker ran is not tried all at once."""
UNHEARD_PAUSE, LONGEST_UNHEARD_PAUSE = timedelta(minutes=1), timedelta(hours=6)
"""How long after a try that never reached the gateway the next one is made; each further pause is twice as long."""
CONFIRMED_BY = timedelta(minutes=1)
"""How long after the end of a confirmation its outcome is known."""

DETACHED = "The payment method is detached, and can no longer be charged"
"""Why billing stops where nobody was asked to charge the method."""

replace = msgspec.structs.replace


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that succeeded, of which subscriptions are born."""

    payment: str
    customer: str
    payment_method: str
    is_chargeable: bool = True
    """False where the method was detached meanwhile: what was paid begins all the same, and then billing stops."""


class Refused(msgspec.Struct, frozen=True):
    """A charge that was declined: whether it is worth another try, and the code of the reason."""

    decline: DeclineType | None
    code: str


def born(paid: Paid, price: Price, quantity: int, timezone: str, at: Moment) -> Record:
    """Begin a subscription whose first cycle was just paid for."""
    assert price.billing_schedule  # noqa: S101 - a recurring price has one
    end = end_of(price.billing_schedule, at, timezone, 1)
    record = Record(
        id=new_id("sub"),
        customer=paid.customer,
        price=price.id,
        quantity=quantity,
        currency=price.currency,
        schedule=price.billing_schedule,
        timezone=timezone,
        payment=paid.payment,
        payment_method=paid.payment_method,
        start_date=at,
        current_period_start=at,
        current_period_end=end,
        due_at=end,
        metadata={},
        created_at=at,
        updated_at=at,
    )
    return record if paid.is_chargeable else stopped(record, DETACHED)


def renewed(record: Record) -> Record:
    """Begin the next cycle, which was paid for: it follows the last one without a gap, however late that was."""
    cycle = record.current_cycle + 1
    end = end_of(record.schedule, record.start_date, record.timezone, cycle)
    return replace(
        record,
        current_cycle=cycle,
        current_period_start=record.current_period_end,
        current_period_end=end,
        disabled_reason=None,
        disabled_detail=None,
        failed_at=None,
        retries=0,
        due_at=end,
    )


def declined(record: Record, refused: Refused, at: Moment) -> Record:
    """Take it that the next cycle's charge was declined: it is tried again some days later, or billing stops."""
    detail = f"Declined: {refused.code}"
    if refused.decline == "hard_decline" or record.retries == len(RETRY_DAYS):
        return stopped(record, detail)
    failed_at = record.failed_at or at
    return replace(
        record,
        disabled_reason="latest_invoice_retrying",
        disabled_detail=detail,
        failed_at=failed_at,
        retries=record.retries + 1,
        due_at=Moment.of(max(failed_at + timedelta(days=RETRY_DAYS[record.retries]), at + RETRY_PAUSE)),
    )


def unheard(record: Record, times: int, at: Moment) -> Record:
    """Take it that a try, the so manieth in a row, never reached the gateway: nobody declined it."""
    pause = min(UNHEARD_PAUSE * 2 ** min(times - 1, 10), LONGEST_UNHEARD_PAUSE)
    return replace(record, due_at=Moment.of(at + pause))


def put_off(record: Record, until: Moment, at: Moment) -> Record:
    """Let the next charge wait for a payer who is asked to confirm it, until a little after that has ended."""
    return replace(record, due_at=Moment.of(max(until, at) + CONFIRMED_BY))


def stopped(record: Record, detail: str) -> Record:
    """Charge it no more by itself, for a reason in words, until somebody resumes it."""
    if record.cancel_at_period_end:
        return cancelled(record, record.current_period_end)
    return replace(record, disabled_reason="recurring_payment_errored", disabled_detail=detail, due_at=None)


def cancelled(record: Record, at: Moment) -> Record:
    """End it for good."""
    return replace(
        record,
        status="cancelled",
        cancelled_at=at,
        disabled_reason="subscription_cancelled",
        disabled_detail=None,
        due_at=None,
    )


def cancelling(record: Record, at: Moment, *, at_once: bool) -> Record:
    """Cancel now, or at the end of the period that is paid for; where that is over, that is now.

    Raises `conflict` for one that is cancelled, `validation_failed` where it is to end with its period already.
    """
    _refuse_cancelled(record)
    if at_once or at >= record.current_period_end:
        return cancelled(record, at)
    if record.cancel_at_period_end:
        message = "is the only way left: the subscription ends with its period already"
        raise problems.invalid([FieldError("cancelImmediately", "invalid_value", message)])
    return replace(record, cancel_at_period_end=True)


def resumed(record: Record, at: Moment) -> Record:
    """Let it go on: not end with its period, and be charged again. Raises `conflict` where nothing is to be resumed."""
    _refuse_cancelled(record)
    if not record.cancel_at_period_end and record.disabled_reason is None:
        raise CONFLICT("The subscription goes on as it is; there is nothing to resume.")
    return replace(
        record,
        cancel_at_period_end=False,
        disabled_reason=None,
        disabled_detail=None,
        failed_at=None,
        retries=0,
        due_at=max(record.current_period_end, at) if record.disabled_reason else record.due_at,
    )


def _refuse_cancelled(record: Record) -> None:
    if record.status == "cancelled":
        raise CONFLICT("The subscription is cancelled, for good.")
