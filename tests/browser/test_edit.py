from playwright.async_api import Route, expect

from tests.browser.desk import Desk, sign_in


async def test_the_focus_goes_into_the_dialog_and_escape_gives_it_back(admin: Desk) -> None:
    await admin.open_customer(name="Jane Smith")
    for opens in (admin.link("Edit").click, lambda: admin.page.keyboard.press("e")):
        await opens()
        await expect(admin.dialog.get_by_role("heading", name="Edit customer")).to_be_visible()
        await expect(admin.page.get_by_role("dialog", name="Edit customer")).to_be_visible()
        await expect(admin.dialog.get_by_label("Email")).to_be_focused()
        await admin.page.keyboard.press("Escape")
        await expect(admin.dialog).to_have_count(0)
        await expect(admin.link("Edit")).to_be_focused()
    await admin.link("Edit").click()
    await admin.dialog.get_by_role("link", name="Cancel").click()
    await expect(admin.dialog).to_have_count(0)
    await expect(admin.link("Edit")).to_be_focused()


async def test_only_what_was_changed_is_saved_and_the_page_shows_it_at_once(admin: Desk) -> None:
    key = await admin.open_customer(name="Jane Smith", phoneNumber="+1 555 987 6543", metadata={"tier": "basic"})
    before = await admin.stored(key)
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Name", exact=True).fill("Jane Smith-Jones")
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="Jane Smith-Jones")).to_be_visible()
    await expect(admin.dialog).to_have_count(0)
    await admin.expect_told("Saved")
    await expect(admin.link("Edit")).to_be_focused()
    after = await admin.stored(key)
    assert {name for name in after if after[name] != before[name]} == {"name", "updatedAt"}
    await expect(admin.page.locator(".timeline li").first).to_contain_text("Jane Smith-Jones")


async def test_errors_stay_in_the_dialog_with_what_was_typed(admin: Desk) -> None:
    admin.foreseen.add(400)
    key = await admin.open_customer(name="Jane Smith")
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Name", exact=True).fill("Jane S.")
    await admin.dialog.get_by_label("Phone number").fill("nonsense")
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.dialog.get_by_role("alert")).to_contain_text("Nothing was saved")
    await expect(admin.dialog.get_by_label("Phone number")).to_be_focused()
    await expect(admin.dialog.get_by_label("Phone number")).to_have_value("nonsense")
    await expect(admin.dialog.get_by_label("Name", exact=True)).to_have_value("Jane S.")
    assert (await admin.stored(key))["name"] == "Jane Smith"
    await admin.dialog.get_by_label("Phone number").fill("+1 555 987 6543")
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("heading", name="Jane S.")).to_be_visible()
    assert (await admin.stored(key))["phoneNumber"] == "+15559876543"


async def test_a_form_whose_answer_was_lost_is_sent_again_and_done(admin: Desk) -> None:
    key = await admin.open_customer(name="Jane Smith")
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Name", exact=True).fill("Jane Mine")

    async def lose(route: Route) -> None:
        await route.fetch(max_redirects=0)
        await route.abort("connectionreset")

    await admin.page.route("**/edit", lose)
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.dialog.get_by_role("alert")).to_contain_text("cannot tell whether it was saved")
    assert (await admin.stored(key))["name"] == "Jane Mine"
    await admin.page.unroute("**/edit")
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("heading", name="Jane Mine")).to_be_visible()
    assert all("ERR_CONNECTION_RESET" in each for each in admin.complaints)
    admin.complaints.clear()


async def test_a_change_made_meanwhile_is_shown_beside_ones_own_and_asked_about(admin: Desk) -> None:
    admin.foreseen.add(409)
    key = await admin.open_customer(name="Jane Smith", phoneNumber="+1 555 987 6543")
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Name", exact=True).fill("Jane Mine")
    await admin.api.post(f"/customers/{key}", json={"name": "Jane Theirs", "phoneNumber": "+1 555 987 6000"})
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.dialog).to_contain_text("Someone else changed this customer while you were editing")
    await expect(admin.dialog).to_contain_text("Someone else changed this meanwhile to Jane Theirs")
    await expect(admin.dialog.get_by_label("Name", exact=True)).to_have_value("Jane Mine")
    await expect(admin.dialog.get_by_label("Phone number")).to_have_value("+15559876000")
    assert (await admin.stored(key))["name"] == "Jane Theirs"
    await admin.dialog.get_by_role("button", name="Save mine").click()
    await expect(admin.page.get_by_role("heading", name="Jane Mine")).to_be_visible()
    stored = await admin.stored(key)
    assert (stored["name"], stored["phoneNumber"]) == ("Jane Mine", "+15559876000")


async def test_a_server_that_cannot_be_reached_costs_nothing_typed(admin: Desk) -> None:
    await admin.open_customer(name="Jane Smith")
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Name", exact=True).fill("Jane S.")
    await admin.page.route("**/edit", lambda route: route.fulfill(status=503, body="away"))
    admin.foreseen.add(503)
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.dialog.get_by_role("alert")).to_contain_text("That did not work")
    await expect(admin.dialog.get_by_label("Name", exact=True)).to_have_value("Jane S.")
    await admin.page.unroute("**/edit")
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("heading", name="Jane S.")).to_be_visible()


async def test_a_session_that_ends_while_one_edits_costs_nothing_typed(admin: Desk) -> None:
    admin.foreseen.add(401)
    await admin.open_customer(name="Jane Smith")
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Name", exact=True).fill("Jane S.")
    await admin.context.clear_cookies()
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.dialog.get_by_role("alert")).to_contain_text("You are signed out")
    async with admin.context.expect_page() as opened:
        await admin.dialog.get_by_role("link", name="Sign in").click()
    tab = await opened.value
    await sign_in(tab, admin.email)
    await tab.close()
    await expect(admin.dialog.get_by_label("Name", exact=True)).to_have_value("Jane S.")
    await admin.dialog.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("heading", name="Jane S.")).to_be_visible()


async def test_metadata_that_is_being_typed_stays_when_a_dialog_is_saved(admin: Desk) -> None:
    key = await admin.open_customer(name="Jane Smith", metadata={"tier": "basic"})
    await admin.page.get_by_label("Value of tier").fill("premium")
    await admin.link("Edit").click()
    await admin.dialog.get_by_label("Phone number").fill("+1 555 987 6543")
    await admin.dialog.get_by_role("button", name="Save").click()
    await admin.expect_told("Saved")
    await expect(admin.dialog).to_have_count(0)
    await expect(admin.link("Edit")).to_be_focused()
    await expect(admin.page.get_by_label("Customer details")).to_contain_text("+1 555-987-6543")
    await expect(admin.page.get_by_label("Value of tier")).to_have_value("premium")
    await admin.button("Save 1 change").click()
    await expect(admin.page.locator(".timeline li").first).to_contain_text("premium")
    stored = await admin.stored(key)
    assert (stored["phoneNumber"], stored["metadata"]) == ("+15559876543", {"tier": "premium"})


async def test_neither_escape_nor_the_palette_takes_away_what_was_typed(admin: Desk) -> None:
    await admin.open_customer(name="Jane Smith")
    await admin.link("Edit").click()
    name = admin.dialog.get_by_label("Name", exact=True)
    await name.fill("Jane S.")
    await admin.page.keyboard.press("Control+k")
    await admin.page.keyboard.press("Escape")
    await expect(admin.dialog.get_by_role("alert")).to_contain_text("What you typed is not saved")
    await expect(name).to_have_value("Jane S.")
    await admin.page.keyboard.press("Escape")
    await expect(admin.dialog).to_have_count(0)
    await expect(admin.link("Edit")).to_be_focused()
