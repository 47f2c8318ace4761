from playwright.async_api import expect

from tests import make
from tests.browser.conftest import OpenDesk
from tests.browser.desk import CUSTOMERS, Desk

EVERYONES = ["Home", "Customers", "Payments", "Subscriptions"]
DEVELOPERS = ["Products", "Prices", "Access Keys", "Events"]


async def offered(desk: Desk) -> list[str]:
    """Return the pages that the navigation offers."""
    names = await desk.page.get_by_role("navigation", name="Main").get_by_role("link").all_inner_texts()
    return [name.strip() for name in names]


async def status(desk: Desk, path: str) -> int:
    """Return the status that opening a page answers."""
    answered = await desk.open(path)
    assert answered
    return answered.status


async def test_an_admin_sees_everything(admin: Desk) -> None:
    await admin.open("/dashboard")
    assert await offered(admin) == [*EVERYONES, *DEVELOPERS, "Users", "General"]


async def test_a_developer_sees_everything_but_users(open_desk: OpenDesk) -> None:
    async with open_desk(role="developer") as desk:
        desk.foreseen.add(403)
        await desk.open("/dashboard")
        assert await offered(desk) == [*EVERYONES, *DEVELOPERS, "General"]
        assert await status(desk, "/dashboard/users") == 403
        assert await status(desk, "/dashboard/users/new") == 403
        await expect(desk.page.get_by_role("heading", level=1)).to_be_visible()


async def test_a_support_agent_reads_customers_and_is_offered_nothing_else(open_desk: OpenDesk) -> None:
    async with open_desk(role="supportAgent") as desk:
        desk.foreseen.add(403)
        metadata = {"crm": "https://crm.example/1", "tier": " one\n two"}
        made = await make.customer(desk.api, name="Jane Smith", metadata=metadata)
        customer = f"{CUSTOMERS}/{made['id']}"
        await desk.open_customers()
        assert await offered(desk) == EVERYONES
        await expect(desk.link("Create customer")).to_have_count(0)
        await desk.rows.first.click()
        await expect(desk.page.get_by_role("heading", name="Jane Smith")).to_be_visible()
        await expect(desk.link("Edit")).to_have_count(0)
        values = await desk.page.locator("#metadata dd").evaluate_all("all => all.map((each) => each.textContent)")
        assert values == list(metadata.values())
        await expect(desk.link("https://crm.example/1")).to_have_attribute("rel", "noopener noreferrer")
        await expect(desk.page.locator("#metadata input, #metadata button")).to_have_count(0)
        for path in ("/dashboard/access-keys", "/dashboard/events", "/dashboard/users", f"{customer}/edit"):
            assert await status(desk, path) == 403
        await desk.open_customers()
        for key in ("n", "e"):
            await desk.page.keyboard.press(key)
        await expect(desk.page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()


async def test_another_merchants_customer_is_not_found(admin: Desk, open_desk: OpenDesk) -> None:
    admin.foreseen.add(404)
    async with open_desk() as other:
        made = await make.customer(other.api)
        assert await status(admin, f"{CUSTOMERS}/{made['id']}") == 404
        await expect(admin.page.get_by_role("navigation", name="Main")).to_be_visible()
