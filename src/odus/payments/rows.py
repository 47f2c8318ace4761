"""Rows: a payment's record as the columns of its table hold it."""

import asyncpg
import msgspec

from odus.kit import bodies, folding, metadata
from odus.kit.times import Moment
from odus.payments.model import Cart, PaymentMethodOptions, Transaction
from odus.payments.record import Attempt, Challenge, Record


def version(record: Record) -> tuple[object, ...]:
    """Return what tells a version from all others: when it was shown otherwise, and what of it is not shown."""
    return record.updated_at, _json(record.attempt), bodies.text(record.requests)


def held(record: Record) -> tuple[object, ...]:
    """Return what says which attempt is under way, and when it is asked about."""
    return _json(record.attempt), bodies.text(record.requests), record.due_at, record.reconcile_at


def changing(record: Record) -> tuple[object, ...]:
    """Return what may change of a payment."""
    return (
        record.id,
        record.status,
        record.amount_captured,
        record.amount_reversed,
        record.captured_at,
        record.chargeback_recorded_at,
        record.payment_method,
        record.capture_at,
        record.return_url,
        bodies.text(record.transactions),
        bodies.text(record.metadata),
        _json(folding.kept_of_object(record.metadata)),
        record.reference,
        _json(record.attempt),
        _json(record.challenge),
        bodies.text(record.requests),
        record.due_at,
        record.reconcile_at,
        record.has_failed,
        record.updated_at,
        record.subscription,
        record.gateway_profile,
    )


def fixed(record: Record) -> tuple[object, ...]:
    """Return what stays as it was made."""
    return (
        record.amount,
        record.currency,
        record.initiator,
        record.off_session_type,
        record.customer,
        _json(record.cart),
        _json(record.payment_method_options),
        record.capture_method,
        record.capture_delay,
        record.checkout_key,
        record.cycle,
        record.created_at,
    )


def _json(value: object) -> str | None:
    return None if value is None else bodies.text(value)


_decode_cart = msgspec.json.Decoder(Cart).decode
_decode_options = msgspec.json.Decoder(PaymentMethodOptions).decode
_decode_requests = msgspec.json.Decoder(dict[str, str]).decode
_decode_transactions = msgspec.json.Decoder(list[Transaction], dec_hook=bodies.parse_custom).decode
_decode_attempt = msgspec.json.Decoder(Attempt, dec_hook=bodies.parse_custom).decode
_decode_challenge = msgspec.json.Decoder(Challenge, dec_hook=bodies.parse_custom).decode


def _moment(row: asyncpg.Record, name: str) -> Moment | None:
    at = row[name]
    return at and Moment.of(at)


def record(row: asyncpg.Record) -> Record:
    """Return what a row holds."""
    return Record(
        id=row["id"],
        status=row["status"],
        amount=row["amount"],
        currency=row["currency"],
        amount_captured=row["amount_captured"],
        amount_reversed=row["amount_reversed"],
        captured_at=_moment(row, "captured_at"),
        chargeback_recorded_at=_moment(row, "chargeback_recorded_at"),
        initiator=row["initiator"],
        off_session_type=row["off_session_type"],
        customer=row["customer_id"],
        payment_method=row["payment_method_id"],
        subscription=row["subscription_id"],
        cycle=row["cycle"],
        cart=row["cart"] and _decode_cart(row["cart"]),
        payment_method_options=row["payment_method_options"] and _decode_options(row["payment_method_options"]),
        capture_method=row["capture_method"],
        capture_delay=row["capture_delay"],
        capture_at=_moment(row, "capture_at"),
        return_url=row["return_url"],
        transactions=_decode_transactions(row["transactions"]),
        metadata=metadata.load(row["metadata"]),
        gateway_profile=row["gateway_profile_id"],
        checkout_key=row["checkout_key"],
        reference=row["reference"],
        attempt=row["attempt"] and _decode_attempt(row["attempt"]),
        challenge=row["challenge"] and _decode_challenge(row["challenge"]),
        requests=_decode_requests(row["requests"]),
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )
