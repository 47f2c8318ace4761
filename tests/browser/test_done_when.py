"""The issue's story: staff find last month's customers of a company, correct one, and see what they did."""

import re
from datetime import UTC, date, datetime, timedelta

from playwright.async_api import expect

from tests import make
from tests.browser.desk import Desk


def last_month() -> tuple[date, date]:
    """Return the first and the last day of the month before this one (UTC)."""
    last = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


async def test_staff_find_a_customer_correct_the_phone_number_and_the_tier_and_see_both_in_the_activity(
    admin: Desk,
) -> None:
    first, last = last_month()
    days = (datetime.now(UTC).date() - first).days - 3
    for email, name in (("jane@example.com", "Jane Smith"), ("tom@example.com", "Tom Baker"), ("li@other.org", "Li")):
        await make.customer(admin.api, email=email, name=name, phoneNumber="+15559876000", metadata={"tier": "basic"})
    await admin.made_days_ago(days, "Jane Smith")
    await admin.made_days_ago(days, "Li")

    await admin.open("/dashboard")
    await admin.link("Customers").click()
    await admin.open_filter("Email")
    await admin.page.keyboard.type("example.com")
    await admin.expect_rows("Tom Baker", "Jane Smith")
    await admin.page.keyboard.press("Escape")
    panel = await admin.open_filter("Created")
    await panel.get_by_label("From").fill(str(first))
    await panel.get_by_label("To").fill(str(last))
    await admin.expect_rows("Jane Smith")
    await admin.page.keyboard.press("Escape")

    await admin.rows.first.click()
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Phone number").fill("+1 555 987 6543")
    await admin.dialog.get_by_role("button", name="Save").click()
    await admin.expect_told("Saved")
    await expect(admin.page.get_by_label("Customer details")).to_contain_text("+1 555-987-6543")
    await admin.page.get_by_label("Value of tier").fill("premium")
    await admin.button("Save 1 change").click()
    await admin.expect_told("Saved")

    newest = admin.page.locator(".timeline li")
    await expect(newest.nth(0)).to_have_text(re.compile("basic.*became.*premium", re.DOTALL))
    await expect(newest.nth(0)).to_contain_text(admin.email)
    await expect(newest.nth(1)).to_contain_text("+1 555-987-6000")
    await expect(newest.nth(1)).to_contain_text("+1 555-987-6543")
    await expect(newest.nth(1)).to_contain_text(admin.email)
