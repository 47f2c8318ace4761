import asyncio

from playwright.async_api import Route, expect

from tests.browser.desk import Desk


async def test_n_opens_the_form_and_a_customer_is_made(admin: Desk) -> None:
    await admin.open_customers()
    await admin.page.keyboard.press("n")
    page = admin.page
    await page.get_by_label("Email").fill("jane@example.com")
    await page.get_by_label("Name", exact=True).fill("Jane Smith")
    await page.get_by_label("Phone number").fill("+1 555 987 6543")
    await page.get_by_label("Date of birth").fill("1990-05-17")
    billing = page.get_by_role("group", name="Billing address")
    await billing.get_by_label("Line 1").fill("1 Main St")
    await billing.get_by_label("City").fill("Springfield")
    await billing.get_by_label("Country").select_option("United States")
    await admin.button("Add key").click()
    await page.keyboard.insert_text("tier")
    await page.keyboard.press("Tab")
    await page.keyboard.insert_text("premium")
    await expect(page.locator("[data-meta-count]")).to_have_text("1 of 50")
    await page.get_by_label("Block automatic payments").check()
    await page.get_by_label("Value of").press("Enter")
    await expect(page.get_by_role("heading", name="Jane Smith")).to_be_visible()
    made = await admin.stored(page.url.rsplit("/", 1)[-1])
    assert made["email"] == "jane@example.com"
    assert made["phoneNumber"] == "+15559876543"
    assert made["dateOfBirth"] == "1990-05-17"
    assert made["billingAddress"]["city"] == "Springfield"
    assert made["billingAddress"]["country"] == "US"
    assert made["shippingAddress"] is None
    assert (made["metadata"], made["restrictMit"]) == ({"tier": "premium"}, True)


async def test_errors_stand_at_their_fields_and_what_was_typed_stays(admin: Desk) -> None:
    admin.foreseen.add(400)
    await admin.open("/dashboard/customers/new")
    page = admin.page
    await page.get_by_label("Email").fill("not an email")
    await page.get_by_label("Name", exact=True).fill("  Jane  ")
    await page.get_by_label("Phone number").fill("12")
    await admin.button("Create customer").click()
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was saved")
    for label, typed in (("Email", "not an email"), ("Phone number", "12")):
        field = page.get_by_label(label)
        await expect(field).to_have_value(typed)
        await expect(field).to_have_attribute("aria-invalid", "true")
        note = await field.get_attribute("aria-describedby")
        await expect(page.locator(f"[id='{note}']")).to_contain_text("Must be ")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("  Jane  ")
    await expect(page.get_by_label("Name", exact=True)).not_to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Email").fill("jane@example.com")
    await page.get_by_label("Phone number").fill("")
    await admin.button("Create customer").click()
    await expect(page.get_by_text("Customer created")).to_be_visible()


async def test_a_double_click_makes_one_customer(admin: Desk) -> None:
    held: asyncio.Queue[Route] = asyncio.Queue()
    await admin.open("/dashboard/customers/new")
    await admin.page.get_by_label("Email").fill("jane@example.com")
    await admin.page.route("**/customers/new", held.put)
    await admin.button("Create customer").dblclick(no_wait_after=True)
    await admin.page.keyboard.press("Enter")
    await (await asyncio.wait_for(held.get(), 10)).continue_()
    await expect(admin.page.get_by_role("heading", name="jane@example.com")).to_be_visible()
    assert held.empty()
    assert (await admin.api.get("/customers")).json()["pagination"]["itemCount"] == 1
