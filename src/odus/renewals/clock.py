"""The clock of a test merchant: put ahead, it lets all that falls due meanwhile happen, in order (payments.md §5)."""

import asyncio
import time
from datetime import timedelta

import asyncpg
import msgspec

from odus.events.model import Change, Entry, Event
from odus.kit import bodies, deadlines, problems, times
from odus.kit.db import Read, Write
from odus.kit.ids import new_id
from odus.kit.permissions import Principal, system
from odus.kit.problems import FieldError
from odus.kit.times import Moment
from odus.merchants import queries as merchants
from odus.payments import jobs as payments
from odus.renewals.actions import fall_due
from odus.renewals.model import TestClock
from odus.secret_keys import keyring

LONGEST = timedelta(days=50 * 366)
"""How far ahead of everybody's a clock can be."""
ADVANCE_SECONDS = 600.0
"""How long an advance may take; what it did until then stays, and asking again goes on."""
PATIENCE_SECONDS = 90.0
"""How long an advance waits for who is at a charge already; one that died at it is asked about by then."""
PAUSE_SECONDS = 0.02
"""How often it looks meanwhile."""


async def advance(write: Write, who: Principal, to: Moment) -> Moment:
    """Put a merchant's clock ahead to a moment, once all that falls due until then has happened; return it.

    Raises `test_only` for a live merchant, `validation_failed` for a moment before its present one, or too far ahead.
    """
    await refuse_live(write, who)
    start = times.now()
    _check(to, start)
    try:
        async with deadlines.elsewhere(ADVANCE_SECONDS):
            await run_until(write, who, to, puts_ahead=True)
            await merchants.advance(write, _advanced(who, start, to), to - times.everywhere())
            await asyncio.sleep(keyring.REMEMBERED_SECONDS)  # then every process has looked the clock up again
    except TimeoutError:
        raise problems.UNAVAILABLE("The clock was put ahead, but not so far yet: send this again to go on.") from None
    return to


async def refuse_live(read: Read, who: Principal) -> None:
    """Raise `test_only` for a live merchant."""
    merchant = await merchants.get(read, who.merchant_id)
    if merchant is None or merchant.environment != "test":
        raise problems.TEST_ONLY("The clock of a live merchant is everybody's: there is none to be read or advanced.")


def _advanced(who: Principal, start: Moment, to: Moment) -> Entry:
    """Return the event of an advance: it is the merchant's, as a clock has no id of its own."""
    event = Event(
        id=new_id("evt"),
        event_type="test_clock.advanced",
        resource=who.merchant_id,
        data=msgspec.Raw(bodies.encode(TestClock(now=to))),
        changes={"now": Change(str(start), str(to))},
        actor=who.actor,
        request_id=who.request_id or None,
        created_at=to,
    )
    return Entry(who.merchant_id, event)


async def run_until(write: Write, who: Principal, to: Moment, *, puts_ahead: bool = False) -> None:
    """Do all that falls due for a merchant until a moment, in order, each at the moment at which it does.

    What cannot be done, as the gateway does not answer, is left to the jobs, in whose name it is done here too; what
    somebody else does at the same time is waited for. With `puts_ahead`, the merchant's clock goes along, so that one
    who looks meanwhile sees it move; what was due before it began happens at the clock's present, as through a worker.
    """
    jobs = system(who.merchant_id, "jobs", who.clock)
    left_out: list[str] = []
    reached = times.now() if puts_ahead else None
    while (found := await _earliest(write, who.merchant_id, to, left_out)) is not None:
        due_at = Moment.of(found["due_at"])
        reached = max(due_at, reached or due_at)
        if puts_ahead:
            await merchants.put_ahead(write, who.merchant_id, due_at - times.everywhere())
        # Nothing happens to it before what happened to it last, whoever moved the clock meanwhile.
        if not await _done(write, jobs, found, max(reached, Moment.of(found["updated_at"]))):
            left_out.append(found["id"])


async def _done(write: Write, who: Principal, found: asyncpg.Record, at: Moment) -> bool:
    """Do what is due, or see somebody else do it; tell whether that has come about."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        is_ours = await _fall_due(write, who, found, at)
        if await write.row(_STILL_DUE, who.merchant_id, found["id"], found["due_at"]) is None:
            return True
        if is_ours or time.monotonic() > until:
            return False
        await asyncio.sleep(PAUSE_SECONDS)


async def _fall_due(write: Write, who: Principal, found: asyncpg.Record, at: Moment) -> bool:
    """Do what is due at a moment; False where somebody else is at it."""
    with times.at(at):
        if not found["is_payment"]:
            return await fall_due(write, who, found["id"], at)
        await payments.fall_due(write, who, found["id"], at)
        return True


def _check(to: Moment, now: Moment) -> None:
    if to < now:
        message = f"must not lie before the clock's present moment, {now}"
        raise problems.invalid([FieldError("to", "out_of_range", message)])
    if to - times.everywhere() > LONGEST:
        raise problems.invalid([FieldError("to", "out_of_range", "must be at most 50 years ahead")])


async def _earliest(read: Read, merchant_id: str, to: Moment, left_out: list[str]) -> asyncpg.Record | None:
    return await read.row(_EARLIEST, merchant_id, to, left_out)


_EARLIEST = """
select * from (
    (
        select id, due_at, updated_at, true as is_payment from payments
        where merchant_id = $1 and due_at <= $2 and attempt is null and id <> all($3) order by due_at limit 1
    )
    union all (
        select id, due_at, updated_at, false from subscriptions
        where merchant_id = $1 and due_at <= $2 and id <> all($3) order by due_at limit 1
    )
) as due
order by due_at, id limit 1
"""

_STILL_DUE = """
select from payments where merchant_id = $1 and id = $2 and due_at = $3 and attempt is null
union all
select from subscriptions where merchant_id = $1 and id = $2 and due_at = $3
"""
