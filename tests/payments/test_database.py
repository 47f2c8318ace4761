"""The database itself refuses what must never happen to a payment, whoever writes."""

from typing import LiteralString

import asyncpg
import httpx
import pytest

from odus.gateways.protocol import GatewayError
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Database
from tests import make
from tests.payments import acts
from tests.payments.acts import MANUAL, Object

STATES = ("open", "challenged", "held", "captured", "reversed", "charged back", "cancelled")


async def put(client: httpx.AsyncClient, state: str) -> Object:
    """Make a payment in a state."""
    customer = (await make.customer(client))["id"]
    match state:
        case "open":
            return await make.payment(client, customer=customer)
        case "challenged":
            return await make.paid(client, make.CHALLENGED, customer=customer)
        case "held":
            return await make.paid(client, customer=customer, paymentMethodOptions=MANUAL)
        case "cancelled":
            return await acts.act(client, await make.payment(client, customer=customer), "cancel")
        case _:
            paid = await make.paid(client, customer=customer)
            verb = {"reversed": "reverse", "charged back": "record-chargeback"}.get(state)
            return await acts.act(client, paid, verb, {"amount": 100} if verb == "reverse" else {}) if verb else paid


BEING: dict[str, tuple[str, str, Object]] = {
    "being held": ("open", "authorize", {"card": make.card()}),
    "being abandoned": ("challenged", "cancel", {}),
    "being confirmed": ("challenged", "complete-action", {"outcome": "succeeded"}),
    "being voided": ("held", "cancel", {}),
    "being refunded": ("captured", "reverse", {"amount": 100}),
}
"""What the gateway has not answered."""


async def left(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, state: str) -> Object:
    """Make a payment in a state, or leave it on its way to one."""
    if state not in BEING:
        return await put(client, state)
    before, verb, body = BEING[state]
    payment = await put(client, before)

    async def unheard(*_: object) -> None:
        raise GatewayError

    for name in ("authorize", "complete", "withdraw", "void", "refund"):
        monkeypatch.setattr(Sandbox, name, unheard)
    assert (await acts.ask(client, payment, verb, body)).status_code == 504
    return await acts.current(client, payment)


SETTLED: LiteralString = """jsonb_set(transactions, '{-1,outcome}', '{"status": "success"}')"""
ELSEWHERE: LiteralString = (
    """'{"id": "txn_x", "type": "reverse", "amount": 1, "outcome": {"status": "success"}, "isExternal": true}'::jsonb"""
)
TOO_MUCH: LiteralString = f"jsonb_set({ELSEWHERE}, '{{amount}}', '4201')"

FORBIDDEN: list[tuple[str, LiteralString, str]] = [
    ("cancelled", "status = 'open'", "payments_change"),
    ("cancelled", "status = 'succeeded', reference = 'ch_x'", "payments_change"),
    ("held", "status = 'open'", "payments_change"),
    ("captured", "status = 'cancelled'", "payments_change"),
    ("captured", "status = 'open'", "payments_change"),
    ("captured", "amount_captured = 1", "payments_change"),
    ("captured", "amount_captured = 0, captured_at = null", "payments_change"),
    ("held", "amount_captured = amount, captured_at = now()", "payments_change"),
    ("open", "status = 'succeeded', reference = 'c', amount_captured = amount, captured_at = now()", "payments_change"),
    ("reversed", "amount_reversed = 99", "payments_change"),
    ("charged back", "chargeback_recorded_at = null", "payments_change"),
    ("open", "amount = 1", "payments_change"),
    ("captured", "currency = 'eur'", "payments_change"),
    ("open", "customer_id = null", "payments_change"),
    ("captured", "transactions = '[]'", "payments_change"),
    ("open", "status = 'succeeded', reference = 'ch_x'", "payments_change"),
    ("challenged", "status = 'succeeded', reference = 'ch_x', challenge = null, due_at = null", "payments_change"),
    ("challenged", "status = 'cancelled', challenge = null, due_at = null", ""),  # as the release before has it
    ("challenged", "status = 'open', challenge = null, due_at = null", ""),
    ("being abandoned", "status = 'cancelled', challenge = null, due_at = null", ""),
    ("being abandoned", "status = 'succeeded', reference = 'ch_x', challenge = null, due_at = null", ""),
    ("being confirmed", "status = 'cancelled', challenge = null, due_at = null", "payments_change"),
    ("being held", "status = 'requires_action', challenge = '{}', due_at = now()", ""),
    ("being held", "status = 'succeeded', reference = 'ch_x'", ""),
    ("being held", "status = 'cancelled'", "payments_change"),
    ("being voided", "status = 'cancelled'", ""),
    ("being voided", "amount_captured = amount, captured_at = now()", "payments_change"),
    ("being refunded", f"amount_reversed = 100, transactions = {SETTLED}", ""),
    ("being refunded", f"amount_reversed = 99, transactions = {SETTLED}", "payments_reversed"),
    ("being refunded", "amount_reversed = 100", "payments_reversed"),
    ("being refunded", "attempt = jsonb_set(attempt, '{key}', '1')", "payments_change"),
    ("open", "status = 'requires_action', challenge = '{}', due_at = now()", "payments_change"),
    ("held", "status = 'cancelled'", "payments_change"),
    ("captured", "amount_reversed = 1", "payments_change"),
    ("captured", f"amount_reversed = 1, transactions = transactions || {ELSEWHERE}", ""),
    ("captured", f"amount_reversed = 2, transactions = transactions || {ELSEWHERE}", "payments_reversed"),
    ("reversed", "amount_reversed = 101", "payments_change"),
    ("captured", "transactions = jsonb_set(transactions, '{0,outcome}', 'null')", "payments_transactions"),
    (
        "captured",
        """transactions = jsonb_set(transactions, '{1,outcome,status}', '"failure"')""",
        "payments_transactions",
    ),
    ("captured", "transactions = jsonb_set(transactions, '{0,amount}', '1')", "payments_transactions"),
    ("challenged", """transactions = jsonb_set(transactions, '{0,id}', '"txn_x"')""", "payments_transactions"),
    ("held", "reference = 'ch_x'", "payments_change"),
    ("held", "reference = null", "payments_change"),
    ("held", "initiator = 'merchant'", "payments_change"),
    ("held", "capture_method = 'automatic'", "payments_change"),
    ("open", "off_session_type = 'recurring'", "payments_change"),
    ("open", """cart = '{"items": []}'""", "payments_change"),
    ("open", "payment_method_options = '{}'", "payments_change"),
    ("open", "checkout_key = 'x'", "payments_change"),
    ("open", "id = 'pay_x'", "payments_change"),
    ("captured", "amount_reversed = amount_captured + 1", "payments_change"),
    ("captured", f"amount_reversed = 4201, transactions = transactions || {TOO_MUCH}", "payments_amounts"),
    ("held", f"amount_reversed = 1, transactions = transactions || {ELSEWHERE}", "payments_amounts"),
    ("held", "captured_at = now()", "payments_amounts"),
    ("open", "chargeback_recorded_at = now()", "payments_chargeback"),
    ("held", "chargeback_recorded_at = now()", "payments_chargeback"),
    ("being held", "status = 'requires_action'", "payments_challenge"),
    ("challenged", "status = 'open'", "payments_challenge"),
    ("challenged", "challenge = null", "payments_challenge"),
    ("being held", "status = 'succeeded'", "payments_reference"),
    ("open", "capture_delay = 1", "payments_change"),
    ("open", """attempt = '{"kind": "authorize"}'""", "payments_due"),
    ("challenged", "due_at = null", "payments_due"),
    ("open", "status = 'paid'", "payments_status_check"),
    ("open", "updated_at = created_at - interval '1 ms'", "payments_check"),
]


ALLOWED = [(state, change) for state, change, constraint in FORBIDDEN if not constraint]


@pytest.mark.parametrize(("state", "change"), ALLOWED, ids=lambda part: part)
async def test_a_change_by_the_attempt_that_stands_there_is_not_refused(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch, state: str, change: LiteralString
) -> None:
    payment = await left(client, monkeypatch, state)
    await database.write.run(f"update payments set {change} where id = $1", payment["id"])


@pytest.mark.parametrize(
    ("state", "change", "constraint"), [each for each in FORBIDDEN if each[2]], ids=lambda part: part
)
async def test_a_forbidden_change_is_refused(  # noqa: PLR0913, PLR0917 - the cases
    client: httpx.AsyncClient,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    change: LiteralString,
    constraint: str,
) -> None:
    payment = await left(client, monkeypatch, state)
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with database.write.transaction() as transaction:
            await transaction.run(f"update payments set {change} where id = $1", payment["id"])
    assert refusal.value.constraint_name == constraint
    assert await acts.current(client, payment) == payment


NEW: list[tuple[str, LiteralString, str]] = [
    ("status", "'succeeded'", "payments_new"),
    ("status", "'cancelled'", "payments_new"),
    ("amount_captured", "amount", "payments_new"),
    ("captured_at", "now()", "payments_new"),
    ("amount_reversed", "1", "payments_new"),
    ("chargeback_recorded_at", "now()", "payments_new"),
    ("attempt", "'{}'", "payments_new"),
    ("challenge", "'{}'", "payments_new"),
    ("reference", "'ch_x'", "payments_new"),
    ("transactions", "'[{}]'", "payments_new"),
    ("initiator", "'bank'", "payments_initiator_check"),
    ("capture_delay", "1", "payments_delay"),
]


@pytest.mark.parametrize(("column", "value", "constraint"), NEW)
async def test_a_payment_begins_open_with_nothing_tried(
    client: httpx.AsyncClient, database: Database, column: str, value: LiteralString, constraint: str
) -> None:
    await put(client, "open")
    columns = await database.read.rows("""
        select column_name as name from information_schema.columns
        where table_schema = current_schema() and table_name = 'payments' and is_generated = 'NEVER'
    """)
    values: dict[str, LiteralString] = {row["name"]: row["name"] for row in columns}
    copy = "insert into payments ({}) select {} from payments"
    good = {**values, "id": "'pay_copy'"}
    bad = {**good, column: value}
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with database.write.transaction() as transaction:
            await transaction.run(copy.format(", ".join(bad), ", ".join(bad.values())))
    assert refusal.value.constraint_name == constraint
    await database.write.run(copy.format(", ".join(good), ", ".join(good.values())))


@pytest.mark.parametrize(
    "change",
    [
        "amount = 1",
        "currency = 'eur'",
        "type = 'one_time', billing_schedule = null",
        """billing_schedule = '{"cycleDefinitions": []}'""",
        "product = 'prod_x'",
    ],
)
async def test_what_a_price_costs_never_changes(
    client: httpx.AsyncClient, database: Database, change: LiteralString
) -> None:
    price = await make.recurring_price(client)
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with database.write.transaction() as transaction:
            await transaction.run(f"update prices set {change} where id = $1", price["id"])
    assert refusal.value.constraint_name == "prices_change"
    assert (await client.get(f"/prices/{price['id']}")).json() == price


async def test_a_payment_names_a_customer_and_a_method_of_its_merchant_that_belong_together(
    client: httpx.AsyncClient, database: Database
) -> None:
    payment, other = await put(client, "captured"), await put(client, "captured")
    sql = "update payments set payment_method_id = $2 where id = $1"
    with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
        async with database.write.transaction() as transaction:
            await transaction.run(sql, payment["id"], other["paymentMethod"])
    assert refusal.value.constraint_name == "payments_payment_method"


@pytest.mark.parametrize("state", STATES)
async def test_the_shown_state_is_the_one_that_lists_go_by(
    client: httpx.AsyncClient, database: Database, state: str
) -> None:
    payment = await put(client, state)
    row = await database.read.row("select display_status from payments where id = $1", payment["id"])
    assert row
    assert row["display_status"] == payment["displayStatus"]
    found = (await client.get("/payments", params={"displayStatus": payment["displayStatus"]})).json()["data"]
    assert payment in found
