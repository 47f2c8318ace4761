"""PostgreSQL slow, full, away and back again: 503 with `Retry-After` in time, no hang, no leak (quality.md §2).

The server runs on a PostgreSQL that it did not start and does not watch, as in real use.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from odus.kit import embedded
from odus.migrations.upgrade import upgrade
from odus.settings import Settings
from tests import make, processes
from tests.faults.figures import note
from tests.faults.load import Load, compare, load
from tests.make import Shop
from tests.processes import Server, eventually_true

WORKERS = 2

GOAL = 5.0
"""Seconds in which an answer is there (quality.md §2)."""
LONGEST = 8.0
"""What is asserted: a request ends 4.5 s after it came, and 50 at once on two busy cores were seen to end at 4.9 s, so
that 5 would fail at times; two time limits one after the other would already be longer than this."""
BACK = 2.0
"""Seconds in which the service is back (quality.md §2)."""
CONNECTIONS = 50
"""What PostgreSQL may take: two pools of 10, and some."""


@dataclass
class Postgres:
    """A PostgreSQL that a test starts and stops at will."""

    data: Path
    hold: embedded.EmbeddedServer | None = None

    @property
    def url(self) -> str:
        """Return the database URL."""
        return processes.dsn(self.data)

    def start(self) -> None:
        """Start it, or take it over."""
        self.hold = embedded.start(self.data, lambda _: None)

    def stop(self) -> None:
        """Stop it in order."""
        if self.hold:
            self.hold.close()
            self.hold = None

    def kill(self) -> None:
        """Kill it, and see all its processes end."""
        victim = processes.postmaster(self.data)
        family = [victim, *victim.children()]
        processes.end([victim])
        processes.eventually(lambda: not any(processes.lives(each) for each in family))
        self.stop()

    def family(self) -> list[psutil.Process]:
        """Return all its processes."""
        first = processes.postmaster(self.data)
        return [first, *first.children(recursive=True)]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with processes.data_dir() as data:
        with embedded.start(data, lambda _: None):
            settings = data / "postgres" / "postgresql.auto.conf"
            settings.write_text(f"max_connections = {CONNECTIONS}\n")
        postgres = Postgres(data)
        postgres.start()
        yield postgres
        postgres.stop()


@pytest.fixture(scope="module")
async def server(postgres: Postgres) -> AsyncIterator[Server]:
    await upgrade(postgres.url)
    with processes.serving(None, "--database-url", postgres.url, workers=WORKERS) as server:
        yield server


@pytest.fixture
async def shop(server: Server, postgres: Postgres) -> AsyncIterator[Shop]:
    async with processes.shop(server.url, postgres.url) as shop:
        yield shop


@dataclass(frozen=True)
class Answer:
    """What a request was answered, and after how many seconds."""

    response: httpx.Response
    seconds: float


async def timed(client: httpx.AsyncClient, method: str, path: str, **more: object) -> Answer:
    began = time.monotonic()
    response = await client.request(method, path, **more)
    return Answer(response, time.monotonic() - began)


async def everything(client: httpx.AsyncClient, customer: str, times: int = 5) -> list[Answer]:
    """Send requests of every kind at once."""
    requests = [
        lambda _: timed(client, "GET", f"/customers/{customer}"),
        lambda _: timed(client, "GET", f"/customers/{customer}/events"),
        lambda number: timed(client, "POST", "/customers", json={"email": f"jane{number}@example.com"}),
        lambda number: timed(client, "POST", f"/customers/{customer}", json={"name": f"Jane {number}"}),
        lambda number: timed(
            client,
            "POST",
            "/customers",
            json={"email": "jane@example.com"},
            headers={"Idempotency-Key": f"{number} {time.monotonic()}"},
        ),
    ]
    return await asyncio.gather(*(request(number) for number in range(times) for request in requests))


def check_unavailable(answers: list[Answer]) -> float:
    """Hold that all are 503 in time; return the longest."""
    for answer in answers:
        assert answer.response.status_code == 503, answer.response.text
        assert answer.response.json()["code"] == "unavailable"
        assert int(answer.response.headers["Retry-After"]) >= 1
    longest = max(answer.seconds for answer in answers)
    assert longest < LONGEST
    return longest


async def check_back(what: str, shop: Shop, customer: str) -> None:
    """Hold that service is back soon, for 50 requests at once, with no more connections than the pools have."""
    seconds = await eventually_true(lambda: is_ready(shop.client), BACK)
    note(f"service was back {seconds:.2f} s after PostgreSQL {what} (goal: {BACK:.0f})")
    for answer in await everything(shop.client, customer, 10):
        assert answer.response.status_code in {200, 201}, answer.response.text


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def check_sessions(postgres: Postgres) -> None:
    """Hold that all connections of the server come to rest, and are no more than its pools may have."""

    async def rest() -> bool:
        states = await sessions(postgres)
        assert len(states) <= WORKERS * (Settings().pool_size + Settings().list_pool_size)
        return set(states) <= {"idle"}

    await eventually_true(rest)


async def sessions(postgres: Postgres) -> list[str]:
    connection = await asyncpg.connect(postgres.url)
    try:
        rows = await connection.fetch("select state from pg_stat_activity where application_name = 'odus'")
    finally:
        await connection.close()
    return [row["state"] for row in rows]


async def test_a_postgresql_that_hangs_is_answered_503_in_time(shop: Shop, postgres: Postgres) -> None:
    customer = (await make.customer(shop.client))["id"]
    await everything(shop.client, customer)
    frozen = postgres.family()
    for process in frozen:
        process.suspend()
    try:
        answers, ready = await asyncio.gather(everything(shop.client, customer, 10), is_ready(shop.client))
        longest = check_unavailable(answers)
        assert not ready
        assert (await shop.client.get("/health/live")).status_code == 200
    finally:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    note(f"a PostgreSQL that hangs is answered 503 within {longest:.1f} s (goal: {GOAL:.0f})")
    await check_back("hung", shop, customer)
    await check_sessions(postgres)


async def test_a_statement_that_waits_too_long_is_answered_503_and_does_not_go_on(
    shop: Shop, postgres: Postgres
) -> None:
    customer = (await make.customer(shop.client))["id"]
    blocker = await asyncpg.connect(postgres.url)
    try:
        async with blocker.transaction():
            await blocker.execute("lock table customers in access exclusive mode")
            check_unavailable(await everything(shop.client, customer))
            await check_sessions(postgres)
    finally:
        await blocker.close()
    await check_back("let go of a lock", shop, customer)


async def test_time_that_the_key_took_is_not_given_again_to_the_request(shop: Shop, postgres: Postgres) -> None:
    keys, customers = await asyncpg.connect(postgres.url), await asyncpg.connect(postgres.url)
    try:
        async with customers.transaction():
            await customers.execute("lock table customers in access exclusive mode")
            async with keys.transaction():
                await keys.execute("lock table secret_key_values in access exclusive mode")
                answer = asyncio.create_task(
                    timed(shop.client, "POST", "/customers", json={"email": "jane@example.com"})
                )
                await asyncio.sleep(3.5)
            seconds = check_unavailable([await answer])
    finally:
        await keys.close()
        await customers.close()
    assert seconds < 3.5 + 4


async def test_a_postgresql_without_connections_left_is_answered_503(shop: Shop, postgres: Postgres) -> None:
    customer = (await make.customer(shop.client))["id"]
    async with full(postgres):
        longest = check_unavailable(await everything(shop.client, customer))
        assert not await is_ready(shop.client)
    note(f"a PostgreSQL without connections left is answered 503 within {longest:.1f} s (goal: {GOAL:.0f})")
    await check_back("had connections again", shop, customer)
    await check_sessions(postgres)


@asynccontextmanager
async def full(postgres: Postgres) -> AsyncIterator[None]:
    """Take every connection there is, those of the server first."""
    taken = [await asyncpg.connect(postgres.url)]
    try:
        await taken[0].execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'odus'")
        await eventually_true(lambda: took_the_last(taken, postgres.url))
        yield
    finally:
        for connection in taken:
            await connection.close()


async def took_the_last(taken: list[asyncpg.Connection], url: str) -> bool:
    try:
        taken.append(await asyncpg.connect(url))
    except asyncpg.TooManyConnectionsError:
        return len(taken) == CONNECTIONS
    return False


async def test_a_postgresql_that_was_killed_is_answered_503_until_it_is_back(shop: Shop, postgres: Postgres) -> None:
    customer = (await make.customer(shop.client))["id"]
    postgres.kill()
    longest = check_unavailable(await everything(shop.client, customer))
    assert not await is_ready(shop.client)
    assert (await shop.client.get("/health/live")).status_code == 200
    postgres.start()
    note(f"a PostgreSQL that is away is answered 503 within {longest:.1f} s (goal: {GOAL:.0f})")
    await check_back("was killed and started", shop, customer)
    await check_sessions(postgres)


async def test_a_restart_of_postgresql_under_load_loses_nothing(server: Server, postgres: Postgres) -> None:
    async with load(server, postgres.data) as running:
        for _ in range(2):
            await more_answers(running)
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(postgres.start)
            await more_answers(running)
    outcome = await compare(running, postgres.data)
    note(
        f"restarts of PostgreSQL: 2; answered {outcome.answered:,} writes in {running.tries:,} tries,"
        f" lost {outcome.lost}, doubled {outcome.doubled}"
    )
    assert (outcome.lost, outcome.doubled) == (0, 0)
    await check_sessions(postgres)


async def more_answers(running: Load) -> None:
    enough = len(running.answers) + 30

    async def has_enough() -> bool:
        return len(running.answers) >= enough

    await eventually_true(has_enough)


def test_a_server_that_starts_without_its_postgresql_says_so_and_serves_when_it_comes(postgres: Postgres) -> None:
    postgres.stop()
    try:
        with processes.started(None, "--database-url", postgres.url, workers=1) as server:
            processes.eventually(lambda: processes.is_listening(server.port))
            assert httpx.get(f"{server.url}/health/live", timeout=LONGEST).status_code == 200
            answer = httpx.get(f"{server.url}/health/ready", timeout=LONGEST)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
            said = server.said()
            assert said.startswith("odus: The database cannot be used: ")
            assert said.endswith("Requests are answered 503 until it can.")
            assert "\n" not in said
            postgres.start()
            server.wait_until_ready()
    finally:
        postgres.start()
