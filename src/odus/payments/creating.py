"""Creating: what a new payment is made of, put together from what was sent and what it names."""

import secrets
from collections.abc import Iterator

from odus.kit import metadata, problems
from odus.kit.db import Read
from odus.kit.fields import LARGEST_AMOUNT
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.problems import CONFLICT, FieldError, Problem
from odus.kit.times import now
from odus.merchant_configs import queries as merchant_configs
from odus.merchant_configs.actions import DELAYED
from odus.merchant_configs.model import CaptureMethod, MerchantConfig
from odus.payments import queries
from odus.payments.model import CardOptions, Cart, CartItem, PaymentCreate, PaymentMethodOptions
from odus.payments.record import Record
from odus.products import queries as products
from odus.products.model import Price
from odus.subscriptions.record import Record as Subscribed


async def drawn_up(read: Read, who: Principal, data: PaymentCreate) -> Record:
    """Return a new payment, not yet written. Raises `validation_failed`, `conflict` without a gateway profile."""
    config = await merchant_configs.of(read, who.merchant_id)
    if config.gateway_profile is None:
        raise CONFLICT("The merchant has no gateway profile; set one in its configuration.")
    cart = await _cart(read, who, data)
    method, delay = _capture(data, config)
    at = now()
    return Record(
        id=new_id("pay"),
        status="open",
        amount=_amount(data, cart),
        currency=data.currency,
        initiator=data.initiator,
        customer=data.customer,
        payment_method=data.payment_method,
        cart=cart,
        payment_method_options=data.payment_method_options,
        capture_method=method,
        capture_delay=delay,
        return_url=data.return_url,
        transactions=[],
        metadata=metadata.merge({}, data.metadata),
        gateway_profile=config.gateway_profile,
        checkout_key=secrets.token_urlsafe(24),
        requests={},
        created_at=at,
        updated_at=at,
    )


async def of_cycle(read: Read, who: Principal, subscription: Subscribed) -> Record:
    """Return the payment of a subscription's next cycle, not yet written; captured as the first one was to be."""
    first = await queries.get(read, who.merchant_id, subscription.payment)
    assert first  # noqa: S101 - a subscription is born of one, which the database holds to
    at, amount = now(), subscription.next_amount
    item = CartItem(
        price=subscription.price,
        quantity=subscription.quantity,
        amount=amount // subscription.quantity,
        type="recurring",
    )
    return Record(
        id=new_id("pay"),
        status="open",
        amount=amount,
        currency=subscription.currency,
        initiator="merchant",
        off_session_type="recurring",
        customer=subscription.customer,
        payment_method=subscription.payment_method,
        subscription=subscription.id,
        cycle=subscription.current_cycle + 1,
        cart=Cart(items=[item]),
        payment_method_options=first.payment_method_options,
        capture_method=first.capture_method,
        capture_delay=first.capture_delay,
        return_url=None,
        transactions=[],
        metadata={},
        gateway_profile=first.gateway_profile,
        checkout_key=secrets.token_urlsafe(24),
        requests={},
        created_at=at,
        updated_at=at,
    )


async def _cart(read: Read, who: Principal, data: PaymentCreate) -> Cart | None:
    if data.cart is None:
        return None
    named = [item.price for item in data.cart.items]
    known = {price.id: price for price in await products.get_prices(read, who.merchant_id, named)}
    if errors := list(_cart_errors(data, known)):
        raise problems.invalid(errors)
    return Cart(
        items=[
            CartItem(
                price=item.price,
                quantity=item.quantity,
                amount=known[item.price].first_amount,
                type=known[item.price].type,
            )
            for item in data.cart.items
        ]
    )


def _cart_errors(data: PaymentCreate, known: dict[str, Price]) -> Iterator[FieldError]:
    for index, item in enumerate(data.cart.items if data.cart else []):
        path, price = f"cart.items[{index}].price", known.get(item.price)
        if price is None:
            yield FieldError(path, "invalid_value", "is not a price that you have")
        elif not price.active:
            yield FieldError(path, "invalid_value", "is not active, so it cannot be bought")
        elif price.currency != data.currency:
            yield FieldError(path, "invalid_value", f"is in {price.currency}, and the payment in {data.currency}")
        elif price.type == "recurring" and data.customer is None:
            yield FieldError("customer", "required", "is required, as the cart holds a recurring price")
        elif item.quantity * _dearest(price) > LARGEST_AMOUNT:
            message = f"must be so small that no cycle costs more than {LARGEST_AMOUNT}"
            yield FieldError(f"cart.items[{index}].quantity", "out_of_range", message)


def _dearest(price: Price) -> int:
    """Return what the dearest of a price's cycles costs: each is a payment of its own one day."""
    steps = price.billing_schedule.cycle_definitions if price.billing_schedule else []
    return max((step.amount for step in steps), default=0)


def _amount(data: PaymentCreate, cart: Cart | None) -> int:
    """Return how much is to be paid: what the cart comes to, or what was sent."""
    total = cart and sum(item.amount * item.quantity for item in cart.items)
    if total is None:
        if data.amount is None:
            raise _invalid("amount", "required", "is required without a cart")
        return data.amount
    if data.amount is not None and data.amount != total:
        raise _invalid("amount", "invalid_value", f"must be what the cart comes to, {total}, or be left out")
    if not 0 < total <= LARGEST_AMOUNT:
        raise _invalid("cart", "out_of_range", f"must come to 1 at least and {LARGEST_AMOUNT} at most, got {total}")
    return total


def _capture(data: PaymentCreate, config: MerchantConfig) -> tuple[CaptureMethod, int | None]:
    """Return how and after how many days it is captured: as said for cards, for all methods, or as configured.

    A delay for all methods may stand beside another way for cards: it is for those that are captured later.
    """
    options = data.payment_method_options or PaymentMethodOptions()
    card = options.card or CardOptions()
    of_all = options.capture_method or config.capture_method
    method = card.capture_method or of_all
    if card.capture_delay is not None and method != DELAYED:
        raise _stray_delay("card.captureDelay", method)
    if options.capture_delay is not None and DELAYED not in (method, of_all):
        raise _stray_delay("captureDelay", of_all)
    if method != DELAYED:
        return method, None
    delay = card.capture_delay or options.capture_delay or config.capture_delay
    if delay is None:
        raise _invalid("paymentMethodOptions.captureDelay", "required", f"is required, as the capture is {DELAYED}")
    return method, delay


def _stray_delay(field: str, method: CaptureMethod) -> Problem:
    return _invalid(
        f"paymentMethodOptions.{field}", "invalid_value", f"must not be given while the capture is {method}"
    )


def _invalid(field: str, code: str, message: str) -> Problem:
    return problems.invalid([FieldError(field, code, message)])
