from playwright.async_api import expect

from tests import make
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk


async def test_the_palette_finds_customers_by_name_email_phone_and_id(admin: Desk) -> None:
    made = await make.customer(admin.api, email="js@corner.example", name="Jane Smith", phoneNumber="+15559876543")
    await admin.open("/dashboard")
    for asked in ("smith", "corner.ex", "+15559876543", str(made["id"])):
        await admin.page.keyboard.press("Control+k")
        await expect(admin.page.get_by_role("dialog", name="Find")).to_be_visible()
        await admin.page.keyboard.type(asked)
        await expect(admin.dialog.get_by_role("link")).to_have_count(1)
        await expect(admin.dialog.get_by_role("link")).to_contain_text("Jane Smith")
        await admin.page.keyboard.press("Escape")
        await expect(admin.dialog).to_have_count(0)
    await admin.page.keyboard.press("Control+k")
    await expect(admin.dialog.get_by_role("textbox")).to_be_focused()
    await admin.page.keyboard.type("smith")
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="Jane Smith")).to_be_visible()


async def test_the_palette_goes_to_any_page_with_the_arrows(admin: Desk) -> None:
    await admin.open("/dashboard")
    for _ in range(2):  # opened again, an arrow still goes one step
        await admin.page.keyboard.press("Control+k")
        await expect(admin.dialog.get_by_role("link").first).to_be_visible()
        await admin.page.keyboard.press("ArrowDown")
        await expect(admin.dialog.get_by_role("link").first).to_be_focused()
        await admin.page.keyboard.press("ArrowUp")
        await expect(admin.dialog.get_by_role("textbox")).to_be_focused()
        await admin.page.keyboard.press("Escape")
    await admin.page.keyboard.press("Control+k")
    await expect(admin.dialog.get_by_role("textbox")).to_be_focused()
    await admin.page.keyboard.type("access")
    await expect(admin.dialog.get_by_role("link")).to_have_count(1)
    await admin.page.keyboard.press("ArrowDown")
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="Access Keys")).to_be_visible()
    await admin.page.keyboard.press("Control+k")
    await admin.page.keyboard.type("settings")
    await expect(admin.dialog.get_by_role("link")).to_have_count(1)
    await expect(admin.dialog.get_by_role("link")).to_have_text("General Settings")


async def test_a_slash_opens_the_first_filter_and_takes_what_is_typed(admin: Desk) -> None:
    await admin.customers(jane="Jane Smith", tom="Tom Baker")
    await admin.open_customers()
    await admin.page.keyboard.press("/")
    await admin.page.keyboard.type("tom")
    await admin.expect_rows("Tom Baker")
    await admin.expect_chips("Email contains tom")


async def test_a_question_mark_lists_the_keys(admin: Desk) -> None:
    await admin.open("/dashboard")
    await admin.page.keyboard.press("?")
    await expect(admin.page.get_by_role("dialog", name="Keys")).to_contain_text("Find a customer or a page")
    await admin.dialog.get_by_role("button", name="Close").click()
    await expect(admin.dialog).to_have_count(0)


async def test_letter_keys_can_be_switched_off_and_stay_so(admin: Desk) -> None:
    await admin.customers(jane="Jane Smith")
    await admin.open_customers()
    switch = admin.dialog.get_by_role("switch", name="Letter keys")
    await admin.page.keyboard.press("?")
    await expect(switch).to_be_checked()
    await switch.uncheck()
    await admin.page.keyboard.press("Escape")
    for _ in range(2):
        for key in ("/", "j", "n", "e", "?"):
            await admin.page.keyboard.press(key)
        await expect(admin.dialog).to_have_count(0)
        await expect(admin.panel).to_have_count(0)
        await expect(admin.page.locator(".row-link:focus")).to_have_count(0)
        await admin.page.keyboard.press("Control+k")
        await expect(admin.page.get_by_role("dialog", name="Find")).to_be_visible()
        await admin.page.keyboard.press("Escape")
        await admin.page.reload()
    await admin.button("Keys (?)").click()
    await expect(switch).not_to_be_checked()
    await switch.check()
    await admin.dialog.get_by_role("button", name="Close").click()
    await expect(admin.button("Keys (?)")).to_be_focused()
    await admin.page.keyboard.press("j")
    await expect(admin.page.locator(".row-link:focus")).to_have_count(1)


async def test_the_palette_and_the_keys_have_a_door_that_a_finger_finds(open_desk: OpenDesk) -> None:
    async with open_desk(viewport={"width": 375, "height": 760}, has_touch=True, is_mobile=True) as desk:
        await desk.customers(li="李雷")
        await desk.open("/dashboard")
        await desk.link("Find").tap()
        await expect(desk.page.get_by_role("dialog", name="Find")).to_be_visible()
        await desk.dialog.get_by_role("textbox").fill("李雷")
        await desk.dialog.get_by_role("link", name="李雷").tap()
        await expect(desk.page.get_by_role("heading", name="李雷")).to_be_visible()
        await desk.button("Menu").tap()
        await desk.button("Keys (?)").tap()
        await expect(desk.page.get_by_role("dialog", name="Keys")).to_be_visible()
        await desk.dialog.get_by_role("button", name="Close").tap()
        await expect(desk.button("Menu")).to_be_focused()


async def test_letters_that_are_typed_into_a_field_open_nothing(admin: Desk) -> None:
    await admin.open_customer()
    await admin.button("Add key").click()
    await admin.page.keyboard.type("ne?/jk")
    await expect(admin.page.get_by_label("Key", exact=True).last).to_have_value("ne?/jk")
    await expect(admin.dialog).to_have_count(0)


async def test_light_and_dark_follow_the_system_until_they_are_chosen(open_desk: OpenDesk) -> None:
    async with open_desk(color_scheme="dark") as desk:
        html = desk.page.locator("html")
        await desk.open("/dashboard")
        await expect(html).to_have_attribute("data-bs-theme", "dark")
        await desk.button("Light or dark").click()
        await expect(html).to_have_attribute("data-bs-theme", "light")
        await desk.page.reload()
        await expect(html).to_have_attribute("data-bs-theme", "light")
        await desk.button("Light or dark").click()
        await desk.page.emulate_media(color_scheme="light")
        await expect(html).to_have_attribute("data-bs-theme", "light")
