"""The REST door to a test merchant's clock."""

from odus.kit import times
from odus.kit.db import Read, Write
from odus.kit.endpoints import changes, reads
from odus.kit.permissions import Permission, Principal
from odus.kit.problems import TEST_ONLY
from odus.renewals import clock
from odus.renewals.model import TestClock, TestClockAdvance


@reads("/test-clock", Permission.MERCHANT_CONFIG_READ)
async def get_test_clock(read: Read, who: Principal) -> TestClock:
    """Read the test clock.

    What time it is for the merchant: everybody's, unless it was advanced.
    """
    del read, who
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


HANDLERS = [get_test_clock, advance_test_clock]
"""Every endpoint of the clock."""
