"""What can happen with payments."""

from datetime import date

import asyncpg
import msgspec
from msgspec import UNSET

from odus.customers import actions as customers
from odus.customers import queries as customer_queries
from odus.customers.model import CustomerUpdate
from odus.events.actions import note
from odus.gateways import cards
from odus.gateways.protocol import Answer, Card, Gateway
from odus.kit import metadata, problems
from odus.kit.db import Read, Write
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import FieldError, Problem
from odus.kit.times import Moment, earliest_today
from odus.kit.versions import IfMatch
from odus.payment_methods import queries as payment_methods
from odus.payment_methods.model import PaymentMethod
from odus.payments import queries, rules
from odus.payments.creating import drawn_up
from odus.payments.model import (
    CardSent,
    CardShown,
    CustomerRestrictions,
    Initiator,
    Payment,
    PaymentAuthorize,
    PaymentCapture,
    PaymentCompleteAction,
    PaymentCreate,
    PaymentRecordChargeback,
    PaymentReverse,
    PaymentUpdate,
)
from odus.payments.moving import Move, change, move, withdraw
from odus.payments.record import Attempt, Record

CUSTOMER = "payments_customer"
PAYMENT_METHOD = "payments_payment_method"
"""The constraints that a payment of an unknown customer, and of a method that is not the customer's, violates."""

replace = msgspec.structs.replace


async def create(write: Write, who: Principal, data: PaymentCreate) -> Payment:
    """Make a payment; it charges nothing yet. Raises `validation_failed`, `customer_restricted`, `conflict`."""
    if data.payment_method is not None and data.customer is None:
        raise _invalid("paymentMethod", "invalid_value", "is a customer's: it must be given with its customer")
    await _refuse_restricted(write, who, data.customer, data.initiator)
    record = await drawn_up(write, who, data)
    if data.payment_method is not None:
        await _method(write, who, data.payment_method, data.customer)
    try:
        async with write.transaction() as transaction:
            await queries.insert(transaction, record, note(who, "payment.created", None, record.payment))
    except asyncpg.ForeignKeyViolationError as error:
        if error.constraint_name == CUSTOMER:
            raise _invalid("customer", "invalid_value", "is not a customer that you have") from None
        raise
    return record.payment


async def update(write: Write, who: Principal, payment_id: str, data: PaymentUpdate, if_match: IfMatch) -> Payment:
    """Change what is sent. Raises `not_found`, `precondition_failed`, `validation_failed`."""

    async def step(record: Record, _at: Moment) -> Record:
        return replace(
            record,
            metadata=metadata.merge(record.metadata, data.metadata),
            return_url=record.return_url if data.return_url is UNSET else data.return_url,
        )

    return await change(write, who, payment_id, if_match, step)


async def authorize(
    write: Write, who: Principal, payment_id: str, data: PaymentAuthorize, if_match: IfMatch
) -> Payment:
    """Charge a payment to a saved method or a card. A decline is an answer as any other.

    Raises `validation_failed`, `customer_restricted`, `conflict` unless it is open, and as `moving.move`.
    """
    card = data.card and _card(data.card)
    if card is not None and data.payment_method is not None:
        raise _invalid("paymentMethod", "invalid_value", "must not be given beside a card")

    async def step(record: Record, at: Moment) -> Record:
        await _refuse_restricted(write, who, record.customer, record.initiator)
        if card is not None:
            if record.births and not data.save_payment_method:
                raise _invalid("savePaymentMethod", "invalid_value", "must be true: a subscription is charged to it")
            shown = CardShown(brand=cards.brand(card.number), last_four=card.number[-4:])
            return rules.authorizing(record, at, card=shown, payment_method=None, saves=data.save_payment_method)
        named = data.payment_method or record.payment_method
        if named is None:
            raise _invalid("paymentMethod", "required", "is required, or a card: the payment names none")
        method = await _method(write, who, named, record.customer)
        shown = CardShown(brand=method.card.brand, last_four=method.card.last_four)
        begun = rules.authorizing(record, at, card=shown, payment_method=method.id, saves=False)
        token = await payment_methods.token(write, who.merchant_id, method.id)
        return replace(begun, gateway_profile=token.gateway_profile)  # no other gateway knows the token

    async def send(gateway: Gateway, record: Record, attempt: Attempt) -> Answer:
        means = card
        if attempt.payment_method is not None:
            token = await payment_methods.token(write, who.merchant_id, attempt.payment_method)
            return await gateway.authorize(attempt.key, record.order(on_token=True), token.value)
        assert means  # noqa: S101 - one of the two was given
        return await gateway.authorize(attempt.key, record.order(on_token=False), means)

    return await move(write, who, payment_id, if_match, Move(step, send))


async def complete_action(
    write: Write, who: Principal, payment_id: str, data: PaymentCompleteAction, if_match: IfMatch
) -> Payment:
    """End the confirmation that the payer was asked for: on the sandbox by either outcome, elsewhere by `failed` alone.

    Raises `conflict` where none is due.
    """

    async def step(record: Record, at: Moment) -> Record:
        await _refuse_restricted(write, who, record.customer, record.initiator)
        return rules.completing(record, at)

    async def send(gateway: Gateway, record: Record, attempt: Attempt) -> Answer:
        if data.outcome == "failed":
            return await withdraw(gateway, record, attempt)
        assert record.challenge  # noqa: S101 - the step saw it
        return await gateway.complete(attempt.key, record.challenge.reference)

    return await move(write, who, payment_id, if_match, Move(step, send))


async def capture(write: Write, who: Principal, payment_id: str, data: PaymentCapture, if_match: IfMatch) -> Payment:
    """Take what was authorized, or a part. Raises `conflict` unless it is authorized and uncaptured."""

    async def step(record: Record, at: Moment) -> Record:
        return rules.capturing(record, at, data.amount)

    async def send(gateway: Gateway, record: Record, attempt: Attempt) -> Answer:
        return await gateway.capture(attempt.key, record.reference or "", attempt.amount)

    return await move(write, who, payment_id, if_match, Move(step, send))


async def cancel(write: Write, who: Principal, payment_id: str, if_match: IfMatch) -> Payment:
    """Cancel what was not captured; what was authorized is released, and what may be confirmed is withdrawn.

    Where the payer confirmed it meanwhile, it is paid. Raises `conflict` otherwise.
    """

    async def step(record: Record, at: Moment) -> Record:
        return rules.voiding(record, at) if record.status == "succeeded" else rules.cancelled(record, at)

    async def send(gateway: Gateway, record: Record, attempt: Attempt) -> Answer:
        return await (withdraw if attempt.kind == "cancel" else _release)(gateway, record, attempt)

    return await move(write, who, payment_id, if_match, Move(step, send))


async def reverse(write: Write, who: Principal, payment_id: str, data: PaymentReverse, if_match: IfMatch) -> Payment:
    """Give back what was captured, all or a part, or release what was only authorized.

    Raises `conflict` unless it succeeded and something is left, `validation_failed` for more than that.
    """

    async def step(record: Record, at: Moment) -> Record:
        if data.is_external:
            return rules.refunded_elsewhere(record, at, data.amount)
        if record.status == "succeeded" and record.captured_at is None and data.amount is None:
            return rules.voiding(record, at)
        return rules.refunding(record, at, data.amount)

    async def send(gateway: Gateway, record: Record, attempt: Attempt) -> Answer:
        if attempt.kind == "void":
            return await _release(gateway, record, attempt)
        return await gateway.refund(attempt.key, record.reference or "", attempt.amount)

    return await move(write, who, payment_id, if_match, Move(step, send))


async def record_chargeback(
    write: Write, who: Principal, payment_id: str, data: PaymentRecordChargeback, if_match: IfMatch
) -> Payment:
    """Flag a payment that the payer took back through the bank, and restrict its customer as asked, both or neither.

    Raises `conflict` unless it was captured and not flagged yet, `validation_failed` for restrictions of nobody, and
    `missing_permission` where one is to be lifted by who may not change customers.
    """
    restrictions = data.customer_restrictions
    if restrictions is not None and _lifts(restrictions) and Permission.CUSTOMER_UPDATE not in who.permissions:
        raise problems.MISSING_PERMISSION(
            f"To lift a restriction of a customer takes the permission {Permission.CUSTOMER_UPDATE.value}."
        )

    async def step(record: Record, at: Moment) -> Record:
        if restrictions is not None and record.customer is None:
            raise _invalid("customerRestrictions", "invalid_value", "must not be given: the payment has no customer")
        return rules.charged_back(record, at)

    async with write.transaction() as transaction:
        payment = await change(transaction, who, payment_id, if_match, step)
        if restrictions is not None and payment.customer is not None:
            sent = CustomerUpdate(
                restrict_cit=restrictions.restrict_cit,
                restrict_mit=restrictions.restrict_mit,
                restrict_reason=restrictions.restrict_reason,
            )
            await customers.update(transaction, who, payment.customer, sent, IfMatch())
    return payment


def _lifts(restrictions: CustomerRestrictions) -> bool:
    """Tell whether restrictions take one back, or the reason of one, rather than adding to them."""
    are_lifted = False in (restrictions.restrict_cit, restrictions.restrict_mit)
    return are_lifted or restrictions.restrict_reason is None


async def _release(gateway: Gateway, record: Record, attempt: Attempt) -> Answer:
    return await gateway.void(attempt.key, record.reference or "")


async def _refuse_restricted(read: Read, who: Principal, customer_id: str | None, initiator: Initiator) -> None:
    customer = customer_id and await customer_queries.get(read, who.merchant_id, customer_id)
    if not customer:
        return
    if customer.restrict_cit if initiator == "customer" else customer.restrict_mit:
        reason = f": {customer.restrict_reason}" if customer.restrict_reason else ""
        raise problems.CUSTOMER_RESTRICTED(
            f"Payments that the {initiator} initiates are blocked for {customer.id}{reason}"
        )


async def _method(read: Read, who: Principal, method_id: str, customer_id: str | None) -> PaymentMethod:
    """Return a payment method that can be charged for a customer. Raises `validation_failed`."""
    method = await payment_methods.get(read, who.merchant_id, method_id)
    if method is None or method.customer != customer_id:
        raise _invalid("paymentMethod", "invalid_value", "is not a payment method of the payment's customer")
    if method.detached_at is not None:
        raise _invalid("paymentMethod", "invalid_value", "is detached, and can no longer be charged")
    return method


def _card(sent: CardSent) -> Card:
    """Return a card as the gateway takes it. Raises `validation_failed`, which never tells what was typed."""
    number, errors = cards.digits(sent.number), list[FieldError]()
    if not cards.is_number(number):
        errors.append(FieldError("card.number", "invalid_format", "is not a card number"))
    elif not cards.is_code(sent.cvc, number):
        errors.append(FieldError("card.cvc", "invalid_format", "is not a security code of such a card"))
    if (int(sent.exp_year), int(sent.exp_month)) < _this_month(earliest_today()):
        errors.append(FieldError("card.expYear", "out_of_range", "lies in the past: the card has expired"))
    if cards.stands_in(sent.cardholder_name or ""):
        errors.append(FieldError("card.cardholderName", "invalid_value", "must be a name, and not the card's number"))
    if errors:
        raise problems.invalid(errors)
    return Card(
        number=number,
        exp_month=sent.exp_month,
        exp_year=sent.exp_year,
        cvc=sent.cvc,
        cardholder_name=sent.cardholder_name,
    )


def _this_month(today: date) -> tuple[int, int]:
    return today.year, today.month


def _invalid(field: str, code: str, message: str) -> Problem:
    return problems.invalid([FieldError(field, code, message)])
