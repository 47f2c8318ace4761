import httpx
from playwright.async_api import expect

from tests.browser.desk import PASSWORD, Desk


async def test_a_new_keys_value_is_shown_once_copied_and_works(admin: Desk) -> None:
    admin.foreseen.add(400)
    await admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await admin.open("/dashboard/access-keys")
    await admin.link("Add secret key").click()
    await admin.dialog.get_by_role("button", name="Add key").click()
    await expect(admin.dialog.get_by_label("Note")).to_have_attribute("aria-invalid", "true")
    await admin.dialog.get_by_label("Note").fill("Billing server")
    await admin.dialog.get_by_label("CUSTOMER_READ", exact=True).check()
    await admin.dialog.get_by_role("button", name="Add key").click()
    value = await admin.dialog.locator(".secret code").inner_text()
    await admin.dialog.get_by_role("button", name="Copy the key").click()
    await admin.expect_told("Copied")
    assert await admin.page.evaluate("navigator.clipboard.readText()") == value
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {value}"}) as client:
        assert (await client.get(f"{admin.url}/customers")).status_code == 200
    await admin.page.mouse.click(5, 5)
    await expect(admin.dialog.locator(".secret code")).to_have_text(value)
    await admin.dialog.get_by_role("link", name="I have copied it").click()
    row = admin.page.get_by_role("row").filter(has_text="Billing server")
    await expect(row).to_contain_text("Active")
    assert value not in await admin.page.content()


async def test_a_key_that_was_closed_with_escape_stands_in_the_list(admin: Desk) -> None:
    await admin.open("/dashboard/access-keys")
    await admin.page.keyboard.press("n")
    await admin.dialog.get_by_label("Note").fill("Billing server")
    await admin.dialog.get_by_label("CUSTOMER_READ", exact=True).check()
    await admin.page.keyboard.press("Enter")
    await expect(admin.dialog.locator(".secret")).to_be_visible()
    await admin.page.keyboard.press("Escape")
    await expect(admin.page.get_by_role("row").filter(has_text="Billing server")).to_contain_text("Active")


async def test_a_key_is_rotated_and_revoked(admin: Desk) -> None:
    made = await admin.api.post("/secret-keys", json={"note": "Old server", "permissions": ["CUSTOMER_READ"]})
    await admin.open("/dashboard/access-keys")
    await admin.link("Rotate Old server").click()
    await expect(admin.dialog).to_contain_text("Rotate “Old server”?")
    await admin.dialog.get_by_role("button", name="Rotate").click()
    await expect(admin.dialog.locator(".secret code")).not_to_have_text(made.json()["value"])
    await admin.dialog.get_by_role("link", name="I have copied it").click()
    await admin.link("Revoke Old server").click()
    await admin.dialog.get_by_role("button", name="Revoke").click()
    await expect(admin.page.get_by_role("row").filter(has_text="Old server")).to_contain_text("Revoked")


async def test_a_user_is_added_changed_and_removed(admin: Desk) -> None:
    admin.foreseen.add(400)
    await admin.open("/dashboard/users")
    await admin.link("Add user").click()
    email = f"ada.{admin.email}"
    await admin.dialog.get_by_label("Email").fill(email)
    await admin.dialog.get_by_label("First name").fill("Ada")
    await admin.dialog.get_by_label("Password").fill("short")
    await admin.dialog.get_by_role("button", name="Add user").click()
    await expect(admin.dialog.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    await expect(admin.dialog.get_by_label("First name")).to_have_value("Ada")
    await admin.dialog.get_by_label("Password").fill(PASSWORD)
    await admin.dialog.get_by_role("button", name="Add user").click()
    row = admin.page.get_by_role("row").filter(has_text=email)
    await expect(row).to_contain_text("Support agent")
    await admin.link("Edit Ada").click()
    await admin.dialog.get_by_label("Role").select_option("Developer")
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("Developer")
    await admin.link("Remove Ada").click()
    await admin.dialog.get_by_role("button", name="Remove").click()
    await expect(row).to_contain_text("Removed")


async def test_the_last_admin_is_not_removed(admin: Desk) -> None:
    admin.foreseen.add(409)
    await admin.open("/dashboard/users")
    await admin.link(f"Remove {admin.email}").click()
    await admin.dialog.get_by_role("button", name="Remove").click()
    await expect(admin.dialog.get_by_role("alert")).to_contain_text("last admin")
