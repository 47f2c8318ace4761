"""What must be true of a subscription whatever happened to it, held against its payments and the gateway's books."""

from itertools import pairwise

from odus.kit.db import Database
from odus.kit.times import Moment
from odus.subscriptions import queries
from odus.subscriptions.calendar import definition, end_of
from odus.subscriptions.record import Record
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts as payments
from tests.subscriptions import acts
from tests.subscriptions.acts import Object


async def check(database: Database, shop: Shop, subscription_id: str) -> Record:
    """Hold that each cycle was charged once, that none is left out, and that its periods follow each other."""
    record = await queries.get(database.read, shop.merchant_id, subscription_id)
    assert record
    for cycle, start, end in await _periods(database, subscription_id):
        assert start == end_of(record.schedule, record.start_date, record.timezone, cycle - 1)
        assert end == end_of(record.schedule, record.start_date, record.timezone, cycle)
    sql = "select cycle, status, amount, amount_captured from payments where subscription_id = $1 and cycle is not null"
    made = await database.read.rows(sql, subscription_id)
    costs = {n: definition(record.schedule, n).amount * record.quantity for n in range(2, record.current_cycle + 1)}
    charged = {row["cycle"]: row["amount_captured"] for row in made if row["status"] == "succeeded"}
    assert charged == {cycle: cost for cycle, cost in costs.items() if cost}
    kept = [row["cycle"] for row in made if row["status"] != "cancelled"]
    assert len(set(kept)) == len(kept)
    assert {row["cycle"] for row in made} <= set(range(2, record.current_cycle + 2))
    unpaid = [row["cycle"] for row in made if row["status"] in ("open", "requires_action")]
    assert unpaid in ([], [record.current_cycle + 1])
    assert not unpaid or record.disabled_reason or is_put_off(record)
    assert not unpaid or (record.status == "active" and not record.cancel_at_period_end)
    return record


def is_put_off(record: Record) -> bool:
    """Tell whether a charge waits for a while, without having been declined: it did not reach the gateway, say."""
    return record.due_at is not None and record.due_at > record.current_period_end


async def _periods(database: Database, subscription_id: str) -> list[tuple[int, Moment, Moment]]:
    """Return the cycles that its events tell of, one after the other."""
    sql = "select data from events where resource = $1 order by created_at, id"
    states: list[Object] = [acts.decoded(row["data"]) for row in await database.read.rows(sql, subscription_id)]
    found = {
        each["currentCycle"]: (Moment.parse(each["currentPeriodStart"]), Moment.parse(each["currentPeriodEnd"]))
        for each in states
    }
    assert list(found) == list(range(1, len(found) + 1))
    assert all(before[1] == after[0] for before, after in pairwise(found.values()))
    return [(cycle, *period) for cycle, period in found.items()]


async def check_money(database: Database, shop: Shop) -> None:
    """Hold what the gateway took for a merchant against what the payments say, to the cent."""
    sql = """
        select payments.id, amount_captured, status,
            count(reference_of.*) filter (where reference_of.captured > 0) as charges,
            coalesce(sum(reference_of.captured), 0)::bigint as taken
        from payments left join sandbox_charges as reference_of
            on reference_of.merchant_id = payments.merchant_id and reference_of.payment_id = payments.id
        where payments.merchant_id = $1 group by payments.merchant_id, payments.id
    """
    for row in await database.read.rows(sql, shop.merchant_id):
        assert row["taken"] == row["amount_captured"], row["id"]
        assert row["charges"] == (row["status"] == "succeeded"), row["id"]


async def check_histories(shop: Shop, subscription_id: str) -> None:
    """Hold the events of a subscription and of its payments against what they are now, as far as a page goes."""
    subscription = await acts.current(shop.client, subscription_id)
    for each in [subscription, *await acts.renewals(shop.client, subscription)]:
        events = await payments.events(shop.client, each)
        if len(events) < 100:
            check_chain(events, each)
