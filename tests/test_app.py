"""The whole application: its addresses, its health and figures, its faults."""

from typing import Any

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from odus.app import create_app
from odus.customers import queries as customers
from odus.kit.db import Database
from odus.settings import Settings
from tests import make, operations
from tests.conftest import METRICS_TOKEN
from tests.make import Shop


@pytest.mark.parametrize("path", ["/nothing", "/customers/x/y", "/CUSTOMERS", "/secret-keys/x/burn", "/%00", "/%ff"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
async def test_an_unknown_address_is_404_with_or_without_a_key(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, method: str, path: str
) -> None:
    for caller in (client, anonymous):
        response = await caller.request(method, path)
        operations.assert_well_formed(response)
        assert response.status_code == 404


async def test_every_kind_of_answer_is_kept_by_nobody_and_guessed_by_nobody(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    made = await client.post("/customers", json={"email": "jane@example.com"})
    address = f"/customers/{made.json()['id']}"
    answers = [
        made,
        await client.get(address),
        await client.head(address),
        await client.get(address, headers={"If-None-Match": "*"}),
        await client.post(address, json={"email": "no"}),
        await client.post(address, content=b"{"),
        await client.get("/events"),
        await client.options("/customers"),
        await client.delete(address),
        await client.get("/nothing"),
        await anonymous.get(address),
        await anonymous.get("/health/live"),
        await anonymous.get("/openapi.json"),
    ]
    assert [answer.status_code for answer in answers] == [
        201,
        200,
        200,
        304,
        400,
        415,
        200,
        204,
        405,
        404,
        401,
        200,
        200,
    ]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Server" not in answer.headers


async def test_it_is_live_and_ready_to_anybody(anonymous: httpx.AsyncClient) -> None:
    live, ready = await anonymous.get("/health/live"), await anonymous.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    "sql",
    ["drop table alembic_version", "delete from alembic_version", "update alembic_version set version_num = '0000'"],
)
async def test_it_is_live_but_not_ready_before_its_migrations(
    anonymous: httpx.AsyncClient, database: Database, sql: str
) -> None:
    await database.write.run("savepoint with_migrations")
    await database.write.run(sql)  # pyright: ignore[reportArgumentType]
    ready = await anonymous.get("/health/ready")
    await database.write.run("rollback to savepoint with_migrations")
    assert (ready.status_code, ready.json()["code"]) == (503, "unavailable")
    assert int(ready.headers["Retry-After"]) > 0
    assert "migrate" in ready.json()["detail"]
    assert (await anonymous.get("/health/live")).status_code == 200
    assert (await anonymous.get("/health/ready")).status_code == 200


async def test_figures_are_for_who_shows_the_token_alone(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    for caller in (client, anonymous):
        assert (await caller.get("/metrics")).status_code == 404
    for shown in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        METRICS_TOKEN,
        f"Basic {METRICS_TOKEN}",
        f"Bearer {METRICS_TOKEN}x",
    ):
        response = await anonymous.get("/metrics", headers={"Authorization": shown})
        unknown = await anonymous.get("/nothing", headers={"Authorization": shown})
        assert response.status_code == 404
        assert operations.without_request_id(response) == operations.without_request_id(unknown)


async def test_without_a_token_there_are_no_figures(database: Database) -> None:
    async with make.client(create_app(Settings(log_level="error"), database)) as anyone:
        for shown in ({}, {"Authorization": "Bearer "}, {"Authorization": ""}):
            assert (await anyone.get("/metrics", headers=shown)).status_code == 404


async def test_figures_count_requests_by_their_route(shop: Shop, anonymous: httpx.AsyncClient) -> None:
    made = await make.customer(shop.client)
    before = await figures(anonymous)
    for _ in range(3):
        await shop.client.get(f"/customers/{made['id']}")
    await shop.client.get("/customers/x")
    await anonymous.get("/customers/x")
    await shop.client.get("/nothing/at/all")
    after = await figures(anonymous)
    gained = {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}
    del gained["GET", "/metrics", "200"]
    assert gained == {
        ("GET", "/customers/{id}", "200"): 3,
        ("GET", "/customers/{id}", "404"): 1,
        ("GET", "/customers/{id}", "401"): 1,
        ("GET", "-", "404"): 1,
    }


async def figures(anonymous: httpx.AsyncClient) -> dict[tuple[str, str, str], float]:
    """Return how many requests were counted, by method, route and status."""
    response = await anonymous.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    samples = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for sample in samples
        if sample.name == "odus_http_requests_total"
    }


async def test_a_fault_within_a_retryable_request_leaves_nothing_behind(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = customers.insert

    async def inserts_and_fails(*arguments: Any) -> None:
        await insert(*arguments)
        raise RuntimeError("secret detail")

    monkeypatch.setattr(customers, "insert", inserts_and_fails)
    before = await make.snapshot(database)
    send = {"json": {"email": "jane@example.com"}, "headers": {"Idempotency-Key": "once"}}
    assert (await client.post("/customers", **send)).status_code == 500
    assert await make.snapshot(database) == before
    monkeypatch.undo()
    response = await client.post("/customers", **send)
    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response.headers


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad row"),
        KeyError("id"),
        asyncpg.UniqueViolationError("secret detail"),
        asyncpg.UndefinedColumnError("secret detail"),
        asyncpg.DataError("secret detail"),
        RecursionError("secret detail"),
        UnicodeEncodeError("utf-8", "secret detail", 0, 1, "no"),
        NotImplementedError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_no_fault_tells_anything(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(customers, "get", fails)
    response = await client.get("/customers/cus_000000000000000000000000000")
    assert response.status_code == 500
    assert response.json()["detail"] == "Something failed on our side."
    for word in ("secret", "Traceback", type(error).__name__, ".py", "select"):
        assert word not in response.text
