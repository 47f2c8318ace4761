"""A real PostgreSQL for every test: one database for the run, and one transaction, rolled back, for each test."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from litestar.types import ASGIApp

from odus.app import create_app
from odus.kit import embedded
from odus.kit.db import Database
from odus.migrations.upgrade import upgrade
from odus.settings import Settings
from tests import make
from tests.make import Shop

# A run in the background ignores Ctrl-C, and the processes that it starts would too.
signal.signal(signal.SIGINT, signal.default_int_handler)

METRICS_TOKEN = "metrics-token-of-the-tests"  # noqa: S105 - guards nothing


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Give the server that the tests run on: `ODUS_TEST_DATABASE_URL`, else an embedded one of this run."""
    if url := os.environ.get("ODUS_TEST_DATABASE_URL"):
        yield url
        return
    directory = Path(tempfile.mkdtemp(prefix="odus-tests-"))
    try:
        with embedded.start(directory) as server:
            yield server.dsn
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
async def database_url(server_url: str) -> AsyncIterator[str]:
    """Give a database of this run alone, with the schema in it."""
    async with make.database(server_url) as url:
        await upgrade(url)
        yield url


@pytest.fixture(scope="session")
async def _connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def database(_connection: asyncpg.Connection) -> AsyncIterator[Database]:
    """Give a connection whose transaction is rolled back after the test."""
    transaction = _connection.transaction()
    await transaction.start()
    yield Database(_connection)
    await transaction.rollback()


@pytest.fixture(scope="session")
def _app(_connection: asyncpg.Connection) -> ASGIApp:
    return create_app(Settings(metrics_token=METRICS_TOKEN, log_level="error"), Database(_connection))


@pytest.fixture
def app(_app: ASGIApp, database: Database) -> ASGIApp:
    """Give the application, within the test's transaction."""
    assert database
    return _app


@pytest.fixture
async def anonymous(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client without a key."""
    async with make.client(app) as client:
        yield client


@pytest.fixture
async def shop(app: ASGIApp, database: Database) -> AsyncIterator[Shop]:
    """Give a merchant whose key may do everything."""
    async with make.shop(app, database) as shop:
        yield shop


@pytest.fixture
async def other_shop(app: ASGIApp, database: Database) -> AsyncIterator[Shop]:
    """Give another merchant whose key may do everything."""
    async with make.shop(app, database) as shop:
        yield shop


@pytest.fixture
def client(shop: Shop) -> httpx.AsyncClient:
    """Give the client of a merchant whose key may do everything."""
    return shop.client
