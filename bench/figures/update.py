"""How many customers a second are updated, against the same statements in PostgreSQL alone."""

from datetime import date

import msgspec

from bench.figure import Figure, Goal, Row
from bench.harness import Bench
from bench.load import CONNECTIONS, Script
from bench.seed import CUSTOMER_ID, Seeded
from bench.server import Server
from bench.statements import Statement, principal, record, script
from odus.customers import actions
from odus.customers.model import Customer, CustomerCreate, CustomerUpdate
from odus.kit import bodies
from odus.kit.db import Write
from odus.kit.versions import IfMatch

CLIENTS = CONNECTIONS
"""As many as wrk's connections: the more commit at a time, the more of them share one write to the disk."""
GOAL = Goal("ratio", ">=", 0.50)
CREATED = {
    "email": "full@example.com",
    "name": "Every Field",
    "phoneNumber": "+15559876543",
    "dateOfBirth": "1980-02-29",
    "billingAddress": {"line1": "1 Main St", "country": "US"},
    "shippingAddress": {"line1": "2 Main St", "country": "US"},
    "metadata": {"externalId": "00001", "tier": "free"},
}
"""A customer whose fields all differ, so that each can be told among the parameters."""
UPDATED = {"metadata": {"visits": "000000000"}}
"""As load.lua sends it."""


def _measure(bench: Bench) -> list[Row]:
    race = bench.race("update", _reference)
    return [race.row("POST /customers/{id}", f"its statements, {CLIENTS} clients", GOAL)]


def _reference(server: Server, seeded: Seeded) -> Script:
    seen: list[Customer] = []
    who = principal(seeded)

    async def create(write: Write) -> None:
        seen.append(await actions.create(write, who, bodies.decoder(CustomerCreate)(bodies.encode(CREATED))))

    async def update(write: Write) -> None:
        data = bodies.decoder(CustomerUpdate)(bodies.encode(UPDATED))
        seen.append(await actions.update(write, who, seen[0].id, data, IfMatch()))

    record(server.database.dsn, create)
    statements = record(server.database.dsn, update)
    before, after = seen
    variables = (
        f"\\set turn :turn + 1\n\\set event :started + :turn * {CLIENTS} + :client_id\n"
        f"\\set number random(1, {seeded.customers})"
    )
    return script(statements, variables, _changing(statements, before, after), CLIENTS)


def _changing(statements: list[Statement], before: Customer, after: Customer) -> dict[object, str]:
    """Say what must not stay as recorded: the customer, whose fields are written as they were found, and the moment."""
    [event_id] = {each for _, values in statements for each in values if isinstance(each, str) and each[:4] == "evt_"}
    kept = {_sent(getattr(before, name)): _found(name, kind) for name, kind in _KEPT.items()}
    return {
        **kept,
        before.id: CUSTOMER_ID,
        event_id: "'evt_2' || lpad(:event::text, 26, '0')",
        before.updated_at: ":found_updated_at",
        after.updated_at: "now()",
    }


_KEPT = {
    "email": "text",
    "name": "text",
    "phone_number": "text",
    "date_of_birth": "date",
    "billing_address": "jsonb",
    "shipping_address": "jsonb",
}


def _found(name: str, kind: str) -> str:
    return f"nullif(:found_{name}, '')::{kind}"  # pgbench has no null, it keeps an empty text for it


def _sent(value: str | date | msgspec.Struct) -> object:
    return bodies.text(value) if isinstance(value, msgspec.Struct) else value


FIGURE = Figure("update", _measure)
