"""A desk: a person of a merchant in front of a browser, signed in to the Dashboard of a running server."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import httpx
from playwright.async_api import Browser, BrowserContext, Locator, Page, Response, expect

from tests import make, processes
from tests.make import Shop

PASSWORD = "Correct-horse-7"  # noqa: S105 - guards nothing
CUSTOMERS = "/dashboard/customers"

expect.set_options(timeout=6_000)


@dataclass
class Desk:
    """A page of the browser, what it complained of, and the API's client of the same merchant."""

    url: str
    dsn: str
    shop: Shop
    context: BrowserContext
    page: Page
    email: str
    complaints: list[str] = field(default_factory=list)
    foreseen: set[int] = field(default_factory=set)
    """Statuses that a test provokes, which the browser's console would complain of."""

    def foresaw(self, complaint: str) -> bool:
        """Tell whether a complaint is of a status that the test provoked."""
        return any(f"status of {status} " in complaint for status in self.foreseen)

    @property
    def api(self) -> httpx.AsyncClient:
        """The API's client, whose key may do everything."""
        return self.shop.client

    async def open(self, path: str) -> Response | None:
        """Open a page of the Dashboard."""
        return await self.page.goto(f"{self.url}{path}")

    async def open_customers(self, query: str = "") -> None:
        """Open the list of customers."""
        await self.open(f"{CUSTOMERS}?{query}" if query else CUSTOMERS)

    async def open_customer(self, **fields: object) -> str:
        """Make a customer over the API, open its page, and return its id."""
        made = await make.customer(self.api, **fields)
        await self.open(f"{CUSTOMERS}/{made['id']}")
        return str(made["id"])

    async def stored(self, customer_id: str) -> dict[str, object]:
        """Return a customer as the API has it now."""
        return (await self.api.get(f"/customers/{customer_id}")).json()

    async def customers(self, **names: str) -> None:
        """Make customers one after the other: `jane="Jane Smith"` has the email jane@example.com."""
        for box, name in names.items():
            await make.customer(self.api, email=f"{box}@example.com", name=name)

    async def made_days_ago(self, days: int, name: str) -> None:
        """Let a customer have been made earlier, which no door allows."""
        connection = await asyncpg.connect(self.dsn)
        try:
            moved = "update customers set created_at = now() - $1::interval where merchant_id = $2 and name = $3"
            await connection.execute(moved, timedelta(days=days), self.shop.merchant_id, name)
        finally:
            await connection.close()

    def button(self, name: str, *, exact: bool = True) -> Locator:
        """Return the button of a name."""
        return self.page.get_by_role("button", name=name, exact=exact)

    def link(self, name: str, *, exact: bool = True) -> Locator:
        """Return the link of a name."""
        return self.page.get_by_role("link", name=name, exact=exact)

    @property
    def rows(self) -> Locator:
        """The names in a list's rows."""
        return self.page.locator(".row-link")

    @property
    def chips(self) -> Locator:
        """The filters in force."""
        return self.page.locator(".chip:not(.add)")

    @property
    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.page.locator("dialog[open]")

    @property
    def panel(self) -> Locator:
        """The filter's panel that is open."""
        return self.page.locator(".filter-panel:popover-open")

    async def open_filter(self, name: str) -> Locator:
        """Open the panel of a filter, in force or not; return it."""
        await self.page.get_by_role("group", name="Filters").get_by_role("button", name=re.compile(f"^{name}")).click()
        await expect(self.panel).to_be_visible()
        return self.panel

    async def expect_rows(self, *names: str) -> None:
        """Wait until the list has these rows, in this order."""
        await expect(self.rows).to_have_text(list(names))

    async def expect_chips(self, *texts: str) -> None:
        """Wait until these filters are in force."""
        await expect(self.chips).to_have_text(list(texts), use_inner_text=True)

    async def expect_state(self, **parameters: str) -> None:
        """Wait until the address asks for exactly this; double underscores stand for brackets: `email__like`."""
        wanted = {re.sub(r"__(\w+)", r"[\1]", name): value for name, value in parameters.items()}
        await self.page.wait_for_url(lambda address: state(address) == wanted)

    async def expect_told(self, text: str) -> None:
        """Wait until a note for a moment says something."""
        await expect(self.page.locator("#toasts")).to_contain_text(text)


def state(address: str) -> dict[str, str]:
    """Return what an address asks for."""
    return dict(parse_qsl(urlsplit(address).query))


@asynccontextmanager
async def desk(
    browser: Browser, url: str, dsn: str, role: str = "admin", email: str = "", **options: object
) -> AsyncIterator[Desk]:
    """Make a merchant and a user of a role, and sign in; `options` are those of the browser's context.

    In the end nothing may have complained: no error on the console, no exception in a page.
    """
    async with processes.shop(url, dsn) as shop:
        email = email or f"{role.lower()}@{shop.merchant_id.replace('_', '-').lower()}.example"
        made = await shop.client.post("/users", json={"email": email, "password": PASSWORD, "role": role})
        assert made.status_code == 201, made.text
        async with at(browser, url, dsn, shop, email, **options) as signed_in:
            yield signed_in


@asynccontextmanager
async def at(browser: Browser, url: str, dsn: str, shop: Shop, email: str, **options: object) -> AsyncIterator[Desk]:
    """Sign a user in, in a browser of its own that shares nothing with others."""
    context = await browser.new_context(**options)
    try:
        entered = await context.request.post(
            f"{url}/dashboard/login", form={"email": email, "password": PASSWORD}, max_redirects=0
        )
        assert entered.status == 303, await entered.text()
        made = Desk(url, dsn, shop, context, await context.new_page(), email)
        watch(context, made.complaints)
        yield made
        assert [each for each in made.complaints if not made.foresaw(each)] == []
    finally:
        await context.close()


async def sign_in(page: Page, email: str) -> None:
    """Fill the form of the sign-in page, and wait until one is in."""
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def watch(context: BrowserContext, complaints: list[str]) -> None:
    """Note whatever the pages of a browser complain of."""
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
