"""A payer: whoever has the link of a payment, with a browser of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx
from litestar.types import ASGIApp

from tests import make
from tests.dashboard import markup, people
from tests.dashboard.markup import Element
from tests.make import Shop

CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123", "name": "Jane Doe"}


@dataclass
class Payer:
    """Someone at the checkout of a payment."""

    shop: Shop
    payment: dict[str, object]
    browser: httpx.AsyncClient = field(repr=False)

    @property
    def id(self) -> str:
        """The id of the payment."""
        return str(self.payment["id"])

    @property
    def path(self) -> str:
        """The address of the checkout, with its key."""
        parts = urlsplit(str(self.payment["checkoutUrl"]))
        return f"{parts.path}?{parts.query}"

    @property
    def challenge_path(self) -> str:
        """The address of the sandbox's question, with the key."""
        return self.path.replace("?", "/challenge?")

    async def get(self, path: str = "") -> httpx.Response:
        """Open a page: the checkout where nothing else is said."""
        return await self.browser.get(path or self.path)

    async def see(self, path: str = "", status: int = 200) -> Element:
        """Open a page, and read it."""
        response = await self.get(path)
        assert response.status_code == status, (path, response.status_code, response.text)
        return markup.read(response.text)

    async def form(self) -> dict[str, str]:
        """Open the checkout, and return what its form would send."""
        return dict((await self.see()).one("form").fields())

    async def pays(self, number: str = make.VISA, **fields: str) -> httpx.Response:
        """Open the checkout, type a card, and send it."""
        return await self.sends({**await self.form(), **CARD, "number": number, **fields})

    async def sends(self, fields: dict[str, str], path: str = "") -> httpx.Response:
        """Send a form."""
        return await people.send(self.browser, path or self.path, fields)

    async def is_led_to(self, response: httpx.Response) -> httpx.Response:
        """Go where an answer leads; return the page there."""
        assert response.status_code == 303, (response.status_code, response.text)
        return await self.get(response.headers["location"])

    async def answers(self, outcome: str) -> httpx.Response:
        """Open the sandbox's question, and answer it."""
        fields = dict((await self.see(self.challenge_path)).one("form").fields())
        return await self.sends({**fields, "outcome": outcome}, self.challenge_path)

    async def stored(self) -> dict[str, object]:
        """Return the payment as the merchant sees it now."""
        response = await self.shop.client.get(f"/payments/{self.id}")
        assert response.status_code == 200, response.text
        return response.json()


@asynccontextmanager
async def payer(app: ASGIApp, shop: Shop, **fields: object) -> AsyncIterator[Payer]:
    """Make a payment, and give its link to someone."""
    made = await make.payment(shop.client, **fields)
    async with people.browser(app) as browser:
        yield Payer(shop, made, browser)


def led_on(response: httpx.Response) -> tuple[str, dict[str, list[str]]]:
    """Return after how many seconds a page leads on by itself, and with which parameters."""
    seconds, _, address = response.headers["refresh"].partition("; url=")
    return seconds, parse_qs(urlsplit(address).query)
