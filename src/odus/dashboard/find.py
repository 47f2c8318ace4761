"""Find: customers by name, email, phone number or id, payments and subscriptions by id, and pages, for the palette."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from odus.customers import queries as customers
from odus.customers.model import Customer
from odus.dashboard.navigation import navigation
from odus.kit import kinds, lists, money, text_filters
from odus.kit.db import Search
from odus.kit.fields import without_separators
from odus.kit.filters import Condition
from odus.kit.lists import Asked, Listing, Page, Paging
from odus.kit.pages import Visit
from odus.kit.permissions import Permission
from odus.kit.problems import Problem
from odus.payments import queries as payments
from odus.payments import words
from odus.products import queries as products
from odus.subscriptions import queries as subscriptions
from odus.subscriptions import words as subscription_words

MOST = 6
SHORTEST_PART = 3
"""Letters from which names and emails are looked through: shorter ones find too much, so they have to begin them."""
SHORTEST_NUMBER = 4
"""Digits from which phone numbers are looked through."""

T = TypeVar("T")

Result = tuple[str, str, str]
"""A title, a note and an address."""

Way = tuple[Sequence[Condition], str]
"""A way to look: the conditions that hold together, and what is sorted by."""


async def find(visit: Visit, asked: str) -> list[Result]:
    """Return pages, customers, payments and subscriptions that fit what was asked for."""
    asked = asked.strip()
    pages = [
        (item.title, group.title or "Page", item.path)
        for group in navigation(visit.may)
        for item in group.items
        if asked.lower() in f"{group.title} {item.title}".lower()
    ]
    if not asked or "\x00" in asked or len(asked) > text_filters.LONGEST_VALUE:
        return pages
    if asked.startswith("pay_"):
        return [*pages, *(await _payments(visit, asked))]
    if asked.startswith("sub_"):
        return [*pages, *(await _subscriptions(visit, asked))]
    return [*pages, *(await _customers(visit, asked))]


async def _customers(visit: Visit, asked: str) -> list[Result]:
    if not visit.may(Permission.CUSTOMER_READ):
        return []
    found = [await _found(visit, customers.search, customers.LISTING, way) for way in _ways(asked)]
    known = {customer.id: customer for each in found for customer in each}
    return [_result(customer) for customer in list(known.values())[:MOST]]


def _ways(asked: str) -> list[Way]:
    """Return how customers are looked for by what was typed."""
    if asked.startswith("cus_"):
        return [_by_id(asked)]
    fields = {field.name: field for field in customers.LISTING.fields}
    if len(asked) < SHORTEST_PART:
        return [([text_filters.beginning(fields[name], asked)], name) for name in ("name", "email")]
    ways = [_part(name, asked) for name in ("email", "name")]
    number = without_separators(asked)
    if re.fullmatch(rf"\+[0-9]{{{SHORTEST_NUMBER},}}", number):
        ways.append(([text_filters.beginning(fields["phoneNumber"], number)], lists.DEFAULT_SORT))
    elif re.fullmatch(rf"[0-9]{{{SHORTEST_NUMBER},}}", number):
        # Without the zeros that people write in front inside a country, or for the plus sign.
        ways.append(_part("phoneNumber", number.lstrip("0") or number))
    return ways


def _part(name: str, text: str) -> Way:
    wanted = lists.parse(customers.LISTING, {f"{name}[like]": [text]})
    return wanted.conditions, lists.DEFAULT_SORT


def _by_id(asked: str) -> Way:
    """Look for a whole id, its beginning, or one with its middle left out, as lists show it."""
    beginning, _, end = asked.partition("…")
    conditions = [text_filters.beginning(kinds.ID, beginning)]
    return ([*conditions, Condition("right(id, {0}) = {1}", (len(end), end))] if end else conditions), "id"


async def _found(
    visit: Visit, search: Callable[[Search, str, Asked], Awaitable[Page[T]]], listing: Listing, way: Way
) -> list[T]:
    conditions, sort = way
    field = listing.sorts[sort]
    asked = Asked(
        sort=field,
        is_descending=field in (kinds.ID, kinds.CREATED_AT),
        paging=Paging(1, MOST),
        filters=tuple(("q", condition) for condition in conditions),
        walks=True,
    )
    try:
        return (await search(visit.database.search, visit.who.merchant_id, asked)).data
    except Problem:
        return []  # it takes too long: the other ways may find something


async def _payments(visit: Visit, asked: str) -> list[Result]:
    if not visit.may(Permission.PAYMENT_READ):
        return []
    return [
        (
            f"Payment of {money.written(payment.amount, payment.currency)}",
            words.STATES[payment.display_status][0],
            f"/dashboard/payments/{payment.id}",
        )
        for payment in await _found(visit, payments.search, payments.LISTING, _by_id(asked))
    ]


async def _subscriptions(visit: Visit, asked: str) -> list[Result]:
    if not visit.may(Permission.SUBSCRIPTION_READ):
        return []
    listing = subscriptions.LISTING
    found = await _found(visit, subscriptions.search, listing, _by_id(asked))
    names = await products.price_names(visit.database.read, visit.who.merchant_id, [each.price for each in found])
    return [
        (
            f"Subscription: {' · '.join(names[each.price])}",
            subscription_words.STATES[subscription_words.state(each)][0],
            f"/dashboard/subscriptions/{each.id}",
        )
        for each in found
    ]


def _result(customer: Customer) -> Result:
    return customer.name or customer.email, customer.email, f"/dashboard/customers/{customer.id}"
