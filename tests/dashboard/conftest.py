"""People of each role, signed in through the form as a browser does it."""

from collections.abc import AsyncIterator

import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from tests.dashboard import people
from tests.dashboard.people import Person
from tests.make import Shop


@pytest.fixture
async def admin(app: ASGIApp, database: Database, shop: Shop) -> AsyncIterator[Person]:
    """Give an admin of the shop."""
    async with people.signed_in(app, database, shop, "admin") as person:
        yield person


@pytest.fixture
async def developer(app: ASGIApp, database: Database, shop: Shop) -> AsyncIterator[Person]:
    """Give a developer of the shop."""
    async with people.signed_in(app, database, shop, "developer") as person:
        yield person


@pytest.fixture
async def support_agent(app: ASGIApp, database: Database, shop: Shop) -> AsyncIterator[Person]:
    """Give a support agent of the shop."""
    async with people.signed_in(app, database, shop, "supportAgent") as person:
        yield person


@pytest.fixture
async def person(app: ASGIApp, database: Database, shop: Shop, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    """Give a person of the role that the test is parametrized with; an admin where it is with none."""
    async with people.signed_in(app, database, shop, getattr(request, "param", "admin")) as person:
        yield person
