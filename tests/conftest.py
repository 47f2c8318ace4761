"""A real PostgreSQL for every test: one database for the run, and one transaction, rolled back, for each test."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from litestar.types import ASGIApp

from odus.app import create_app
from odus.kit import embedded
from odus.kit.db import Database
from odus.migrations.upgrade import upgrade
from odus.settings import Settings
from tests import make
from tests.faults.figures import FIGURES
from tests.make import Shop

# A run in the background ignores Ctrl-C or a closed terminal, and the processes that it starts would too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

SLOW = ("faults", "test_server.py", "test_worker.py", "test_cli.py", "test_seed.py", "test_app_log.py")
"""Tests that start, kill and time whole servers."""


@pytest.hookimpl(tryfirst=True)  # or xdist reads the groups before they are there
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let processes that share the tests take whole files, first what takes longest."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.as_posix()))
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: not any(part in SLOW for part in item.path.parts))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what the fault tests counted to the process that prints it."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = FIGURES


class _Figures:
    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what the fault tests of another process counted."""
        FIGURES.extend(getattr(node, "workeroutput", {}).get("figures", []))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what the fault tests counted, whether they passed or not."""
        if FIGURES:
            terminalreporter.section("faults")
            for sentence in FIGURES:
                terminalreporter.write_line(sentence)


def pytest_configure(config: pytest.Config) -> None:
    """Print what the fault tests counted."""
    config.pluginmanager.register(_Figures())


METRICS_TOKEN = "metrics-token-of-the-tests"  # noqa: S105 - guards nothing


@pytest.fixture(scope="session", autouse=True)
def _hash_fast() -> Iterator[None]:
    """Spare the tests what makes a password hard to guess; those of passwords take it back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("odus.users.actions._HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session", autouse=True)
def _look_keys_up_each_time() -> Iterator[None]:
    """Spare the tests the second until each process has looked a key up again, and with it the merchant's clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("odus.secret_keys.keyring.REMEMBERED_SECONDS", -1.0)
        yield


@pytest.fixture
def real_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as a server does."""
    monkeypatch.setattr("odus.users.actions._HASHER", PasswordHasher())


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
