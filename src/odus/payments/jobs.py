"""Jobs: what happens to payments by itself: attempts are asked about, challenges end, delayed captures are made."""

from odus.kit import times
from odus.kit.db import Database, Read, Write
from odus.kit.permissions import Principal, system
from odus.kit.problems import CONFLICT, Problem
from odus.kit.times import Moment
from odus.kit.versions import IfMatch
from odus.merchants import queries as merchants
from odus.payments import actions, queries
from odus.payments.model import PaymentCapture
from odus.payments.moving import expire, reconcile


async def find_due(read: Read, limit: int) -> list[str]:
    """Return the keys of payments to which something happens by itself by now, the longest due first."""
    return [" ".join(names) for names in await queries.due(read, limit)]


async def run_due(database: Database, key: str) -> None:
    """Do to a payment what falls due by now; nothing where that was done already, or somebody is at it."""
    merchant_id, payment_id = key.split(" ")
    who = system(merchant_id, "jobs", await merchants.clock(database.read, merchant_id))
    with times.ahead(who.clock):
        await fall_due(database.write, who, payment_id, times.now())


async def fall_due(write: Write, who: Principal, payment_id: str, at: Moment) -> None:
    """Do to a payment what falls due by a moment. Raises `GatewayError`, or `gateway_timeout`, without an answer."""
    record = await queries.get(write, who.merchant_id, payment_id)
    if record is None:
        return
    if record.reconcile_at is not None:
        if record.reconcile_at <= at - who.clock:
            await reconcile(write, who, record)
    elif record.due_at is None or record.due_at > at:
        return
    elif record.challenge is not None:
        await expire(write, who, record, at)
    else:
        await _capture(write, who, payment_id)


async def _capture(write: Write, who: Principal, payment_id: str) -> None:
    """Capture what is still uncaptured; whoever came first may have captured or released it."""
    try:
        await actions.capture(write, who, payment_id, PaymentCapture(), IfMatch())
    except Problem as problem:
        if problem.kind.status != CONFLICT.status:
            raise
