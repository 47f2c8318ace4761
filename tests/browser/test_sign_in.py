from playwright.async_api import expect

from tests.browser.desk import PASSWORD, Desk


async def test_who_is_not_signed_in_is_asked_and_led_to_the_page_that_was_wanted(admin: Desk) -> None:
    await admin.context.clear_cookies()
    await admin.open("/dashboard/customers?name[like]=jane")
    await expect(admin.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await admin.page.get_by_label("Email").fill(admin.email)
    await admin.page.get_by_label("Password").fill(PASSWORD)
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()
    await admin.expect_chips("Name contains jane")


async def test_a_wrong_password_is_told_and_the_email_stays(admin: Desk) -> None:
    admin.foreseen.add(400)
    await admin.context.clear_cookies()
    await admin.open("/dashboard/login")
    await admin.page.get_by_label("Email").fill(admin.email)
    await admin.page.get_by_label("Password").fill("Wrong-horse-7")
    async with admin.page.expect_response("**/dashboard/login") as answered:
        await admin.button("Sign in").click()
    assert (await answered.value).status == 400
    await expect(admin.page.get_by_role("alert")).to_have_text("Email or password is wrong.")
    await expect(admin.page.get_by_label("Email")).to_have_value(admin.email)
    await expect(admin.page.get_by_label("Password")).to_have_value("")


async def test_signing_out_ends_the_session_and_back_shows_nothing_of_it(admin: Desk) -> None:
    await admin.open_customer(name="Jane Smith")
    await admin.button("Sign out").click()
    await expect(admin.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await admin.page.go_back()
    await expect(admin.page.get_by_role("heading", name="Sign in")).to_be_visible()
