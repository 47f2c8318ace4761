"""Moving money: an attempt goes on record, then to the gateway, then its answer onto the record (decision 0014).

No transaction is open while the gateway is asked. Whatever happens in between, the record says what was to be done and
under which key, so that `reconcile` can ask the gateway what became of it: money is moved once, or not at all.
"""

import time
from collections.abc import Awaitable, Callable

import asyncpg
import msgspec

from odus.events.actions import note
from odus.gateways.answers import storable
from odus.gateways.connect import connect
from odus.gateways.protocol import Answer, ClosedError, Gateway, GatewayError
from odus.kit import deadlines, problems
from odus.kit.db import Write
from odus.kit.logs import log
from odus.kit.permissions import Mark, Principal
from odus.kit.problems import CONFLICT
from odus.kit.requests import not_found
from odus.kit.times import Moment, after, everywhere, now
from odus.kit.versions import IfMatch, StaleError
from odus.payment_methods import actions as payment_methods
from odus.payments import following, marks, queries, rules
from odus.payments.model import Payment
from odus.payments.record import Attempt, Record

GATEWAY_SECONDS = 20.0
"""How long a gateway may take to answer."""
START_SECONDS = 10.0
"""How long after its record a call is still sent; later, `reconcile` may have asked about it already."""

SUBSCRIPTION_ENDED = "payments_subscription_ended"
"""The constraint that keeps a cycle from being charged of a subscription that ended, or is to end before it."""
METHOD_DETACHED = "payments_attempt_method"
"""The constraint that keeps a payment method from being charged once it is detached."""

replace = msgspec.structs.replace

Step = Callable[[Record, Moment], Awaitable[Record]]
"""Puts an attempt on record, or changes a payment at once; raises where that is not possible."""
Send = Callable[[Gateway, Record, Attempt], Awaitable[Answer]]
"""Asks the gateway for what the attempt says."""


async def change(write: Write, who: Principal, payment_id: str, if_match: IfMatch, step: Step) -> Payment:
    """Change a payment without the gateway. Raises `not_found`, `precondition_failed`, and what the step raises."""
    while True:
        before = await load(write, who, payment_id)
        if_match.check(before.payment)
        changed = await step(before, now())
        if changed == before:
            return before.payment
        if written := await _written(write, who, before, changed):
            return written.payment


class Move(msgspec.Struct, frozen=True):
    """What is to happen by way of the gateway: what goes on record, and what is then asked."""

    step: Step
    send: Send


async def move(write: Write, who: Principal, payment_id: str, if_match: IfMatch, planned: Move) -> Payment:
    """Change a payment by way of the gateway, once for one request however often that is sent.

    A step that puts no attempt on record is all that happens. A challenge that is over is ended first. Raises as
    `change`, `attempt_in_progress` and `gateway_timeout`.
    """
    while True:
        started = time.monotonic()
        before = await load(write, who, payment_id)
        if _is_known(before, who.mark):
            return before.payment
        if_match.check(before.payment)
        if rules.expiring(before, now()):
            ended = await expire(write, who, before, now())
            if_match = if_match.moved(before.payment, ended.payment)
            continue
        changed = _marked(await planned.step(before, now()), who.mark)
        if written := await _begun(write, who, before, changed):
            break
    if written.attempt is None:
        return written.payment
    if time.monotonic() - started > START_SECONDS:
        raise problems.GATEWAY_TIMEOUT("The request waited too long to be sent to the gateway.")
    return (await _sent(write, who, written, written.attempt, planned.send)).payment


async def expire(write: Write, who: Principal, record: Record, at: Moment) -> Record:
    """End a challenge that is over by a moment, at the gateway first: nobody is to confirm it later.

    Where the payer did so already, the payment is paid. Returns the record as it is then. Raises `gateway_timeout`.
    """
    changed = rules.expiring(record, at)
    if changed is None:
        return record
    written = await _written(write, who, record, _marked(changed, None))
    if written is None or written.attempt is None:
        return await load(write, who, record.id)  # somebody else came first
    ended = await _sent(write, who, written, written.attempt, withdraw)
    if rules.expiring(ended, at):
        raise problems.GATEWAY_TIMEOUT("The gateway did not end the confirmation that is over; it is asked again.")
    return ended


async def withdraw(gateway: Gateway, record: Record, attempt: Attempt) -> Answer:
    """Let the gateway end the challenge for good (a `Send`)."""
    assert record.challenge  # noqa: S101 - the attempt is about it
    return await gateway.withdraw(attempt.key, record.challenge.reference)


async def reconcile(write: Write, who: Principal, record: Record) -> None:
    """Ask the gateway what became of the attempt on record, and end it so. Raises `GatewayError` without an answer."""
    if record.attempt is None:
        return
    gateway = await connect(write, who.merchant_id, record.gateway_profile)
    answer = await gateway.find(record.attempt.key)
    await _ended(write, who, record.id, record.attempt.key, answer)


async def load(write: Write, who: Principal, payment_id: str) -> Record:
    """Return a payment's record. Raises `not_found`."""
    record = await queries.get(write, who.merchant_id, payment_id)
    if record is None:
        raise not_found()
    return record


def _is_known(record: Record, mark: Mark | None) -> bool:
    """Tell whether a request did to the payment already what it asks."""
    asked = mark and marks.asked(record, mark.request, everywhere())
    if mark is None or asked is None:
        return False
    if asked != mark.fingerprint:
        raise problems.IDEMPOTENCY_MISMATCH("This Idempotency-Key was used for another request.")
    if record.attempt is not None and record.attempt.request == mark.request:
        raise problems.IDEMPOTENCY_IN_PROGRESS("A request with this Idempotency-Key is still running.")
    return True


def _marked(record: Record, mark: Mark | None) -> Record:
    """Note which request an attempt is of, and when it began: by the clock that the gateway goes by too."""
    at = everywhere()
    attempt = record.attempt and replace(record.attempt, began_at=at, request=mark.request if mark else "")
    return replace(record, attempt=attempt, requests=marks.noted(record, mark, at) if mark else record.requests)


async def _begun(write: Write, who: Principal, before: Record, changed: Record) -> Record | None:
    """Put an attempt on record; of a cycle only while its subscription goes on.

    None where another came first, who detached the payment method among them: that is for the step to say.
    """
    if changed.cycle is None and (changed.attempt is None or changed.attempt.payment_method is None):
        return await _written(write, who, before, changed)
    try:
        async with write.transaction() as transaction:
            return await _written(transaction, who, before, changed)
    except asyncpg.CheckViolationError as error:
        if error.constraint_name == SUBSCRIPTION_ENDED:
            raise CONFLICT("The payment's subscription is cancelled: its next cycle is charged no more.") from None
        if error.constraint_name == METHOD_DETACHED:
            return None
        raise


async def _sent(write: Write, who: Principal, record: Record, attempt: Attempt, send: Send) -> Record:
    try:
        async with deadlines.elsewhere(GATEWAY_SECONDS):
            gateway = await connect(write, who.merchant_id, record.gateway_profile)
            answer = await send(gateway, record, attempt)
    except ClosedError:
        return await load(write, who, record.id)  # it was taken for lost meanwhile
    except (GatewayError, TimeoutError):
        raise problems.GATEWAY_TIMEOUT(
            "The gateway did not answer in time; what became of it is being asked."
        ) from None
    return await _ended(write, who, record.id, attempt.key, answer)


async def _ended(write: Write, who: Principal, payment_id: str, key: str, answer: Answer | None) -> Record:
    """Take the answer to the attempt with this key onto the record; nothing where somebody else did already.

    Nothing that the answer holds may keep it from going on record: money was moved.
    """
    answer, saves = answer and storable(answer), True
    while True:
        record = await load(write, who, payment_id)
        if record.attempt is None or record.attempt.key != key:
            return record
        try:
            if written := await _end(write, who, record, answer, saves=saves):
                return written
        except payment_methods.CROSSED:
            continue
        except payment_methods.UnsavableError as error:
            log.error("card not saved", payment=payment_id, reason=type(error.__cause__).__name__)
            saves = False


async def _end(write: Write, who: Principal, record: Record, answer: Answer | None, *, saves: bool) -> Record | None:
    """Take an answer onto the record, in one transaction with all that follows from it."""
    card = rules.card_to_save(record, answer) if saves and answer is not None else None
    if card is None and not record.births and record.cycle is None:
        return await _written(write, who, record, _after(record, answer, now(), None))
    async with write.transaction() as transaction:
        saved = None
        if card is not None and record.customer is not None:
            saved = await payment_methods.save(transaction, who, record.customer, card, record.gateway_profile)
        at = now()
        changed = _after(record, answer, at, saved and saved.id)
        changed = await following.begin(transaction, who, record, changed, at)
        written = await _written(transaction, who, record, changed)
        if written is None:
            raise StaleError
        await following.move_on(transaction, who, record, written)
        return written


def _after(record: Record, answer: Answer | None, at: Moment, saved: str | None) -> Record:
    return rules.never_arrived(record, at) if answer is None else rules.ended(record, answer, at, saved)


async def _written(write: Write, who: Principal, before: Record, changed: Record) -> Record | None:
    """Write a version over the one that it was worked out from, and its event; None where another came first."""
    if changed.payment == before.payment:  # nothing that is shown, so it is no new version and no event
        return changed if await queries.hold(write, who.merchant_id, before, changed) else None
    changed = replace(changed, updated_at=after(before.updated_at, now()))
    entry = note(who, "payment.updated", before.payment, changed.payment)
    return changed if await queries.update(write, before, changed, entry) else None
