"""Jobs: subscriptions whose next cycle is to be charged."""

from odus.kit import times
from odus.kit.db import Database, Read
from odus.kit.permissions import system
from odus.merchants import queries as merchants
from odus.renewals.actions import fall_due
from odus.subscriptions import queries


async def find_due(read: Read, limit: int) -> list[str]:
    """Return the keys of subscriptions to which something happens by itself by now, the longest due first."""
    return [" ".join(names) for names in await queries.due(read, limit)]


async def run_due(database: Database, key: str) -> None:
    """Do to a subscription what falls due by now; nothing where that was done already."""
    merchant_id, subscription_id = key.split(" ")
    who = system(merchant_id, "jobs", await merchants.clock(database.read, merchant_id))
    with times.ahead(who.clock):
        await fall_due(database.write, who, subscription_id, times.now())
