"""The REST door to subscriptions."""

from odus.kit.db import Read, Search, Write
from odus.kit.endpoints import changes, lists_of, reads
from odus.kit.lists import Asked, Page
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import CONFLICT
from odus.kit.requests import not_found
from odus.kit.versions import IfMatch
from odus.subscriptions import actions, queries
from odus.subscriptions.model import Subscription, SubscriptionResume, SubscriptionUpdate


@lists_of(
    "/subscriptions",
    Permission.SUBSCRIPTION_READ,
    queries.LISTING,
    example={"status": {"eq": "active"}, "sortBy": "currentPeriodEnd"},
)
async def list_subscriptions(search: Search, who: Principal, asked: Asked) -> Page[Subscription]:
    """List subscriptions.

    There is no way to create one by itself: each recurring price in the cart of a payment becomes one when the payment
    succeeds.
    """
    return await queries.search(search, who.merchant_id, asked)


@reads("/subscriptions/{id}", Permission.SUBSCRIPTION_READ)
async def get_subscription(read: Read, who: Principal, subscription_id: str) -> Subscription:
    """Read a subscription."""
    record = await queries.get(read, who.merchant_id, subscription_id)
    if record is None:
        raise not_found()
    return record.subscription


@changes("/subscriptions/{id}", Permission.SUBSCRIPTION_UPDATE, example={"metadata": {"plan": "family"}})
async def update_subscription(
    write: Write, who: Principal, subscription_id: str, data: SubscriptionUpdate, if_match: IfMatch
) -> Subscription:
    """Update a subscription.

    The payment method that its cycles are charged to, from the next charge on, and its metadata, which is merged.
    """
    return await actions.update(write, who, subscription_id, data, if_match)


@changes("/subscriptions/{id}/resume", Permission.SUBSCRIPTION_UPDATE, raises=(CONFLICT,), example={})
async def resume_subscription(
    write: Write, who: Principal, subscription_id: str, data: SubscriptionResume, if_match: IfMatch
) -> Subscription:
    """Resume a subscription.

    One that was to end with its period goes on. One whose billing stopped is charged again at once, for the first cycle
    that was not paid for; each later one follows, so that no cycle is left out.
    """
    del data
    return await actions.resume(write, who, subscription_id, if_match)


HANDLERS = [list_subscriptions, get_subscription, update_subscription, resume_subscription]
"""Every endpoint of subscriptions but for their end, which is one of their payments too (see `renewals`)."""
