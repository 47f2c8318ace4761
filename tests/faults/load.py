"""Write load whose every answer is remembered, and the comparison of what was answered with what is in the database."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from odus.customers import queries
from odus.kit import bodies
from odus.kit.db import Database
from odus.kit.times import Moment
from tests import processes
from tests.faults.history import Object, check_chain
from tests.make import Shop
from tests.processes import Server

WRITERS = 6
UPDATES = 3
"""How often each customer is changed."""
PAUSE = 0.02
"""Seconds between two tries of a write that was not answered."""


@dataclass
class Load:
    """Writers that go on through every fault: each write is sent again until it is answered."""

    shop: Shop
    answers: list[Object] = field(default_factory=list)
    """The object of each answered write, in order."""
    keys: int = 0
    """How many idempotency keys customers were made with."""
    tries: int = 0
    stopping: bool = False

    async def write(self, path: str, body: Object, key: str | None) -> Object:
        """Send a write until it is answered; return the object."""
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            self.tries += 1
            answer = await self._try(path, body, headers)
            if answer is not None:
                self.answers.append(answer)
                return answer
            await asyncio.sleep(PAUSE)

    async def _try(self, path: str, body: Object, headers: dict[str, str]) -> Object | None:
        try:
            response = await self.shop.client.post(path, json=body, headers=headers)
        except httpx.TransportError:
            return None
        if response.status_code in {503, 409}:
            assert int(response.headers["Retry-After"]) >= 1, response.text
            return None
        assert response.status_code in {200, 201}, response.text
        return response.json()

    async def run(self, writer: int) -> None:
        """Make customers and change them, until told to stop."""
        while not self.stopping:
            key = f"{writer}-{self.keys}"
            self.keys += 1
            body = {"email": "jane@example.com", "metadata": {"key": key}}
            customer = await self.write("/customers", body, key)
            for turn in range(UPDATES):
                change = {"name": f"Jane {turn}", "metadata": {"turn": str(turn)}}
                await self.write(f"/customers/{customer['id']}", change, f"{key} {turn}" if turn % 2 else None)


@asynccontextmanager
async def load(server: Server, data: Path) -> AsyncIterator[Load]:
    """Write as long as the block runs; in the end every write that was begun is answered."""
    async with processes.shop(server.url, processes.dsn(data)) as shop:
        running = Load(shop)
        async with asyncio.TaskGroup() as writers:
            for writer in range(WRITERS):
                writers.create_task(running.run(writer))
            try:
                yield running
            finally:
                running.stopping = True


@dataclass(frozen=True)
class Outcome:
    """How what was answered differs from what is there."""

    answered: int
    lost: int
    """Answered writes whose object no event has."""
    doubled: int
    """Events or customers beyond those that were asked for."""


async def compare(load: Load, data: Path) -> Outcome:
    """Hold the answers against the rows: every customer's events must be a chain that ends in its row."""
    connection = await asyncpg.connect(processes.dsn(data))
    try:
        events = await _events(connection, load.shop.merchant_id)
        for customer_id, history in events.items():
            check_chain(history, await _customer(connection, load.shop.merchant_id, customer_id))
        customers = await connection.fetchval(_COUNT, load.shop.merchant_id)
        by_key = await connection.fetchval(_COUNT_KEYS, load.shop.merchant_id)
    finally:
        await connection.close()
    assert customers == len(events), "a customer without its event, or an event without its customer"
    written = {
        (event["data"]["id"], event["data"]["updatedAt"]): event["data"] for each in events.values() for event in each
    }
    lost = sum(written.get((answer["id"], answer["updatedAt"])) != answer for answer in load.answers)
    total = sum(len(each) for each in events.values())
    doubled = max(total - len(load.answers), 0) + max(customers - load.keys, 0) + customers - by_key
    return Outcome(len(load.answers), lost, doubled)


async def _events(connection: asyncpg.Connection, merchant_id: str) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = defaultdict(list)
    for row in await connection.fetch(_EVENTS, merchant_id):
        event = {
            "eventType": row["event_type"],
            "data": json.loads(row["data"]),
            "changes": json.loads(row["changes"]),
            "createdAt": str(Moment.of(row["created_at"])),
        }
        found[row["resource"]].append(event)
    return found


async def _customer(connection: asyncpg.Connection, merchant_id: str, customer_id: str) -> Object:
    customer = await queries.get(Database(connection).read, merchant_id, customer_id)
    assert customer, "an event without its customer"
    return json.loads(bodies.encode(customer))


_EVENTS = """
select resource, event_type, data, changes, created_at from events
where merchant_id = $1 and resource like 'cus\\_%' order by resource, created_at, id
"""
_COUNT = "select count(*) from customers where merchant_id = $1"
_COUNT_KEYS = "select count(distinct metadata ->> 'key') from customers where merchant_id = $1"
