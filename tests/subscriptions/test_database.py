"""The database itself refuses what must never happen to a subscription, whoever writes."""

from typing import LiteralString

import asyncpg
import httpx
import pytest

from odus.kit.db import Database
from tests import make
from tests.subscriptions import acts
from tests.subscriptions.acts import Object

NEXT = "current_period_start = current_period_end, current_period_end = current_period_end + interval '1 month'"
REVIVED = "status = 'active', cancelled_at = null, disabled_reason = null, due_at = now()"
GAP = """
    current_cycle = current_cycle + 1, current_period_start = current_period_end + interval '1 day',
    current_period_end = current_period_end + interval '2 months'
"""

FORBIDDEN: list[tuple[str, LiteralString, str]] = [
    ("cancelled", REVIVED, "subscriptions_change"),
    ("active", "current_cycle = current_cycle - 1", "subscriptions_change"),
    ("active", "current_cycle = current_cycle + 2, " + NEXT, "subscriptions_change"),
    ("active", "current_cycle = current_cycle + 1", "subscriptions_change"),
    ("active", NEXT, "subscriptions_change"),
    ("active", "current_period_end = current_period_end + interval '1 day'", "subscriptions_change"),
    ("active", GAP, "subscriptions_change"),
    ("active", "start_date = start_date - interval '1 day'", "subscriptions_change"),
    ("active", "quantity = 2", "subscriptions_change"),
    ("active", "quantity = 0", "subscriptions_change"),
    ("active", "current_cycle = current_cycle + 1, current_period_start = current_period_end", "subscriptions_check"),
    ("active", "status = 'cancelled'", "subscriptions_cancelled"),
    ("active", "cancelled_at = now()", "subscriptions_cancelled"),
    ("active", "disabled_reason = 'subscription_cancelled'", "subscriptions_cancelled"),
    ("cancelled", "due_at = now()", "subscriptions_cancelled"),
    ("active", "due_at = null", "subscriptions_due"),
    ("active", "due_at = null, disabled_reason = 'latest_invoice_retrying'", "subscriptions_due"),
    ("active", "status = 'paused', due_at = null, disabled_reason = 'recurring_payment_errored'",
     "subscriptions_status_check"),
    ("active", "disabled_reason = 'tired'", "subscriptions_disabled_reason_check"),
    ("active", "retries = 5", "subscriptions_retries_check"),
    ("active", "updated_at = created_at - interval '1 ms'", "subscriptions_check"),
]  # fmt: skip


async def run(database: Database, sql: LiteralString, *arguments: object) -> None:
    """Run a statement in a transaction of its own, at whose end all constraints hold."""
    async with database.write.transaction() as transaction:
        await transaction.run(sql, *arguments)
        await transaction.run("set constraints all immediate")


async def put(client: httpx.AsyncClient, state: str) -> Object:
    """Make a subscription in a state, in its second cycle."""
    subscription = await acts.subscribed(client)
    subscription = await acts.advanced(client, subscription, subscription["currentPeriodEnd"])
    if state == "cancelled":
        return await acts.act(client, subscription, "cancel", {"cancelImmediately": True})
    return subscription


@pytest.mark.parametrize(("state", "change", "constraint"), FORBIDDEN, ids=lambda part: part)
async def test_a_forbidden_change_is_refused(
    client: httpx.AsyncClient, database: Database, state: str, change: LiteralString, constraint: str
) -> None:
    subscription = await put(client, state)
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await run(database, f"update subscriptions set {change} where id = $1", subscription["id"])
    assert (refusal.value.constraint_name or "").startswith(constraint)
    assert await acts.current(client, subscription) == subscription


async def test_a_cycle_has_one_payment_that_is_not_cancelled(client: httpx.AsyncClient, database: Database) -> None:
    await put(client, "active")
    columns, values = await _unpaid(database)
    sql = f"insert into payments ({', '.join(columns)}) select {', '.join(values)} from payments where cycle = 2"
    with pytest.raises(asyncpg.UniqueViolationError) as refusal:
        await run(database, sql)  # pyright: ignore[reportArgumentType]
    assert refusal.value.constraint_name == "payments_cycle_key"


@pytest.mark.parametrize("body", [{}, {"cancelImmediately": True}], ids=["is to end", "has ended"])
async def test_no_payment_is_made_for_a_cycle_of_one_that_ends(
    client: httpx.AsyncClient, database: Database, body: Object
) -> None:
    subscription = await put(client, "active")
    await acts.act(client, subscription, "cancel", body)
    columns, values = await _unpaid(database, cycle="3")
    sql = f"insert into payments ({', '.join(columns)}) select {', '.join(values)} from payments where cycle = 2"
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await run(database, sql)  # pyright: ignore[reportArgumentType]
    assert refusal.value.constraint_name == "payments_subscription_ended"


async def _unpaid(database: Database, **more: str) -> tuple[list[str], list[str]]:
    """Return the columns of payments, and what makes a payment that nobody tried to pay of another one."""
    columns = await _columns(database, "payments")
    unpaid = {"id": "'pay_copy'", "status": "'open'", "transactions": "'[]'", "captured_at": "null"}
    unpaid |= {"reference": "null", "amount_captured": "0", "amount_reversed": "0"}
    return columns, [{**unpaid, **more}.get(name, name) for name in columns]


async def _columns(database: Database, table: str) -> list[str]:
    """Return the columns of a table that are written."""
    sql = """
        select column_name::text from information_schema.columns
        where table_schema = current_schema() and table_name = $1 and is_generated = 'NEVER'
    """
    return [row["column_name"] for row in await database.read.rows(sql, table)]


async def test_a_subscription_is_charged_to_a_card_of_its_customer(
    client: httpx.AsyncClient, database: Database
) -> None:
    subscription, other = await put(client, "active"), await put(client, "active")
    sql = "update subscriptions set payment_method_id = $2 where id = $1"
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await run(database, sql, subscription["id"], other["paymentMethod"])


async def test_no_subscription_is_put_on_a_detached_card(client: httpx.AsyncClient, database: Database) -> None:
    subscription = await put(client, "active")
    other = (await make.paid(client, make.MASTERCARD, customer=subscription["customer"]))["paymentMethod"]
    await client.post(f"/payment-methods/{other}/detach", json={})
    columns = await _columns(database, "subscriptions")
    values = ["'sub_copy'" if name == "id" else "$2" if name == "payment_method_id" else name for name in columns]
    copy = (
        f"insert into subscriptions ({', '.join(columns)}) select {', '.join(values)} from subscriptions where id = $1"
    )
    for sql in ("update subscriptions set payment_method_id = $2 where id = $1", copy):
        with pytest.raises(asyncpg.CheckViolationError) as refusal:
            await run(database, sql, subscription["id"], other)  # pyright: ignore[reportArgumentType]
        assert refusal.value.constraint_name == "subscriptions_payment_method"


async def test_a_payment_names_a_subscription_that_is_there(client: httpx.AsyncClient, database: Database) -> None:
    paid = await make.paid(client)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await run(database, "update payments set subscription_id = 'sub_x' where id = $1", paid["id"])


async def test_the_clock_of_a_merchant_never_lies_behind(shop: make.Shop, database: Database) -> None:
    for change in ("clock_offset = '-1 second'", "clock_offset = '1 second', environment = 'live'"):
        with pytest.raises(asyncpg.CheckViolationError) as refusal:
            await run(database, f"update merchants set {change} where id = $1", shop.merchant_id)
        assert refusal.value.constraint_name == "merchants_clock"
