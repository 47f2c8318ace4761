"""How many customers a second are created, against the same statement in PostgreSQL alone."""

from bench.figure import Figure, Goal, Row
from bench.harness import Bench
from bench.load import CONNECTIONS, Script
from bench.seed import Seeded
from bench.server import Server
from bench.statements import principal, record, script
from odus.customers import actions
from odus.customers.model import Customer, CustomerCreate
from odus.kit import bodies
from odus.kit.db import Write

CLIENTS = CONNECTIONS
"""As many as wrk's connections: the more commit at a time, the more of them share one write to the disk."""
GOAL = Goal("ratio", ">=", 0.50)
BODY = {
    "email": "jane.smith000000000@example.com",
    "name": "Jane Smith",
    "phoneNumber": "+15559876543",
    "billingAddress": {
        "line1": "1 Main St",
        "city": "Springfield",
        "state": "IL",
        "postalCode": "62701",
        "country": "US",
    },
    "metadata": {"externalId": "000000000", "tier": "premium"},
}
"""As load.lua sends it."""


def _measure(bench: Bench) -> list[Row]:
    race = bench.race("create", _reference)
    return [race.row("POST /customers", f"its statement, {CLIENTS} clients", GOAL)]


def _reference(server: Server, seeded: Seeded) -> Script:
    made: list[Customer] = []

    async def create(write: Write) -> None:
        made.append(await actions.create(write, principal(seeded), bodies.decoder(CustomerCreate)(bodies.encode(BODY))))

    [statement] = record(server.database.dsn, create)
    [event_id] = {value for value in statement[1] if isinstance(value, str) and value.startswith("evt_")}
    # New ids grow with time here too, as a KSUID does, so that an index is written at its end by both sides.
    changing: dict[object, str] = {
        made[0].id: "'cus_1' || lpad(:number::text, 26, '0')",
        event_id: "'evt_1' || lpad(:number::text, 26, '0')",
        made[0].email: "'jane.smith' || :number || '@example.com'",
        made[0].created_at: "now()",
    }
    variables = f"\\set turn :turn + 1\n\\set number :started + :turn * {CLIENTS} + :client_id"
    return script([statement], variables, changing, CLIENTS)


FIGURE = Figure("create", _measure)
