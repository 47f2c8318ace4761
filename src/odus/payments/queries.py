"""Every SQL statement on payments."""

from typing import LiteralString, get_args

import asyncpg
import msgspec

from odus.events import queries as events
from odus.events.model import Entry
from odus.kit import kinds
from odus.kit.db import Read, Search, Write
from odus.kit.filters import Field, Kind
from odus.kit.lists import Asked, Listing, Page
from odus.kit.search import find
from odus.kit.times import Moment, everywhere
from odus.payments import rows, subscription_filters
from odus.payments.model import DisplayStatus, Initiator, OffSessionType, Payment, Revenue, Status
from odus.payments.record import Record


async def get(read: Read, merchant_id: str, payment_id: str) -> Record | None:
    """Return one payment, with what is not shown of it."""
    row = await read.row(_GET, merchant_id, payment_id)
    return None if row is None else rows.record(row)


async def get_anywhere(read: Read, payment_id: str) -> tuple[str, Record] | None:
    """Return one payment, whoever's it is, and the merchant: for who shows its checkout key instead of being known."""
    row = await read.row(_GET_ANYWHERE, payment_id)
    return None if row is None else (row["merchant_id"], rows.record(row))


async def insert(write: Write, record: Record, entry: Entry) -> None:
    """Add a payment, and its event."""
    await events.write_with(write, entry, _INSERT, *rows.changing(record), *rows.fixed(record))


async def update(write: Write, before: Record, after: Record, entry: Entry) -> bool:
    """Write a new version over the version `before`, and its event; False where that version is no more."""
    return await events.write_with(write, entry, _UPDATE, *rows.changing(after), *rows.version(before))


async def hold(write: Write, merchant_id: str, before: Record, after: Record) -> bool:
    """Write which attempt is under way, of which nothing is shown; False where the version `before` is no more."""
    return bool(await write.count(_HOLD, merchant_id, after.id, *rows.held(after), *rows.version(before)))


async def due(read: Read, limit: int) -> list[tuple[str, str]]:
    """Return the merchant and the id of payments to which something happens by itself by now, the longest due first."""
    return [(row["merchant_id"], row["id"]) for row in await read.rows(_DUE, everywhere(), limit)]


async def of_cycle(read: Read, merchant_id: str, subscription_id: str, cycle: int) -> Record | None:
    """Return the payment of a subscription's cycle; one that was cancelled is none."""
    row = await read.row(
        f"""
        select {_COLUMNS} from payments
        where merchant_id = $1 and subscription_id = $2 and cycle = $3 and status <> 'cancelled'
        """,
        merchant_id,
        subscription_id,
        cycle,
    )
    return None if row is None else rows.record(row)


async def is_empty(read: Read, merchant_id: str) -> bool:
    """Tell whether a merchant has no payment yet."""
    sql = "select (select count(*) from (select from payments where merchant_id = $1 limit 1) as any_one)"
    return await read.count(sql, merchant_id) == 0


async def revenue(read: Read, merchant_id: str, since: Moment) -> list[Revenue]:
    """Return what came of the payments that were made since a moment, by the day (UTC) and the currency.

    What was charged back is nobody's revenue.
    """
    found = await read.rows(
        """
        select (created_at at time zone 'UTC')::date as day, currency, count(*),
            coalesce(sum(amount_captured - amount_reversed) filter (where chargeback_recorded_at is null), 0)::bigint
                as amount
        from payments where merchant_id = $1 and created_at >= $2 group by day, currency order by currency, day
        """,
        merchant_id,
        since,
    )
    return [Revenue(row["day"], row["currency"], row["amount"], row["count"]) for row in found]


async def search(search: Search, merchant_id: str, asked: Asked) -> Page[Payment]:
    """Return the payments that were asked for."""
    return await find(search, LISTING, merchant_id, asked, _payment)


_COLUMNS: LiteralString = (
    "id, status, amount, currency, amount_captured, amount_reversed, captured_at, chargeback_recorded_at, initiator, "
    "off_session_type, customer_id, payment_method_id, subscription_id, cart, payment_method_options, capture_method, "
    "capture_delay, capture_at, return_url, transactions, metadata, gateway_profile_id, checkout_key, reference, "
    "attempt, challenge, requests, cycle, created_at, updated_at"
)


def _choice(name: str, column: LiteralString, kind: Kind, *, is_nullable: bool = False, indexed: bool = False) -> Field:
    return Field(
        name=name,
        kind=kind,
        column=column,
        folded=f"lower({column})",
        indexed=column if indexed else "",
        is_nullable=is_nullable,
    )


LISTING = Listing(
    table="payments",
    columns=_COLUMNS,
    changes="payment_changes",
    fields=(
        kinds.ID,
        _choice("customer", "customer_id", kinds.TEXT, is_nullable=True, indexed=True),
        _choice("status", "status", kinds.choice(*get_args(Status))),
        _choice("displayStatus", "display_status", kinds.choice(*get_args(DisplayStatus)), indexed=True),
        Field(name="amount", kind=kinds.AMOUNT, column="amount", indexed="amount", sorted_by="amount"),
        _choice("currency", "currency", kinds.CURRENCY),
        _choice("paymentMethod", "payment_method_id", kinds.TEXT, is_nullable=True, indexed=True),
        _choice("subscription", "subscription_id", subscription_filters.KIND, is_nullable=True, indexed=True),
        _choice("initiator", "initiator", kinds.choice(*get_args(Initiator))),
        _choice("offSessionType", "off_session_type", kinds.choice(*get_args(OffSessionType)), is_nullable=True),
        kinds.CREATED_AT,
        msgspec.structs.replace(kinds.UPDATED_AT, indexed="updated_at"),
        msgspec.structs.replace(kinds.METADATA_FIELD, indexed="metadata"),
    ),
)
"""How payments are listed."""

_GET = f"select {_COLUMNS} from payments where merchant_id = $1 and id = $2"

_GET_ANYWHERE = f"select merchant_id, {_COLUMNS} from payments where id = $1"

_INSERT = """
insert into payments (
    merchant_id, id, status, amount_captured, amount_reversed, captured_at, chargeback_recorded_at, payment_method_id,
    capture_at, return_url, transactions, metadata, metadata_folded, reference, attempt, challenge, requests, due_at,
    reconcile_at, has_failed, updated_at, subscription_id, gateway_profile_id, amount, currency, initiator,
    off_session_type, customer_id, cart, payment_method_options, capture_method, capture_delay, checkout_key, cycle,
    created_at
)
values ($1, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31,
    $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44)
returning id
"""

_UPDATE = """
update payments set status = $12, amount_captured = $13, amount_reversed = $14, captured_at = $15,
    chargeback_recorded_at = $16, payment_method_id = $17, capture_at = $18, return_url = $19, transactions = $20,
    metadata = $21, metadata_folded = $22, reference = $23, attempt = $24, challenge = $25, requests = $26,
    due_at = $27, reconcile_at = $28, has_failed = $29, updated_at = $30, subscription_id = $31,
    gateway_profile_id = $32
where merchant_id = $1 and id = $11 and updated_at = $33 and attempt is not distinct from $34 and requests = $35
returning id
"""

# What is asked of the gateway goes by everybody's clock, all else by the merchant's.
_DUE = """
select merchant_id, id from (
    (
        select merchant_id, id, reconcile_at as at from payments
        where reconcile_at <= $1 order by reconcile_at limit $2
    )
    union all (
        select merchant_id, id, due_at from payments
        where due_at <= $1 and reconcile_at is null order by due_at limit $2
    )
    union all (
        select payments.merchant_id, payments.id, due_at from merchants
        join payments on payments.merchant_id = merchants.id
        where clock_offset > '0' and due_at > $1 and due_at <= $1 + clock_offset and reconcile_at is null
        order by due_at limit $2
    )
) as due
order by at limit $2
"""

_HOLD = """
with held as (
    update payments set attempt = $3, requests = $4, due_at = $5, reconcile_at = $6
    where merchant_id = $1 and id = $2 and updated_at = $7 and attempt is not distinct from $8 and requests = $9
    returning id
)
select count(*) from held
"""


def _payment(row: asyncpg.Record) -> Payment:
    return rows.record(row).payment
