"""Find: customers by name, email, phone number or id, payments and subscriptions by id, and pages, for the palette."""

from odus.customers import queries as customers
from odus.customers.model import Customer
from odus.dashboard.navigation import navigation
from odus.kit import lists, money
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
"""Letters from which names and emails are looked through: shorter ones find too much, and take long."""

Result = tuple[str, str, str]
"""A title, a note and an address."""


async def find(visit: Visit, asked: str) -> list[Result]:
    """Return pages, customers, payments and subscriptions that fit what was asked for."""
    asked = asked.strip()
    pages = [
        (item.title, group.title or "Page", item.path)
        for group in navigation(visit.may)
        for item in group.items
        if asked.lower() in f"{group.title} {item.title}".lower()
    ]
    if asked.startswith("pay_"):
        return [*pages, *(await _payments(visit, asked))]
    if asked.startswith("sub_"):
        return [*pages, *(await _subscriptions(visit, asked))]
    if not asked or not visit.may(Permission.CUSTOMER_READ):
        return pages
    found = [await _customers(visit, parameter, asked) for parameter in _parameters(asked)]
    known = {customer.id: customer for each in found for customer in each}
    return [*pages, *(_result(customer) for customer in list(known.values())[:MOST])]


def _parameters(asked: str) -> list[str]:
    if asked.startswith("cus_"):
        return ["id"]
    parts = ["email[like]", "name[like]"] if len(asked) >= SHORTEST_PART else []
    digits = sum(letter.isdigit() for letter in asked)
    return [*parts, "phoneNumber"] if digits > len(asked) / 2 else parts


async def _customers(visit: Visit, parameter: str, asked: str) -> list[Customer]:
    parameters = {parameter: [asked], "sortDirection": ["desc"], "pageSize": [str(MOST)], "cursor": [""]}
    try:
        wanted = lists.parse(customers.LISTING, parameters)
        return (await customers.search(visit.database.search, visit.who.merchant_id, wanted)).data
    except Problem:
        return []  # such as for a text that is too long: it fits nothing


async def _payments(visit: Visit, asked: str) -> list[Result]:
    is_seen = visit.may(Permission.PAYMENT_READ) and "\x00" not in asked
    record = await payments.get(visit.database.read, visit.who.merchant_id, asked) if is_seen else None
    if record is None:
        return []
    title, note = money.written(record.amount, record.currency), words.STATES[record.display_status][0]
    return [(f"Payment of {title}", note, f"/dashboard/payments/{record.id}")]


async def _subscriptions(visit: Visit, asked: str) -> list[Result]:
    read, merchant_id = visit.database.read, visit.who.merchant_id
    is_seen = visit.may(Permission.SUBSCRIPTION_READ) and "\x00" not in asked
    record = await subscriptions.get(read, merchant_id, asked) if is_seen else None
    if record is None:
        return []
    (names,) = (await products.price_names(read, merchant_id, [record.price])).values()
    note = subscription_words.STATES[subscription_words.state(record.subscription)][0]
    return [(f"Subscription: {' · '.join(names)}", note, f"/dashboard/subscriptions/{record.id}")]


def _result(customer: Customer) -> Result:
    return customer.name or customer.email, customer.email, f"/dashboard/customers/{customer.id}"
