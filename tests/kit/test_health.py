import socket
from urllib.parse import quote

import httpx
import pytest

from odus import migrations
from odus.app import create_app
from odus.kit import db
from odus.kit.db import Database
from odus.settings import Settings
from tests import make

TOKEN = "a-token-of-this-test"  # noqa: S105 - guards nothing


async def asked(database: Database, path: str, settings: Settings | None = None, **headers: str) -> httpx.Response:
    async with make.client(create_app(settings or Settings(log_level="error"), database)) as client:
        return await client.get(path, headers=headers)


async def test_a_process_that_answers_is_live_whatever_its_database_does() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with db.connect(f"postgresql://odus@127.0.0.1:{nobody.getsockname()[1]}/odus", 1) as away:
            live, ready = await asked(away, "/health/live"), await asked(away, "/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()["code"]) == (503, "unavailable")
    assert int(ready.headers["retry-after"]) >= 1


async def test_it_is_ready_with_the_schema_of_its_release(database: Database) -> None:
    response = await asked(database, "/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


async def test_it_is_ready_with_the_schema_of_a_later_release(database: Database) -> None:
    await database.write.run("update alembic_version set version_num = '9999'")
    assert (await asked(database, "/health/ready")).status_code == 200


@pytest.mark.parametrize(
    "sql",
    [
        "update alembic_version set version_num = '0000'",
        "delete from alembic_version",
        "drop table alembic_version",
    ],
)
async def test_it_is_not_ready_before_the_migrations(database: Database, sql: str) -> None:
    await database.write.run(sql)  # type: ignore[arg-type]
    response = await asked(database, "/health/ready")
    assert response.status_code == 503
    assert "odus migrate" in response.json()["detail"]
    assert migrations.HEAD not in response.text


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_health_needs_no_key_and_tells_nothing_else(anonymous: httpx.AsyncClient, path: str) -> None:
    response = await anonymous.get(path)
    assert response.status_code == 200
    assert set(response.json()) == {"status"}


async def test_who_shows_the_metrics_token_sees_the_figures(database: Database) -> None:
    response = await asked(
        database, "/metrics", Settings(metrics_token=TOKEN, log_level="error"), Authorization=f"Bearer {TOKEN}"
    )
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "odus_http_requests_total" in response.text


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN.upper()}"]
)
async def test_who_shows_another_token_sees_nothing_at_that_address(database: Database, shown: str) -> None:
    response = await asked(database, "/metrics", Settings(metrics_token=TOKEN, log_level="error"), Authorization=shown)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_a_token_of_other_characters_is_just_a_wrong_one(database: Database) -> None:
    shown = "Bearer \u00fc\u00ff"
    settings = Settings(metrics_token="\u00fc", log_level="error")  # noqa: S106 - guards nothing
    async with make.client(create_app(settings, database)) as client:
        response = await client.get("/metrics", headers={"Authorization": shown.encode("latin-1")})  # type: ignore[dict-item]
    assert response.status_code == 404
    assert quote(shown) not in response.text


@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer"])
async def test_without_a_token_set_there_are_no_figures_to_be_seen(database: Database, shown: str) -> None:
    assert (await asked(database, "/metrics", Authorization=shown)).status_code == 404
