"""What can happen with customers."""

import msgspec
from msgspec import UNSET

from odus.customers import queries
from odus.customers.model import AddressSent, Customer, CustomerCreate, CustomerUpdate, address
from odus.events.actions import note
from odus.kit import metadata
from odus.kit.db import Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal
from odus.kit.requests import not_found
from odus.kit.times import after, now
from odus.kit.versions import IfMatch


async def create(write: Write, who: Principal, data: CustomerCreate) -> Customer:
    """Make a customer. Raises `validation_failed` for more than 50 metadata pairs."""
    at = now()
    customer = Customer(
        id=new_id("cus"),
        email=data.email,
        name=data.name,
        phone_number=data.phone_number,
        date_of_birth=data.date_of_birth,
        billing_address=address(data.billing_address),
        shipping_address=address(data.shipping_address),
        metadata=metadata.merge({}, data.metadata),
        restrict_cit=data.restrict_cit,
        restrict_mit=data.restrict_mit,
        restrict_reason=data.restrict_reason,
        created_at=at,
        updated_at=at,
    )
    await queries.insert(write, customer, note(who, "customer.created", None, customer))
    return customer


async def update(write: Write, who: Principal, customer_id: str, data: CustomerUpdate, if_match: IfMatch) -> Customer:
    """Change what is sent, and nothing else. Raises `not_found`, `precondition_failed`, `validation_failed`.

    Nothing is locked while the change is worked out: it is written only onto the version it was worked out from. Where
    another write came first, it is worked out anew; each round lets one writer through, so that all come to their end.
    """
    while True:
        before = await queries.get(write, who.merchant_id, customer_id)
        if before is None:
            raise not_found()
        if_match.check(before)
        changed = _apply(before, data)
        if changed == before:
            return before
        changed = msgspec.structs.replace(changed, updated_at=after(before.updated_at, now()))
        if await queries.update(write, before, changed, note(who, "customer.updated", before, changed)):
            return changed


def _apply(before: Customer, data: CustomerUpdate) -> Customer:
    sent = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    for name, value in sent.items():
        if isinstance(value, AddressSent):
            sent[name] = address(value)
    sent["metadata"] = metadata.merge(before.metadata, data.metadata)
    return msgspec.structs.replace(before, **sent)
