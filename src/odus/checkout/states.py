"""States: which page shows where a payment stands."""

import msgspec

from odus.checkout.cards import MESSAGES, Typed
from odus.checkout.visits import Visit, new_attempt
from odus.customers import queries as customers
from odus.gateways.cards import BRANDS, NAMES
from odus.kit import bodies
from odus.kit.requests import Response
from odus.payments.model import MOST_TRANSACTIONS, CartItem
from odus.payments.record import Record
from odus.products import queries as products
from odus.products.model import Price
from odus.subscriptions import queries as subscriptions

LOOK_AGAIN = "3"
LEAD_ON = "1"
"""So soon, browsers leave the page out of what their Back button goes through."""
LEAD_BACK = "2"
"""Seconds after which a page that waits is asked for again, and leads to the bank and to the merchant."""


class Line(msgspec.Struct, frozen=True):
    """A line of a cart, as the payer reads it."""

    product: str
    price: Price
    item: CartItem


async def standing(visit: Visit, typed: Typed | None = None) -> Response:
    """Show where the payment stands: the form of a card where it can be paid by one, with what was typed."""
    record = visit.record
    if record.status == "succeeded" and visit.is_own:
        return _paid(visit)
    if not record.is_payable or await _has_ended(visit):
        return visit.page("checkout/closed.html")
    if record.attempt is not None:
        return visit.page("checkout/processing.html", headers=[("Refresh", LOOK_AGAIN)])
    return await _payable(visit, typed or Typed())


async def confirmation(visit: Visit) -> Response | None:
    """Show the sandbox's question to the payer; None where there is nothing to confirm."""
    record = visit.record
    if record.challenge is None or record.attempt is not None or await _is_restricted(visit):
        return None
    transaction = next(each for each in record.transactions if each.id == record.challenge.transaction)
    return visit.page("checkout/challenge.html", card=transaction.card, names=NAMES, attempt=new_attempt())


async def cart(visit: Visit) -> list[Line]:
    """Return the lines of the payment's cart; none where it has no cart."""
    items = visit.record.cart.items if visit.record.cart else []
    read, merchant_id = visit.database.read, visit.merchant.id
    prices = {price.id: price for price in await products.get_prices(read, merchant_id, [each.price for each in items])}
    names = await products.product_names(read, merchant_id, [price.product for price in prices.values()])
    return [Line(names[prices[item.price].product], prices[item.price], item) for item in items]


def renews(lines: list[Line]) -> bool:
    """Tell whether something in a cart is paid again and again."""
    return any(line.price.billing_schedule for line in lines)


def failure(record: Record) -> str:
    """Return why the latest attempt failed, in words for the payer; empty where none did."""
    tries = [each.outcome for each in record.transactions if each.type == "authorize" and each.outcome]
    return (tries[-1].safe_error_message or "") if tries else ""


def _paid(visit: Visit) -> Response:
    address = visit.back(success=True)
    headers = [("Refresh", f"{LEAD_BACK}; url={address}")] if address else []
    return visit.page("checkout/paid.html", headers=headers, back=address)


async def _payable(visit: Visit, typed: Typed) -> Response:
    record = visit.record
    is_full = record.challenge is None and len(record.transactions) >= MOST_TRANSACTIONS
    if is_full or await _is_restricted(visit):
        return visit.page("checkout/refused.html")
    if record.challenge is not None:
        return _confirming(visit, record.challenge.redirect_url)
    return await _card(visit, typed)


def _confirming(visit: Visit, address: str) -> Response:
    headers = [("Refresh", f"{LEAD_ON}; url={address}")] if visit.is_own else []
    return visit.page("checkout/confirming.html", headers=headers, redirect_url=address, attempt=new_attempt())


_BRANDS = bodies.text({brand: (NAMES[brand], *known) for brand, known in BRANDS.items()})
"""What the script tells brands by."""


async def _card(visit: Visit, typed: Typed) -> Response:
    lines = await cart(visit)
    failed = "" if typed.errors else failure(visit.record)
    return visit.page(
        "checkout/pay.html",
        typed.status,
        lines=lines,
        renews=renews(lines),
        typed=typed,
        failure=failed,
        focus=next(iter(typed.errors), "number" if failed else ""),
        messages=MESSAGES,
        brands=_BRANDS,
        back=visit.back(success=False),
        attempt=new_attempt(),
    )


async def _has_ended(visit: Visit) -> bool:
    """Tell whether it is for a cycle of a subscription that was cancelled, which nobody can pay any more."""
    record = visit.record
    if record.cycle is None or record.subscription is None:
        return False
    subscription = await subscriptions.get(visit.database.read, visit.merchant.id, record.subscription)
    return subscription is not None and subscription.status == "cancelled"


async def _is_restricted(visit: Visit) -> bool:
    record = visit.record
    customer = record.customer and await customers.get(visit.database.read, visit.merchant.id, record.customer)
    if not customer:
        return False
    return customer.restrict_cit if record.initiator == "customer" else customer.restrict_mit
