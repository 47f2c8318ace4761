"""The REST door to payments."""

from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, creates, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import ATTEMPT_IN_PROGRESS, CONFLICT, CUSTOMER_RESTRICTED, GATEWAY_TIMEOUT
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch
from odus.payments import actions, queries
from odus.payments.model import (
    Payment,
    PaymentAuthorize,
    PaymentCancel,
    PaymentCapture,
    PaymentCompleteAction,
    PaymentCreate,
    PaymentRecordChargeback,
    PaymentReverse,
    PaymentUpdate,
)

_MOVES = (CONFLICT, ATTEMPT_IN_PROGRESS, GATEWAY_TIMEOUT)


@creates(
    "/payments",
    Permission.PAYMENT_UPDATE,
    raises=(CONFLICT, CUSTOMER_RESTRICTED),
    example={
        "amount": 4200,
        "currency": "usd",
        "customer": "cus_2R0uWz4tu9wxTMBXxj9CJfSE9vV",
        "returnUrl": "https://shop.example.com/thanks",
        "metadata": {"order": "1042"},
    },
)
async def create_payment(write: Write, who: Principal, data: PaymentCreate) -> Payment:
    """Create a payment.

    It charges nothing yet: authorize it, or send its `checkoutUrl` to the person who pays. How much is said by `amount`
    or by the `cart`; given both, they must agree. A cart with a recurring price needs a customer.
    """
    return await actions.create(write, who, data)


@lists_of(
    "/payments",
    Permission.PAYMENT_READ,
    queries.LISTING,
    example={"displayStatus": {"in": "failed,uncaptured"}, "amount": {"gte": 1000}, "sortDirection": "desc"},
)
async def list_payments(search: Search, who: Principal, asked: Asked) -> Page[Payment]:
    """List payments.

    Every one, whether it succeeded or not, each with all of its attempts in `transactions`.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/payments/{id}", Permission.PAYMENT_READ)
async def get_payment(read: Read, who: Principal, payment_id: str) -> Payment:
    """Read a payment."""
    record = await queries.get(read, who.merchant_id, payment_id)
    if record is None:
        raise not_found()
    return record.payment


@changes("/payments/{id}", Permission.PAYMENT_UPDATE, example={"metadata": {"order": "1042"}})
async def update_payment(
    write: Write, who: Principal, payment_id: str, data: PaymentUpdate, if_match: IfMatch
) -> Payment:
    """Update a payment.

    Its metadata, which is merged, and where the payer is led in the end. What it charges never changes.
    """
    return await actions.update(write, who, payment_id, data, if_match)


@changes(
    "/payments/{id}/authorize",
    Permission.PAYMENT_UPDATE,
    raises=(*_MOVES, CUSTOMER_RESTRICTED),
    example={
        "card": {
            "number": "4242424242424242",
            "expMonth": "12",
            "expYear": "2030",
            "cvc": "123",
            "cardholderName": "Jane Smith",
        }
    },
    takes_secret=True,
    calls_out=True,
)
async def authorize_payment(
    write: Write, who: Principal, payment_id: str, data: PaymentAuthorize, if_match: IfMatch
) -> Payment:
    """Authorize a payment.

    Charges it to the saved method that it names, to another one, or to a card. A decline is answered 200 too: the
    payment stays `open`, its `displayStatus` is `failed`, and the last of its `transactions` says why. A card that asks
    for a confirmation (3-D Secure) makes it `requires_action`; send the payer to `action.redirectUrl`. Card number and
    code go to the gateway and are kept nowhere. Send an `Idempotency-Key`: it is charged once, however often you ask.
    """
    return await actions.authorize(write, who, payment_id, data, if_match)


@changes(
    "/payments/{id}/complete-action",
    Permission.PAYMENT_UPDATE,
    raises=(*_MOVES, CUSTOMER_RESTRICTED),
    example={"outcome": "succeeded"},
    calls_out=True,
)
async def complete_payment_action(
    write: Write, who: Principal, payment_id: str, data: PaymentCompleteAction, if_match: IfMatch
) -> Payment:
    """Complete a payment's action.

    Ends the confirmation that a card asks for: `failed` withdraws it, so that another card can be taken; `succeeded`,
    on the sandbox alone, gives it as its payer would on the page at `action.redirectUrl`. What the payer confirmed
    before it was withdrawn is paid. After 24 hours without a confirmation, the payment is `open` again.
    """
    return await actions.complete_action(write, who, payment_id, data, if_match)


@changes("/payments/{id}/capture", Permission.PAYMENT_UPDATE, raises=_MOVES, example={"amount": 4000}, calls_out=True)
async def capture_payment(
    write: Write, who: Principal, payment_id: str, data: PaymentCapture, if_match: IfMatch
) -> Payment:
    """Capture a payment.

    Takes what was authorized, or a part of it, once; the rest is released.
    """
    return await actions.capture(write, who, payment_id, data, if_match)


@changes("/payments/{id}/cancel", Permission.PAYMENT_UPDATE, raises=_MOVES, example={}, calls_out=True)
async def cancel_payment(
    write: Write, who: Principal, payment_id: str, data: PaymentCancel, if_match: IfMatch
) -> Payment:
    """Cancel a payment.

    For good. One that is authorized and not captured is released at the gateway; a captured one is reversed instead.
    A confirmation that is due is withdrawn first; where the payer gave it just before, the payment is `succeeded`, and
    not cancelled.
    """
    del data
    return await actions.cancel(write, who, payment_id, if_match)


@changes("/payments/{id}/reverse", Permission.PAYMENT_UPDATE, raises=_MOVES, example={"amount": 2100}, calls_out=True)
async def reverse_payment(
    write: Write, who: Principal, payment_id: str, data: PaymentReverse, if_match: IfMatch
) -> Payment:
    """Reverse a payment.

    Captured: refunds what is left, or `amount` of it, as often as something is left. Only authorized: `{}` releases it,
    and it is cancelled. `isExternal` records what was given back elsewhere, and moves no money.
    """
    return await actions.reverse(write, who, payment_id, data, if_match)


@changes(
    "/payments/{id}/record-chargeback",
    Permission.PAYMENT_UPDATE,
    raises=(CONFLICT,),
    example={"customerRestrictions": {"restrictCit": True, "restrictMit": True, "restrictReason": "Chargeback"}},
)
async def record_payment_chargeback(
    write: Write, who: Principal, payment_id: str, data: PaymentRecordChargeback, if_match: IfMatch
) -> Payment:
    """Record a payment's chargeback.

    Flags the payment, and sets the restrictions on its customer, both or neither.
    """
    return await actions.record_chargeback(write, who, payment_id, data, if_match)


HANDLERS = [
    create_payment,
    list_payments,
    get_payment,
    update_payment,
    authorize_payment,
    complete_payment_action,
    capture_payment,
    cancel_payment,
    reverse_payment,
    record_payment_chargeback,
]
