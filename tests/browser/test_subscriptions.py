import re

from playwright.async_api import expect

from odus.kit.times import Moment
from tests import make
from tests.browser.desk import CUSTOMERS, Desk

SETTINGS = "/dashboard/settings"


async def _subscribed(desk: Desk) -> str:
    """Make a customer with a monthly subscription; return the customer's id."""
    customer = str((await make.customer(desk.api, name="Jane Smith"))["id"])
    product = await make.product(desk.api, name="Coffee club")
    price = await make.recurring_price(desk.api, 500, 2900, product=product["id"], name="Monthly")
    await make.subscription(desk.api, customer=customer, price=price["id"])
    return customer


async def test_a_year_passes_on_the_test_clock_and_its_renewals_stand_on_the_customers_page(admin: Desk) -> None:
    customer = await _subscribed(admin)
    await admin.open(SETTINGS)
    await expect(admin.page.get_by_label("Mode")).to_contain_text("no real money")
    await admin.link("Advance…").click()
    await admin.dialog.get_by_role("link", name="A year later").click()
    year = Moment.of(Moment.parse((await admin.api.get("/test-clock")).json()["now"])).year
    await expect(admin.dialog.get_by_label("Advance to")).to_have_value(re.compile(str(year + 1)))
    await admin.dialog.get_by_role("button", name="Advance").click()
    await expect(admin.page.get_by_label("Mode")).to_contain_text("test clock shows")
    await admin.open(f"{CUSTOMERS}/{customer}")
    payments = admin.page.get_by_role("region", name="Payments", exact=True)
    await expect(payments.locator(".count")).to_have_text("13")
    await expect(payments.locator(".row-link")).to_have_text(["$29.00"] * 10)
    await (
        admin.page.get_by_role("region", name="Subscriptions").get_by_role("link", name="Coffee club · Monthly").click()
    )
    await expect(admin.page.locator("dl.facts").first).to_contain_text("Cycle 13")


async def test_a_subscription_is_cancelled_with_its_period_and_resumed(admin: Desk) -> None:
    customer = await _subscribed(admin)
    await admin.open(f"{CUSTOMERS}/{customer}")
    await admin.link("Coffee club · Monthly").click()
    heading = admin.page.get_by_role("heading", name="Coffee club · Monthly")
    await expect(heading).to_contain_text("Active")
    await admin.link("Cancel…").click()
    await admin.dialog.get_by_role("button", name="Cancel subscription").click()
    await expect(heading).to_contain_text("Cancels on")
    await admin.link("Resume…").click()
    await admin.dialog.get_by_role("button", name="Resume subscription").click()
    await expect(heading).to_contain_text("Active")
    await admin.link("Cancel…").click()
    await admin.dialog.get_by_label("Cancel immediately").check()
    await admin.dialog.get_by_role("button", name="Cancel subscription").click()
    await expect(heading).to_contain_text("Cancelled")
    await expect(admin.link("Resume…")).to_have_count(0)


async def test_a_subscription_is_created_from_the_customers_page_with_the_saved_card(admin: Desk) -> None:
    customer = await _subscribed(admin)
    await admin.open(f"{CUSTOMERS}/{customer}")
    await admin.link("Create subscription").click()
    await admin.dialog.get_by_label("Price 1").select_option(index=1)
    await admin.dialog.get_by_label("How it is paid").select_option(label="Charge Visa •••• 4242, default now")
    await admin.dialog.get_by_role("button", name="Create subscription").click()
    await expect(admin.page.get_by_role("heading", name="5.00")).to_contain_text("Succeeded")
    await expect(admin.page.get_by_role("table").first).to_contain_text("Recurring")
    await admin.page.get_by_role("link", name="sub_").click()
    await expect(admin.page.get_by_role("heading", name="Coffee club · Monthly")).to_contain_text("Active")
