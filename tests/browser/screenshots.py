"""Takes a picture of every page and of what opens over it: `python -m tests.browser.screenshots [FOLDER]`.

Of the demo's customers, light, dark and as wide as a telephone. The two that the documentation shows go to docs/images,
all others to a folder that git ignores.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from playwright.async_api import Browser

from odus.customers import queries as customers
from odus.customers.samples import sample_customers
from odus.events.actions import note
from odus.kit import embedded
from odus.kit.db import Database
from odus.kit.times import now
from odus.migrations.upgrade import upgrade
from tests import make, processes
from tests.browser import chromium
from tests.browser.desk import CUSTOMERS, Desk, desk
from tests.browser.test_every_page import OVER, prepare

SHOWN = Path("docs/images")
REST = Path(".screenshots")
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 375, "height": 760}, "device_scale_factor": 2},
}


async def main(rest: Path) -> None:
    """Start a server with sample customers, and take all pictures."""
    with processes.data_dir() as data, embedded.start(data) as postgres:
        async with make.database(postgres.dsn) as dsn:
            await upgrade(dsn)
            with processes.serving(None, workers=1, ODUS_DATABASE_URL=dsn) as server:
                async with chromium.browser() as browser:
                    for look in LOOKS:
                        await _look(browser, server.url, dsn, look, rest)


async def _look(browser: Browser, url: str, dsn: str, look: str, rest: Path) -> None:
    async with desk(
        browser, url, dsn, email=f"ada@{look}.acme.example", reduced_motion="reduce", **LOOKS[look]
    ) as made:
        made.foreseen.update((400, 404, 409))
        pages = await prepare(made)
        await _fill(dsn, made.shop.merchant_id)
        for name, path in pages.items():
            await made.open(path)
            await _take(made, rest / f"{name}-{look}.png")
        for name, page, opens, what in OVER:
            await made.open(pages[page])
            await opens(made, what)
            await _take(made, rest / f"{name}-{look}.png", full_page=False)
        await _set_clock_back(dsn, made.shop.merchant_id)
        since = datetime.now(UTC).date() - timedelta(days=364)
        await made.open_customers(f"email[like]=mail.example&createdAt[gte]={since}")
        await _take(made, (SHOWN if look == "light" else rest) / f"list-{look}.png", full_page=False)
        if look == "dark":
            address = {"line1": "1 Main Street", "city": "Springfield", "state": "IL", "postalCode": "62701"}
            key = await made.open_customer(
                name="Jane Smith",
                dateOfBirth="1990-05-17",
                billingAddress={**address, "country": "US"},
                metadata={"internalAccountId": "acct_9870", "legacyRef": "00123", "tier": "basic"},
            )
            for change in ({"phoneNumber": "+1 555 987 6543"}, {"metadata": {"tier": "premium"}}):
                await made.api.post(f"/customers/{key}", json=change)
            await made.page.reload()
            await _take(made, SHOWN / "customer-dark.png", full_page=False)
        await made.context.clear_cookies()
        await made.open(CUSTOMERS)
        await _take(made, rest / f"sign-in-{look}.png", full_page=False)


async def _set_clock_back(dsn: str, merchant_id: str) -> None:
    """Let the clock be everybody's again, which no door allows: the pictures for the documentation show no banner."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("update merchants set clock_offset = '0' where id = $1", merchant_id)
    finally:
        await connection.close()


async def _take(made: Desk, path: Path, *, full_page: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    await made.page.screenshot(path=path, full_page=full_page, caret="initial")


async def _fill(dsn: str, merchant_id: str) -> None:
    """Add the demo's customers."""
    connection = await asyncpg.connect(dsn)
    try:
        write = Database(connection).write
        for customer in sample_customers(seed=1, count=120, until=now()):
            entry = note(make.who(merchant_id), "customer.created", None, customer)
            await customers.insert(write, customer, entry)
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else REST))
