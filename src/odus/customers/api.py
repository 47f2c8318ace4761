"""The REST door to customers."""

from odus.customers import actions, queries
from odus.customers.model import Customer, CustomerCreate, CustomerUpdate
from odus.events import queries as events
from odus.events.model import Event
from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, creates, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch


@creates(
    "/customers",
    Permission.CUSTOMER_UPDATE,
    example={
        "email": "jane@example.com",
        "name": "Jane Smith",
        "phoneNumber": "+15559876543",
        "billingAddress": {
            "line1": "1 Main St",
            "city": "Springfield",
            "state": "IL",
            "postalCode": "62701",
            "country": "US",
        },
        "metadata": {"tier": "premium"},
    },
)
async def create_customer(write: Write, who: Principal, data: CustomerCreate) -> Customer:
    """Create a customer.

    Only `email` is required, and two customers may share one. Payments and subscriptions then name the `id`.
    """
    return await actions.create(write, who, data)


@lists_of(
    "/customers",
    Permission.CUSTOMER_READ,
    queries.LISTING,
    example={"email": {"like": "example.com"}, "metadata": {"tier": "premium"}, "sortBy": "name"},
)
async def list_customers(search: Search, who: Principal, asked: Asked) -> Page[Customer]:
    """List customers.

    All that match every filter, oldest first by default. What a write returned is in the next list.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/customers/{id}", Permission.CUSTOMER_READ)
async def get_customer(read: Read, who: Principal, customer_id: str) -> Customer:
    """Read a customer."""
    customer = await queries.get(read, who.merchant_id, customer_id)
    if customer is None:
        raise not_found()
    return customer


@changes(
    "/customers/{id}",
    Permission.CUSTOMER_UPDATE,
    example={"phoneNumber": "+442079460958", "metadata": {"tier": "gold", "trial": ""}},
)
async def update_customer(
    write: Write, who: Principal, customer_id: str, data: CustomerUpdate, if_match: IfMatch
) -> Customer:
    """Update a customer.

    Only the fields that are sent change; `null` clears one. Metadata is merged: a key sent as `""` is removed,
    unnamed keys stay, and `null` clears it all. A sent address replaces the stored one. An update that changes
    nothing writes no event.
    """
    return await actions.update(write, who, customer_id, data, if_match)


@lists_of(
    "/customers/{id}/events",
    Permission.CUSTOMER_READ,
    events.LISTING.without("resource"),
    example={"eventType": {"eq": "customer.updated"}},
)
async def list_customer_events(search: Search, who: Principal, customer_id: str, asked: Asked) -> Page[Event]:
    """List a customer's events.

    The customer's history, oldest first by default: who changed what, and when.
    """
    if await queries.get(search, who.merchant_id, customer_id) is None:
        raise not_found()
    return await events.search_of(search, who.merchant_id, customer_id, asked)


HANDLERS = [create_customer, list_customers, get_customer, update_customer, list_customer_events]
