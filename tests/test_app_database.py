"""What the whole application does while its database is away, fails, or keeps it waiting."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from litestar.types import ASGIApp

from odus.app import create_app
from odus.customers import queries as customers
from odus.kit import db
from odus.migrations.upgrade import upgrade
from odus.settings import Settings
from tests import make, operations
from tests.dashboard import markup, people
from tests.make import Shop
from tests.operations import Call, every, posts

call = pytest.fixture(operations.call)

NOWHERE = "postgresql://odus@127.0.0.1:1/odus"
"""A database that refuses connections: nothing listens on port 1."""


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """Start and stop an application as a server does."""
    incoming: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outgoing: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, incoming.get, outgoing.put))  # pyright: ignore[reportArgumentType]
    for moment in ("startup", "shutdown"):
        await incoming.put({"type": f"lifespan.{moment}"})
        assert await outgoing.get() == {"type": f"lifespan.{moment}.complete"}
        if moment == "startup":
            yield
    await task


@every
async def test_while_the_database_is_away_every_endpoint_answers_503(call: Call, shop: Shop) -> None:
    app = create_app(Settings(database_url=NOWHERE, log_level="error"))
    async with running(app), make.client(app, shop.value) as client:
        content = {"json": call.body} if call.operation.method == "POST" else {}
        response = await client.request(call.operation.method, call.path(), **content)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert int(response.headers["Retry-After"]) > 0
        assert response.json()["requestId"] == response.headers["X-Request-Id"]
        operations.assert_documented(call.operation, response)
        for secret in ("127.0.0.1", "odus@", "refused", "Errno"):
            assert secret not in response.text


async def test_while_the_database_is_away_it_lives_but_is_not_ready() -> None:
    app = create_app(Settings(database_url=NOWHERE, log_level="error"))
    async with running(app), make.client(app) as client:
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert int(ready.headers["Retry-After"]) > 0
        assert (await client.get("/events")).status_code == 401
        assert (await client.get("/openapi.json")).status_code == 200


async def test_while_the_database_is_away_a_form_is_given_back_but_for_its_password_to_be_sent_again() -> None:
    app = create_app(Settings(database_url=NOWHERE, log_level="error"))
    async with running(app), people.browser(app) as browser:
        browser.cookies.set(people.COOKIE, "a" * 43, domain="odus.test")
        typed = {"email": "ada@odus.test", "password": people.PASSWORD, "role": "developer", "firstName": " <Ada> "}
        response = await people.send(browser, "/dashboard/users/new", typed)
        assert response.status_code == 503
        form = markup.read(response.text).one("form", method="post", action="/dashboard/users/new")
        assert form.fields() == [(name, text) for name, text in typed.items() if name != "password"]


@posts
async def test_while_the_database_is_away_nothing_is_said_of_a_body(call: Call, shop: Shop) -> None:
    app = create_app(Settings(database_url=NOWHERE, log_level="error"))
    async with running(app), make.client(app, shop.value) as client:
        response = await client.post(call.path(), content=b"{", headers={"Content-Type": "application/json"})
        assert response.status_code == 503


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionResetError(),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.QueryCanceledError("canceling statement due to user request"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT"),
        asyncpg.DiskFullError("could not extend file base/16384/16385"),
        asyncpg.InterfaceError("connection is closed"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_fails_on_the_way_is_503(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(customers, "insert", fails)
    response = await client.post("/customers", json={"email": "a@example.com"}, headers={"Idempotency-Key": "once"})
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert response.json()["detail"] == "The database cannot be reached or is too busy."
    monkeypatch.undo()
    again = await client.post("/customers", json={"email": "a@example.com"}, headers={"Idempotency-Key": "once"})
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers


@pytest.fixture(scope="module")
async def own_database(server_url: str) -> AsyncIterator[str]:
    """Yield the address of a database in which things may stay."""
    async with make.database(server_url) as url:
        await upgrade(url)
        yield url


@asynccontextmanager
async def pooled(url: str, request_timeout: float) -> AsyncIterator[Shop]:
    """Run an application as a server does, with a shop in its database."""
    app = create_app(Settings(database_url=url, log_level="error", request_timeout=request_timeout))
    async with running(app), db.connect(url, 1) as database, make.shop(app, database) as shop:
        yield shop


async def until(seen: Callable[[], Awaitable[object]]) -> None:
    """Ask again until something is there to be seen, for ten seconds at most."""
    async with asyncio.timeout(10):
        while await seen() is None:
            pass


async def test_an_application_opens_a_pool_of_its_own_and_closes_it(own_database: str) -> None:
    async with pooled(own_database, request_timeout=5) as shop:
        made = await asyncio.gather(*(make.customer(shop.client, name=str(number)) for number in range(20)))
        assert len({customer["id"] for customer in made}) == 20
    connection = await asyncpg.connect(own_database)
    others = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'odus'"
    await until(lambda: connection.fetchval(f"{others} having count(*) = 0"))
    await connection.close()


async def test_a_request_that_waits_too_long_for_the_database_is_503_and_not_done(own_database: str) -> None:
    async with pooled(own_database, request_timeout=0.2) as shop:
        made = await make.customer(shop.client)
        other = await asyncpg.connect(own_database)
        try:
            async with other.transaction():
                await other.execute("lock table customers in access exclusive mode")
                for method, path, content in (
                    ("GET", f"/customers/{made['id']}", None),
                    ("POST", f"/customers/{made['id']}", {"name": "late"}),
                    ("POST", "/customers", {"email": "late@example.com"}),
                ):
                    response = await shop.client.request(method, path, json=content)
                    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        finally:
            await other.close()
        assert (await shop.client.get(f"/customers/{made['id']}")).json() == made
        assert (await shop.client.get(f"/customers/{made['id']}/events")).json()["pagination"]["itemCount"] == 1
        assert (await shop.client.get("/customers")).json()["pagination"]["itemCount"] == 1


OURS = "database = (select oid from pg_database where datname = current_database())"
"""What holds for locks of this database: the server may have others."""


async def test_while_the_first_still_runs_a_retry_is_409(own_database: str) -> None:
    async with pooled(own_database, request_timeout=20) as shop:
        send = {"json": {"email": "jane@example.com"}, "headers": {"Idempotency-Key": "once"}}
        other = await asyncpg.connect(own_database)
        async with other.transaction():
            await other.execute("lock table customers in access exclusive mode")
            first = asyncio.create_task(shop.client.post("/customers", **send))
            waiting = f"select true from pg_locks where not granted and {OURS}"
            await until(lambda: other.fetchval(waiting))
            second = await shop.client.post("/customers", **send)
        await other.close()
        done, again = await first, await shop.client.post("/customers", **send)
        assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_progress")
        assert int(second.headers["Retry-After"]) > 0
        assert done.status_code == 201
        assert again.content == done.content
        assert again.headers["Idempotent-Replayed"] == "true"
