"""Health: whether the process lives, and whether it can serve; and its figures for Prometheus."""

import asyncio
import secrets

import asyncpg
from litestar import get
from litestar.types import ASGIApp

from odus.kit import observe
from odus.kit.problems import NOT_FOUND, UNAVAILABLE
from odus.kit.requests import JSON, Call, Response, Services, header
from odus.settings import Settings

_READY_SECONDS = 2.0


@get("/health/live", name="live")
async def live() -> ASGIApp:
    """Answer 200 as long as the process does anything at all."""
    return Response(200, b'{"status":"live"}', JSON)


@get("/health/ready", name="ready")
async def ready(request: Call) -> ASGIApp:
    """Answer 200 when the database answers and has the schema of this release, else 503 with the reason."""
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(_READY_SECONDS):
            row = await services.database.read.row("select version_num from alembic_version")
    except asyncpg.UndefinedTableError:
        row = None
    if row is None or row["version_num"] < services.schema:
        raise UNAVAILABLE("Migrations are missing: run `odus migrate`.")
    return Response(200, b'{"status":"ready"}', JSON)


@get("/metrics", name="metrics")
async def metrics(request: Call) -> ASGIApp:
    """Answer all workers' figures to who shows the metrics token; without one set there is no such page."""
    settings: Settings = request.app.state.settings
    shown = (header(request.scope, b"authorization") or "").encode()
    wanted = f"Bearer {settings.metrics_token}".encode()
    if not settings.metrics_token or not secrets.compare_digest(shown, wanted):
        raise NOT_FOUND("There is nothing at this address.")
    return Response(200, observe.metrics(settings), b"text/plain; version=0.0.4; charset=utf-8")


HANDLERS = [live, ready, metrics]
