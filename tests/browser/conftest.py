"""A real browser before a real server: one of each for the run, a merchant and a browser context for each test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

import pytest
from playwright.async_api import Browser

from odus.migrations.upgrade import upgrade
from tests import make, processes
from tests.browser import chromium
from tests.browser.desk import Desk, desk

OpenDesk = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give the browser of the run."""
    async with chromium.browser() as started:
        yield started


@pytest.fixture(scope="session")
async def open_desk(server_url: str, browser: Browser) -> AsyncIterator[OpenDesk]:
    """Give what makes desks at a server of the run, whose database is its own."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(make.database(server_url))
        await upgrade(dsn)
        server = stack.enter_context(processes.serving(None, workers=1, ODUS_DATABASE_URL=dsn))
        yield partial(desk, browser, server.url, dsn)


@pytest.fixture
async def admin(open_desk: OpenDesk) -> AsyncIterator[Desk]:
    """Give an admin's desk, of a merchant without customers."""
    async with open_desk() as made:
        yield made
