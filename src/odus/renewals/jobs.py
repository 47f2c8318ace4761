"""Jobs: subscriptions whose next cycle is to be charged."""

import time

from odus.kit import times
from odus.kit.db import Database, Read
from odus.kit.permissions import system
from odus.merchants import queries as merchants
from odus.renewals.actions import catch_up
from odus.subscriptions import queries

LONGEST_SECONDS = 5.0
"""How long one run goes on with a subscription that lies cycles behind, before others have their turn."""


async def find_due(read: Read, limit: int) -> list[str]:
    """Return the keys of subscriptions to which something happens by itself by now, the longest due first."""
    return [" ".join(names) for names in await queries.due(read, limit)]


async def run_due(database: Database, key: str) -> None:
    """Do to a subscription what falls due by now, one cycle after the other; nothing where that was done already."""
    until = time.monotonic() + LONGEST_SECONDS
    while await _run(database, *key.split(" ")) and time.monotonic() < until:
        pass


async def _run(database: Database, merchant_id: str, subscription_id: str) -> bool:
    """Do one thing, by the clock as it is at that moment; tell whether more may be due."""
    who = system(merchant_id, "jobs", await merchants.clock(database.read, merchant_id))
    with times.ahead(who.clock):
        return await catch_up(database.write, who, subscription_id, times.now())
