"""Every SQL statement on subscriptions."""

from datetime import date
from typing import LiteralString, get_args

import asyncpg
import msgspec

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import bodies, folding, kinds, metadata
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Field
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment, everywhere
from odus.products.model import BillingSchedule
from odus.subscriptions.model import MONTH_MINUTES, MonthlyRevenue, Status, Subscription
from odus.subscriptions.record import Record


async def get(read: Read, merchant_id: str, subscription_id: str) -> Record | None:
    """Return one subscription, with what is not shown of it."""
    row = await read.row(_GET, merchant_id, subscription_id)
    return None if row is None else _record(row)


async def insert(write: Write, record: Record, entry: Entry) -> None:
    """Add a subscription, and its event."""
    fixed = (
        record.customer,
        record.price,
        record.quantity,
        record.currency,
        bodies.text(record.schedule),
        record.timezone,
        record.payment,
        record.start_date,
        record.created_at,
    )
    await events.write_with(write, entry, _INSERT, *_values(record), *fixed)


async def update(write: Write, before: Record, after: Record, entry: Entry) -> bool:
    """Write a new version over the version `before`, and its event; False where that version is no more."""
    return await events.write_with(write, entry, _UPDATE, *_values(after), before.updated_at)


async def due(read: Read, limit: int) -> list[tuple[str, str]]:
    """Return the merchant and the id of subscriptions that fall due by now, the longest due first."""
    return [(row["merchant_id"], row["id"]) for row in await read.rows(_DUE, everywhere(), limit)]


async def of_payment(read: Read, merchant_id: str, payment_id: str) -> list[str]:
    """Return the ids of the subscriptions that were born of a payment, in the order of its cart."""
    sql = "select id from subscriptions where merchant_id = $1 and payment_id = $2 order by created_at, id"
    return [row["id"] for row in await read.rows(sql, merchant_id, payment_id)]


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[Subscription]:
    """Return the subscriptions that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _subscription)


async def is_empty(read: Read, merchant_id: str) -> bool:
    """Tell whether a merchant has no subscription yet."""
    sql = "select (select count(*) from (select from subscriptions where merchant_id = $1 limit 1) as any_one)"
    return await read.count(sql, merchant_id) == 0


async def monthly_revenue(read: Read, merchant_id: str) -> list[MonthlyRevenue]:
    """Return the active subscriptions by currency, the one of most first, and what they bring in a month.

    That is the next cycle of each that will be charged, as if it lasted a month.
    """
    rows = await read.rows(_MONTHLY_REVENUE, merchant_id, MONTH_MINUTES)
    return [MonthlyRevenue(row["currency"], int(row["amount"]), row["count"]) for row in rows]


async def turns_by_day(read: Read, merchant_id: str, since: Moment) -> dict[date, int]:
    """Return how many more, or fewer, subscriptions were active after each day (UTC) since a moment than before it."""
    rows = await read.rows(
        """
        select (at at time zone 'UTC')::date as day, sum(change)::integer as change from (
            select start_date as at, 1 as change from subscriptions where merchant_id = $1 and start_date >= $2
            union all
            select cancelled_at, -1 from subscriptions
            where merchant_id = $1 and status = 'cancelled' and cancelled_at >= $2
        ) as turns
        group by day
        """,
        merchant_id,
        since,
    )
    return {row["day"]: row["change"] for row in rows}


_COLUMNS: LiteralString = (
    "id, customer_id, price_id, quantity, currency, schedule, timezone, payment_id, payment_method_id, status, "
    "start_date, current_period_start, current_period_end, current_cycle, cancel_at_period_end, cancelled_at, "
    "disabled_reason, disabled_detail, failed_at, retries, due_at, metadata, created_at, updated_at"
)

LISTING = Listing(
    table="subscriptions",
    columns=_COLUMNS,
    changes="subscription_changes",
    fields=(
        kinds.ID,
        Field(
            name="customer",
            kind=kinds.TEXT,
            column="customer_id",
            folded="lower(customer_id)",
            indexed="customer_id",
        ),
        Field(
            name="status",
            kind=kinds.choice(*get_args(Status)),
            column="status",
            folded="lower(status)",
            indexed="status",
        ),
        Field(name="price", kind=kinds.TEXT, column="price_id", folded="lower(price_id)", indexed="price_id"),
        Field(
            name="currentPeriodEnd",
            kind=kinds.INSTANT,
            column="current_period_end",
            indexed="current_period_end",
            sorted_by="current_period_end",
        ),
        kinds.CREATED_AT,
        msgspec.structs.replace(kinds.UPDATED_AT, indexed="updated_at"),
        msgspec.structs.replace(kinds.METADATA_FIELD, indexed="metadata"),
    ),
)
"""How subscriptions are listed."""

_GET = f"select {_COLUMNS} from subscriptions where merchant_id = $1 and id = $2"

_INSERT = """
insert into subscriptions (
    merchant_id, id, payment_method_id, status, current_period_start, current_period_end, current_cycle,
    cancel_at_period_end, cancelled_at, disabled_reason, failed_at, retries, due_at, metadata, metadata_folded,
    updated_at, disabled_detail, customer_id, price_id, quantity, currency, schedule, timezone, payment_id, start_date,
    created_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31,
    $32, $33, $34, $35)
returning id
"""

_UPDATE = """
update subscriptions set payment_method_id = $12, status = $13, current_period_start = $14, current_period_end = $15,
    current_cycle = $16, cancel_at_period_end = $17, cancelled_at = $18, disabled_reason = $19, failed_at = $20,
    retries = $21, due_at = $22, metadata = $23, metadata_folded = $24, updated_at = $25,
    disabled_detail = $26
where merchant_id = $1 and id = $11 and updated_at = $27
returning id
"""


_MONTHLY_REVENUE = """
select currency, count(*), coalesce(round(sum(
    quantity * (step ->> 'amount')::numeric
    / case step ->> 'intervalUnit' when 'year' then 12 when 'month' then 1 else
        case step ->> 'intervalUnit' when 'week' then 10080 when 'day' then 1440 when 'hour' then 60 else 1 end
        / $2::numeric
    end
    / (step ->> 'intervalValue')::numeric
) filter (where disabled_reason is null and not cancel_at_period_end)), 0) as amount
from subscriptions
cross join lateral (select schedule -> 'cycleDefinitions' as steps) as billed
cross join lateral (select steps -> (least(current_cycle + 1, jsonb_array_length(steps)) - 1) as step) as next
where merchant_id = $1 and status = 'active' group by currency order by count(*) desc, currency
"""

_DUE = """
select merchant_id, id from (
    (select merchant_id, id, due_at from subscriptions where due_at <= $1 order by due_at limit $2)
    union all (
        select subscriptions.merchant_id, subscriptions.id, due_at from merchants
        join subscriptions on subscriptions.merchant_id = merchants.id
        where clock_offset > '0' and due_at > $1 and due_at <= $1 + clock_offset
        order by due_at limit $2
    )
) as due
order by due_at limit $2
"""


def _values(record: Record) -> tuple[object, ...]:
    """Return what may change of a subscription."""
    folded = folding.kept_of_object(record.metadata)
    return (
        record.id,
        record.payment_method,
        record.status,
        record.current_period_start,
        record.current_period_end,
        record.current_cycle,
        record.cancel_at_period_end,
        record.cancelled_at,
        record.disabled_reason,
        record.failed_at,
        record.retries,
        record.due_at,
        bodies.text(record.metadata),
        folded and bodies.text(folded),
        record.updated_at,
        record.disabled_detail,
    )


_decode_schedule = msgspec.json.Decoder(BillingSchedule).decode


def _moment(row: asyncpg.Record, name: str) -> Moment | None:
    at = row[name]
    return at and Moment.of(at)


def _record(row: asyncpg.Record) -> Record:
    return Record(
        id=row["id"],
        customer=row["customer_id"],
        price=row["price_id"],
        quantity=row["quantity"],
        currency=row["currency"],
        schedule=_decode_schedule(row["schedule"]),
        timezone=row["timezone"],
        payment=row["payment_id"],
        payment_method=row["payment_method_id"],
        status=row["status"],
        start_date=Moment.of(row["start_date"]),
        current_period_start=Moment.of(row["current_period_start"]),
        current_period_end=Moment.of(row["current_period_end"]),
        current_cycle=row["current_cycle"],
        cancel_at_period_end=row["cancel_at_period_end"],
        cancelled_at=_moment(row, "cancelled_at"),
        disabled_reason=row["disabled_reason"],
        disabled_detail=row["disabled_detail"],
        failed_at=_moment(row, "failed_at"),
        retries=row["retries"],
        due_at=_moment(row, "due_at"),
        metadata=metadata.load(row["metadata"]),
        created_at=Moment.of(row["created_at"]),
        updated_at=Moment.of(row["updated_at"]),
    )


def _subscription(row: asyncpg.Record) -> Subscription:
    return _record(row).subscription
