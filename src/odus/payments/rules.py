"""Rules: how a payment goes from one state to the next (payments.md §4). No clock, no database, no gateway in here.

What needs the gateway is two steps: one that puts the attempt on record, and `ended`, which takes the answer.
"""

from datetime import timedelta
from typing import Literal

import msgspec

from odus.gateways.declines import because
from odus.gateways.protocol import Answer, Approved, CardFacts, Challenged, Declined
from odus.kit import problems
from odus.kit.ids import new_id
from odus.kit.problems import CONFLICT, FieldError, Problem
from odus.kit.times import Moment
from odus.payments.model import MOST_TRANSACTIONS, CardShown, Outcome, Transaction, TransactionType
from odus.payments.record import Attempt, Challenge, Record, told

CHALLENGE_FOR = timedelta(hours=24)
"""How long a payer has for a confirmation; then the payment is open again."""

SUCCESS = Outcome(status="success")
UNREACHABLE = "gateway_unreachable"
"""What is said of an attempt that never reached the gateway."""

Begun = Literal["authorize", "capture", "refund", "void"]

_CONFIRMED = ("authorize", "complete")
"""What a payer may be asked to confirm."""

_ENDINGS = ("complete", "cancel", "expire")
"""What ends a challenge."""

_TYPES: dict[Begun, TransactionType] = {
    "authorize": "authorize",
    "capture": "capture",
    "refund": "reverse",
    "void": "reverse",
}

replace = msgspec.structs.replace


def authorizing(
    record: Record, at: Moment, *, card: CardShown | None, payment_method: str | None, saves: bool
) -> Record:
    """Put an authorization on record. Raises `conflict` unless the payment is open."""
    if record.status != "open":
        raise CONFLICT(f"The payment is {_WORDS[record.status]}; only an open one can be authorized.")
    begun = _begin(record, at, "authorize", record.amount, card)
    assert begun.attempt  # noqa: S101 - it was begun
    return replace(begun, attempt=replace(begun.attempt, payment_method=payment_method, saves=saves))


def completing(record: Record, at: Moment) -> Record:
    """Put the end of a challenge on record. Raises `conflict` where none is due."""
    if record.challenge is None:
        raise CONFLICT(f"The payment is {_WORDS[record.status]}; nothing has to be confirmed.")
    return _ending(record, record.challenge, at, "complete")


def capturing(record: Record, at: Moment, amount: int | None) -> Record:
    """Put a capture on record. Raises `conflict` unless it is authorized and uncaptured; `validation_failed`."""
    _refuse_captured(record, "captured")
    wanted = record.amount if amount is None else amount
    if wanted > record.amount:
        raise _too_much(f"must be at most the {record.amount} that were authorized")
    return _begin(record, at, "capture", wanted, _card(record))


def voiding(record: Record, at: Moment) -> Record:
    """Put the release of an authorization on record. Raises `conflict` unless it is authorized and uncaptured."""
    _refuse_captured(record, "voided")
    return _begin(record, at, "void", record.amount, _card(record))


def refunding(record: Record, at: Moment, amount: int | None) -> Record:
    """Put a refund on record. Raises `conflict` where nothing is left to give back; `validation_failed`."""
    return _begin(record, at, "refund", _refundable(record, amount), _card(record))


def refunded_elsewhere(record: Record, at: Moment, amount: int | None) -> Record:
    """Record a refund that was made elsewhere. Raises as `refunding`."""
    wanted = _refundable(record, amount)
    refuse_attempt(record)
    _refuse_more(record, "reverse")
    made = Transaction(
        id=new_id("txn"),
        type="reverse",
        amount=wanted,
        outcome=SUCCESS,
        card=None,
        is_external=True,
        created_at=at,
    )
    return replace(record, amount_reversed=record.amount_reversed + wanted, transactions=[*record.transactions, made])


def cancelled(record: Record, at: Moment) -> Record:
    """Cancel a payment that was not authorized; where a payer may still confirm it, put on record that it is to be.

    Raises `conflict` where it is cancelled already.
    """
    if record.status == "cancelled":
        raise CONFLICT("The payment is cancelled already.")
    refuse_attempt(record)
    if record.challenge is not None:
        return _ending(record, record.challenge, at, "cancel")
    return replace(record, status="cancelled")


def expiring(record: Record, at: Moment) -> Record | None:
    """Put on record that a challenge is ended which nobody completed in time; None where there is none such."""
    challenge = record.challenge
    if challenge is None or record.attempt is not None or challenge.expires_at > at:
        return None
    return _ending(record, challenge, at, "expire")


def as_of(record: Record, at: Moment) -> Record:
    """Return a payment as its payer is shown it: open again where its challenge is over, ended yet or not."""
    return record if expiring(record, at) is None else _expired(record)


def charged_back(record: Record, at: Moment) -> Record:
    """Record that the payer had the money back through the bank. Raises `conflict` unless it was captured."""
    if record.captured_at is None:
        raise CONFLICT("Only a payment that was captured can be charged back.")
    if record.chargeback_recorded_at is not None:
        raise CONFLICT("The payment's chargeback is recorded already.")
    return replace(record, chargeback_recorded_at=at)


def ended(record: Record, answer: Answer, at: Moment, saved: str | None) -> Record:
    """Take the gateway's answer to the attempt on record. `saved` is the payment method that its card was saved as."""
    attempt = record.attempt
    assert attempt  # noqa: S101 - the caller looked
    record = replace(record, attempt=None)
    match answer:
        case Declined():
            return _declined(record, attempt, answer)
        case Challenged() if attempt.kind in _CONFIRMED:
            return _challenged(record, attempt, answer, at)
        case Challenged() if attempt.kind in _ENDINGS:
            return record  # it stands as it stood
        case Challenged():
            return _declined(record, attempt, because("authentication_required"))
        case Approved():
            return _ENDS[attempt.kind](record, attempt, answer, at, saved)


def never_arrived(record: Record, at: Moment) -> Record:
    """Take it that the attempt on record never reached the gateway, and never will: no money was moved."""
    attempt = record.attempt
    assert attempt  # noqa: S101 - the caller looked
    if attempt.kind in _ENDINGS:
        return replace(record, attempt=None)  # the payer can confirm it again, and it can be ended again
    failed = ended(record, because(UNREACHABLE), at, None)
    return replace(failed, capture_at=record.capture_at)  # what falls due is tried again


def card_to_save(record: Record, answer: Answer) -> CardFacts | None:
    """Return the card that is to be saved for the customer now that it was authorized; None where there is none."""
    attempt, challenge = record.attempt, record.challenge
    if not isinstance(answer, Approved) or attempt is None or record.customer is None:
        return None
    if attempt.kind in _ENDINGS and challenge is not None:
        return challenge.card if challenge.saves else None
    return answer.card if attempt.kind == "authorize" and attempt.saves else None


def refuse_attempt(record: Record) -> None:
    """Raise `attempt_in_progress` while the gateway has not answered."""
    if record.attempt is not None:
        raise problems.ATTEMPT_IN_PROGRESS("Another attempt on this payment is still under way.")


def _begin(record: Record, at: Moment, kind: Begun, amount: int, card: CardShown | None) -> Record:
    refuse_attempt(record)
    _refuse_more(record, _TYPES[kind])
    made = Transaction(id=new_id("txn"), type=_TYPES[kind], amount=amount, outcome=None, card=card, created_at=at)
    attempt = Attempt(kind=kind, transaction=made.id, key=made.id, amount=amount, began_at=at)
    return replace(record, attempt=attempt, transactions=[*record.transactions, made])


def takes_more(record: Record, kind: TransactionType) -> bool:
    """Tell whether it has fewer transactions of a type than it can have."""
    return sum(each.type == kind for each in record.transactions) < MOST_TRANSACTIONS


def unheard(record: Record) -> int:
    """Return how many of its last attempts in a row never reached the gateway."""
    arrived = (each.outcome is None or each.outcome.error_code != UNREACHABLE for each in reversed(record.transactions))
    return next((number for number, has_arrived in enumerate(arrived) if has_arrived), len(record.transactions))


def _refuse_more(record: Record, kind: TransactionType) -> None:
    """Raise `conflict` at the limit of a type: failed authorizations must not stand in the way of a refund."""
    if not takes_more(record, kind):
        raise CONFLICT(f"The payment has {MOST_TRANSACTIONS} transactions of this type, and takes no more.")


def _ending(record: Record, challenge: Challenge, at: Moment, kind: Literal["complete", "cancel", "expire"]) -> Record:
    refuse_attempt(record)
    attempt = Attempt(
        kind=kind,
        transaction=challenge.transaction,
        key=f"{challenge.transaction}.{kind}.{new_id('try')}",
        amount=record.amount,
        began_at=at,
    )
    return replace(record, attempt=attempt)


def _authorized(record: Record, attempt: Attempt, answer: Approved, at: Moment, saved: str | None) -> Record:
    method = saved or (record.challenge.payment_method if record.challenge else attempt.payment_method)
    record = replace(
        _with_outcome(record, attempt.transaction, SUCCESS),
        status="succeeded",
        reference=answer.reference,
        payment_method=method,
        challenge=None,
    )
    if record.capture_method == "automatic":
        made = replace(record.transactions[-1], id=new_id("txn"), type="capture", outcome=SUCCESS, created_at=at)
        record = replace(record, transactions=[*record.transactions, made])
        return replace(record, amount_captured=record.amount, captured_at=at)
    if record.capture_method == "automaticDelayed":
        return replace(record, capture_at=Moment.of(at + timedelta(days=record.capture_delay or 1)))
    return record


def _captured(record: Record, attempt: Attempt, answer: Approved, at: Moment, saved: str | None) -> Record:
    del answer, saved
    record = _with_outcome(record, attempt.transaction, SUCCESS)
    return replace(record, amount_captured=attempt.amount, captured_at=at, capture_at=None)


def _refunded(record: Record, attempt: Attempt, answer: Approved, at: Moment, saved: str | None) -> Record:
    del answer, at, saved
    record = _with_outcome(record, attempt.transaction, SUCCESS)
    return replace(record, amount_reversed=record.amount_reversed + attempt.amount)


def _voided(record: Record, attempt: Attempt, answer: Approved, at: Moment, saved: str | None) -> Record:
    del answer, at, saved
    return replace(_with_outcome(record, attempt.transaction, SUCCESS), status="cancelled", capture_at=None)


_ENDS = {
    "authorize": _authorized,
    "complete": _authorized,
    "cancel": _authorized,
    "expire": _authorized,
    "capture": _captured,
    "refund": _refunded,
    "void": _voided,
}


def _declined(record: Record, attempt: Attempt, answer: Declined) -> Record:
    match attempt.kind:
        case "cancel":
            failed = _failed(record, attempt.transaction, because("action_abandoned"))
            return replace(failed, status="cancelled", challenge=None)
        case "expire":
            return _expired(record)
        case "complete":
            return replace(_failed(record, attempt.transaction, answer), status="open", challenge=None)
        case "capture":  # what could not be captured by itself is for a person to look at
            return replace(_failed(record, attempt.transaction, answer), capture_at=None)
        case _:
            return _failed(record, attempt.transaction, answer)


def _expired(record: Record) -> Record:
    assert record.challenge  # noqa: S101 - it is what ends
    failed = _failed(record, record.challenge.transaction, because("authentication_expired"))
    return replace(failed, status="open", challenge=None)


def _challenged(record: Record, attempt: Attempt, answer: Challenged, at: Moment) -> Record:
    challenge = Challenge(
        transaction=attempt.transaction,
        reference=answer.reference,
        redirect_url=answer.redirect_url,
        expires_at=Moment.of(at + CHALLENGE_FOR),
        card=answer.card,
        payment_method=attempt.payment_method,
        saves=attempt.saves,
    )
    return replace(record, status="requires_action", challenge=challenge)


def _failed(record: Record, transaction: str, declined: Declined) -> Record:
    return _with_outcome(record, transaction, told(declined))


def _with_outcome(record: Record, transaction: str, outcome: Outcome) -> Record:
    known = [replace(each, outcome=outcome) if each.id == transaction else each for each in record.transactions]
    return replace(record, transactions=known)


def _refundable(record: Record, amount: int | None) -> int:
    left = record.amount_captured - record.amount_reversed
    if record.status != "succeeded" or record.captured_at is None:
        raise CONFLICT("Only a payment that was captured can be refunded; an uncaptured one is voided as a whole.")
    if left == 0:
        raise CONFLICT("The payment is reversed already, all of it.")
    wanted = left if amount is None else amount
    if wanted > left:
        raise _too_much(f"must be at most {left}, which is what is left of what was captured")
    return wanted


def _refuse_captured(record: Record, done: str) -> None:
    if record.status != "succeeded":
        raise CONFLICT(f"The payment is {_WORDS[record.status]}; only an authorized one can be {done}.")
    if record.captured_at is not None:
        raise CONFLICT("The payment was captured already; what is left of it can be refunded.")


def _too_much(message: str) -> Problem:
    return problems.invalid([FieldError("amount", "out_of_range", message)])


def _card(record: Record) -> CardShown | None:
    return next((each.card for each in reversed(record.transactions) if each.type == "authorize"), None)


_WORDS = {
    "open": "open",
    "requires_action": "waiting for the payer to confirm it",
    "succeeded": "authorized already",
    "cancelled": "cancelled",
}
