"""What is typed and was not sent is not lost without a question."""

import pytest
from playwright.async_api import Dialog, expect

from tests.browser.desk import CUSTOMERS, Desk


class Asked:
    """How often the browser asked before a page was left, and what is answered: to stay, at first."""

    def __init__(self, desk: Desk) -> None:
        self.times = 0
        self.leaves = False
        desk.page.on("dialog", self._answer)

    async def _answer(self, dialog: Dialog) -> None:
        assert dialog.type == "beforeunload"
        self.times += 1
        await (dialog.accept() if self.leaves else dialog.dismiss())


FORMS = {
    f"{CUSTOMERS}/new": ("Name", "Ada"),
    "/dashboard/users/new": ("First name", "Ada"),
    "/dashboard/access-keys/new": ("Note", "Till"),
    "/dashboard/products/new": ("Name", "Tea club"),
    "/dashboard/payments/new": ("Amount", "42.00"),
}


@pytest.mark.parametrize("path", FORMS)
async def test_a_page_with_typed_text_is_left_after_a_question_alone(path: str, admin: Desk) -> None:
    asked = Asked(admin)
    label, text = FORMS[path]
    await admin.open(path)
    field = admin.page.get_by_label(label).first
    await field.fill(text)
    async with admin.page.expect_event("dialog"):
        await admin.page.get_by_role("link", name="Events").click(no_wait_after=True)
    await expect(field).to_have_value(text)
    await field.fill("")
    await admin.page.get_by_role("link", name="Events").click()
    await expect(admin.page.get_by_role("heading", name="Events")).to_be_visible()
    assert asked.times == 1


async def test_the_palette_and_signing_out_ask_too(admin: Desk) -> None:
    asked = Asked(admin)
    await admin.open("/dashboard/settings")
    await admin.page.get_by_label("Time zone").fill("Europe/Vienna")
    await admin.page.keyboard.press("Control+k")
    await admin.dialog.get_by_role("textbox").fill("Events")
    async with admin.page.expect_event("dialog"):
        await admin.dialog.get_by_role("link", name="Events").first.click(no_wait_after=True)
    await admin.page.keyboard.press("Escape")
    async with admin.page.expect_event("dialog"):
        await admin.button("Sign out").click(no_wait_after=True)
    assert asked.times == 2
    asked.leaves = True
    await admin.page.get_by_role("link", name="Home").click()
    await expect(admin.page.get_by_role("heading", name="Home")).to_be_visible()
    assert asked.times == 3


async def test_what_is_sent_or_cancelled_is_left_without_a_question(admin: Desk) -> None:
    asked = Asked(admin)
    admin.foreseen.add(400)
    await admin.open(f"{CUSTOMERS}/new")
    await admin.page.get_by_label("Email").fill("no email")
    await admin.button("Create customer").click()
    await expect(admin.page.get_by_label("Email")).to_be_focused()
    await expect(admin.page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    async with admin.page.expect_event("dialog"):
        await admin.page.get_by_role("link", name="Home").click(no_wait_after=True)
    await admin.page.get_by_label("Email").fill("ada@example.com")
    await admin.button("Create customer").click()
    await expect(admin.page.get_by_role("heading", name="ada@example.com")).to_be_visible()
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Name", exact=True).fill("Ada")
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("heading", name="Ada", exact=True)).to_be_visible()
    await admin.open(f"{CUSTOMERS}/new")
    await admin.page.get_by_label("Email").fill("grace@example.com")
    await admin.link("Cancel").click()
    await expect(admin.page.get_by_role("heading", name="Customers")).to_be_visible()
    assert asked.times == 1
