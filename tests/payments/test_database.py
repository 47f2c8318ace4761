"""The database itself refuses what must never happen to a payment, whoever writes."""

from typing import LiteralString

import asyncpg
import httpx
import pytest

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
    ("captured", "amount_reversed = amount_captured + 1", "payments_amounts"),
    ("held", "amount_reversed = 1", "payments_amounts"),
    ("held", "captured_at = now()", "payments_amounts"),
    ("open", "chargeback_recorded_at = now()", "payments_chargeback"),
    ("held", "chargeback_recorded_at = now()", "payments_chargeback"),
    ("open", "status = 'requires_action'", "payments_challenge"),
    ("challenged", "status = 'open'", "payments_challenge"),
    ("challenged", "challenge = null", "payments_challenge"),
    ("open", "status = 'succeeded'", "payments_reference"),
    ("open", "capture_delay = 1", "payments_delay"),
    ("open", """attempt = '{"kind": "authorize"}'""", "payments_due"),
    ("challenged", "due_at = null", "payments_due"),
    ("open", "status = 'paid'", "payments_status_check"),
    ("open", "initiator = 'bank'", "payments_initiator_check"),
    ("open", "updated_at = created_at - interval '1 ms'", "payments_check"),
]


@pytest.mark.parametrize(("state", "change", "constraint"), FORBIDDEN, ids=lambda part: part)
async def test_a_forbidden_change_is_refused(
    client: httpx.AsyncClient, database: Database, state: str, change: LiteralString, constraint: str
) -> None:
    payment = await put(client, state)
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with database.write.transaction() as transaction:
            await transaction.run(f"update payments set {change} where id = $1", payment["id"])
    assert refusal.value.constraint_name == constraint
    assert await acts.current(client, payment) == payment


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
