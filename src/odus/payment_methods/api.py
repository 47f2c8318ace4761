"""The REST door to payment methods."""

from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import CONFLICT
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch
from odus.payment_methods import actions, queries
from odus.payment_methods.model import PaymentMethod, PaymentMethodDetach, PaymentMethodUpdate


@lists_of(
    "/payment-methods",
    Permission.PAYMENT_METHOD_READ,
    queries.LISTING,
    example={"customer": {"eq": "cus_2R0uWz4tu9wxTMBXxj9CJfSE9vV"}, "isDefault": {"eq": True}},
)
async def list_payment_methods(search: Search, who: Principal, asked: Asked) -> Page[PaymentMethod]:
    """List payment methods.

    Those that can be used; detached ones are left out. One is saved when a customer's payment is authorized.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/payment-methods/{id}", Permission.PAYMENT_METHOD_READ)
async def get_payment_method(read: Read, who: Principal, method_id: str) -> PaymentMethod:
    """Read a payment method.

    A detached one too, as payments go on to name it.
    """
    method = await queries.get(read, who.merchant_id, method_id)
    if method is None:
        raise not_found()
    return method


@changes(
    "/payment-methods/{id}",
    Permission.PAYMENT_METHOD_UPDATE,
    raises=(CONFLICT,),
    example={"isDefault": True, "metadata": {"label": "Company card"}},
)
async def update_payment_method(
    write: Write, who: Principal, method_id: str, data: PaymentMethodUpdate, if_match: IfMatch
) -> PaymentMethod:
    """Update a payment method.

    `isDefault: true` makes it the customer's default in place of the present one. Metadata is merged.
    """
    return await actions.update(write, who, method_id, data, if_match)


@changes("/payment-methods/{id}/detach", Permission.PAYMENT_METHOD_UPDATE, raises=(CONFLICT,), example={})
async def detach_payment_method(
    write: Write, who: Principal, method_id: str, data: PaymentMethodDetach, if_match: IfMatch
) -> PaymentMethod:
    """Detach a payment method.

    It can never be charged again. Where it was the default, the customer's newest other one becomes it.
    """
    del data
    return await actions.detach(write, who, method_id, if_match)


HANDLERS = [list_payment_methods, get_payment_method, update_payment_method, detach_payment_method]
