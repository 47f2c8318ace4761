"""What goes over the wire (dashboard.md §6)."""

import asyncio

from litestar.types import ASGIApp

from tests import make
from tests.dashboard import markup, people
from tests.dashboard.people import Person

FIRST, FURTHER = 150_000, 15_000


async def test_a_first_visit_and_each_further_page_are_light(admin: Person, app: ASGIApp) -> None:
    for number in range(20):
        await make.customer(
            admin.shop.client,
            email=f"somebody.{number}@a-rather-long-domain.example.com",
            name=f"Somebody With A Long Name {number}",
            metadata={"tier": "gold", "number": str(number)},
        )
    weights: dict[str, int] = {}
    async with people.browser(app) as stranger:
        first = await stranger.get("/dashboard/login")
        page = markup.read(first.text)
        paths = {
            each.attributes.get("src") or each.attributes["href"] for each in page.every("script") + page.every("link")
        }
        files = await asyncio.gather(*(stranger.get(path) for path in paths))
    for path in (
        "/dashboard",
        "/dashboard/customers",
        "/dashboard/payments",
        "/dashboard/payment-methods",
        "/dashboard/subscriptions",
        "/dashboard/products",
        "/dashboard/prices",
        "/dashboard/events",
        "/dashboard/access-keys",
        "/dashboard/users",
        "/dashboard/settings",
    ):
        response = await admin.browser.get(path)
        weights[path] = int(response.headers["content-length"])
    assets = sum(int(file.headers["content-length"]) for file in files)
    assert all("immutable" in file.headers["cache-control"] for file in files)
    assert assets + max(weights.values()) < FIRST
    assert max(weights.values()) < FURTHER, weights
