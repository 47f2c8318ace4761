"""A till: someone at the checkout of a payment, with a browser, and the shop that it leads back to."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import asyncpg
from playwright.async_api import Locator, Page, Route

from tests import make
from tests.browser.desk import Desk

BACK = "https://shop.test/thanks"
CARD = {"Card number": make.VISA, "Expiry": "1240", "Security code": "123", "Name on card": "Jane Doe"}


@dataclass
class Till:
    """The checkout of a payment in a browser, and the shop that it leads back to."""

    desk: Desk
    id: str
    path: str

    @property
    def page(self) -> Page:
        """The page of the browser."""
        return self.desk.page

    def field(self, label: str) -> Locator:
        """Return a field of the form."""
        return self.page.get_by_label(label, exact=True)

    async def open(self) -> None:
        """Open the checkout."""
        await self.desk.open(self.path)

    async def types(self, **fields: str) -> None:
        """Type a card, key by key."""
        for label, text in {**CARD, **fields}.items():
            await self.field(label).fill("")
            await self.field(label).press_sequentially(text)

    async def pays(self, number: str = make.VISA) -> None:
        """Type a card, and pay."""
        await self.types(**{"Card number": number})
        await self.page.get_by_role("button", name="Pay").click()

    async def expect_back(self, *, success: str) -> None:
        """Wait until the shop is reached, and is told how it went."""
        await self.page.wait_for_url(f"{BACK}?**")
        assert parse_qs(urlsplit(self.page.url).query) == {"payment": [self.id], "success": [success]}

    async def status(self) -> str:
        """Return the status of the payment."""
        return (await self.desk.api.get(f"/payments/{self.id}")).json()["status"]


async def _greet(route: Route) -> None:
    await route.fulfill(content_type="text/html", body="<!DOCTYPE html><title>Shop</title><h1>Thank you</h1>")


async def till(desk: Desk, **fields: object) -> Till:
    """Make a payment, and a shop that its payer comes back to."""
    made = await make.payment(desk.api, returnUrl=BACK, **fields)
    parts = urlsplit(str(made["checkoutUrl"]))
    await desk.context.clear_cookies()
    await desk.context.route(f"{BACK}?**", _greet)
    return Till(desk, str(made["id"]), f"{parts.path}?{parts.query}")


async def left_under_way(
    desk: Desk,
    payment: str,
    attempt: str
    | None = '{"kind": "authorize", "transaction": "", "key": "", "amount": 1, "began_at": "2040-01-01T00:00Z"}',
) -> None:
    """Let the gateway not have answered an attempt on a payment, or have none under way."""
    connection = await asyncpg.connect(desk.dsn)
    try:
        sql = """
            update payments set attempt = $1, reconcile_at = case when $1::jsonb is not null then '2040-01-01'::date end
            where id = $2
        """
        await connection.execute(sql, attempt, payment)
    finally:
        await connection.close()
