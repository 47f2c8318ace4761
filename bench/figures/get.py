"""How many customers a second are read by id, against PostgreSQL alone."""

from bench.figure import Figure, Goal, Row
from bench.harness import Bench
from bench.load import Script
from bench.seed import CUSTOMER_ID, Seeded, customer_id
from bench.server import Server
from bench.statements import record, script
from odus.customers import queries

CLIENTS = 16
GOAL = Goal("ratio", ">=", 0.25)


def _measure(bench: Bench) -> list[Row]:
    race = bench.race("get", _reference)
    return [race.row("GET /customers/{id}", f"SELECT by key, {CLIENTS} clients", GOAL)]


def _reference(server: Server, seeded: Seeded) -> Script:
    first = customer_id(1)
    statements = record(server.database.dsn, lambda write: queries.get(write, seeded.merchant_id, first))
    variables = f"\\set number random(1, {seeded.customers})"
    return script(statements, variables, {first: CUSTOMER_ID}, CLIENTS)


FIGURE = Figure("get", _measure)
