"""People who are signed in to the Dashboard, and what they see."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.users import actions as users
from odus.users.model import Role, User, UserCreate
from tests import make
from tests.dashboard import markup
from tests.dashboard.markup import Element, Fields
from tests.make import Shop

PASSWORD = "Correct-horse-7"  # noqa: S105 - guards nothing
ORIGIN = "https://odus.test"
COOKIE = "odus_session"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Person:
    """A user with a browser, in which a session is open."""

    user: User
    shop: Shop
    browser: httpx.AsyncClient = field(repr=False)

    @property
    def token(self) -> str:
        """The value of the session's cookie."""
        return self.browser.cookies[COOKIE]

    async def see(self, path: str, status: int = 200) -> Element:
        """Open a page."""
        response = await self.browser.get(path)
        assert response.status_code == status, (path, response.status_code, response.text)
        return markup.read(response.text)

    async def send(self, path: str, fields: Fields | dict[str, str]) -> httpx.Response:
        """Send a form."""
        return await send(self.browser, path, fields)

    async def is_led_on(self, path: str, fields: Fields | dict[str, str]) -> str:
        """Send a form that leads on to another page; return its address."""
        response = await self.send(path, fields)
        assert response.status_code == 303, (path, response.status_code, response.text)
        return response.headers["location"]

    async def is_refused(self, path: str, fields: Fields | dict[str, str], status: int = 400) -> Element:
        """Send a form that is not taken; return the page that is shown instead."""
        response = await self.send(path, fields)
        assert response.status_code == status, (path, response.status_code, response.text)
        return markup.read(response.text)


async def send(browser: httpx.AsyncClient, path: str, fields: Fields | dict[str, str]) -> httpx.Response:
    """Send a form as a browser does: line ends as CR LF, and where it comes from."""
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    normal = [(name, value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")) for name, value in pairs]
    return await browser.post(path, content=urlencode(normal), headers={**FORM, "Origin": ORIGIN})


def browser(app: ASGIApp, origin: str = ORIGIN, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Make a browser without a session."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=True, client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url=origin)


async def user(database: Database, merchant_id: str, role: Role, **fields: str) -> User:
    """Make a user."""
    data = UserCreate(**{"email": f"{new_id('who')}@odus.test", "password": PASSWORD, "role": role, **fields})
    return await users.create(database.write, make.who(merchant_id), data)


async def sign_in(browser: httpx.AsyncClient, email: str, password: str = PASSWORD, to: str = "") -> httpx.Response:
    """Send the form of the sign-in page."""
    return await send(browser, "/dashboard/login", {"email": email, "password": password, "next": to})


@asynccontextmanager
async def signed_in(app: ASGIApp, database: Database, shop: Shop, role: Role, **fields: str) -> AsyncIterator[Person]:
    """Make a user, and sign in."""
    made = await user(database, shop.merchant_id, role, **fields)
    async with browser(app) as client:
        response = await sign_in(client, made.email)
        assert response.status_code == 303, response.text
        yield Person(made, shop, client)
