"""The REST door to the end of subscriptions, and to a test merchant's clock."""

from odus.kit import times
from odus.kit.db import Read, Write
from odus.kit.endpoints import changes, reads
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import ATTEMPT_IN_PROGRESS, CONFLICT, TEST_ONLY
from odus.kit.versions import IfMatch
from odus.renewals import clock, ending
from odus.renewals.model import TestClock, TestClockAdvance
from odus.subscriptions.model import Subscription, SubscriptionCancel


@changes(
    "/subscriptions/{id}/cancel",
    Permission.SUBSCRIPTION_UPDATE,
    raises=(CONFLICT, ATTEMPT_IN_PROGRESS),
    example={},
)
async def cancel_subscription(
    write: Write, who: Principal, subscription_id: str, data: SubscriptionCancel, if_match: IfMatch
) -> Subscription:
    """Cancel a subscription.

    It ends with the period that is paid for, and can be resumed until then; with `cancelImmediately` it ends now, for
    good, and with it the open payment of a cycle that was not paid. Nothing is given back by itself: reverse the
    payment for that.
    """
    return await ending.cancel(write, who, subscription_id, data, if_match)


@reads("/test-clock", Permission.MERCHANT_CONFIG_READ, raises=(TEST_ONLY,))
async def get_test_clock(read: Read, who: Principal) -> TestClock:
    """Read the test clock.

    What time it is for the merchant: everybody's, unless it was advanced. A live merchant has none.
    """
    await clock.refuse_live(read, who)
    return TestClock(now=times.now())


@changes(
    "/test-clock/advance",
    Permission.MERCHANT_CONFIG_UPDATE,
    raises=(TEST_ONLY,),
    example={"to": "2040-01-01T00:00:00.000Z"},
    calls_out=True,
)
async def advance_test_clock(write: Write, who: Principal, data: TestClockAdvance) -> TestClock:
    """Advance the test clock.

    Answered once all that falls due until then has happened, in order, each at its moment: renewals, retries, delayed
    captures, the ends of 24-hour limits. A merchant's own clock never goes back, and a live merchant has none.
    """
    return TestClock(now=await clock.advance(write, who, data.to))


HANDLERS = [cancel_subscription, get_test_clock, advance_test_clock]
"""Every endpoint of these."""
