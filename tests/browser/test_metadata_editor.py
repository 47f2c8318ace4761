import re

from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk, sign_in


def row(desk: Desk, number: int) -> tuple[Locator, Locator]:
    """Return the key and the value of a line that is seen."""
    line = desk.page.locator("[data-meta-row]:visible").nth(number)
    return line.get_by_label("Key", exact=True), line.get_by_label("Value of")


async def add(desk: Desk, key: str, value: str) -> None:
    """Add a line."""
    await desk.button("Add key").click()
    await desk.page.keyboard.insert_text(key)
    await desk.page.keyboard.press("Tab")
    await desk.page.keyboard.insert_text(value)


async def save(desk: Desk, name: str) -> None:
    """Save, and wait until that is told."""
    await desk.button(name).click()
    await desk.expect_told("Saved")


async def metadata(desk: Desk, customer_id: str) -> object:
    """Return what is stored."""
    return (await desk.stored(customer_id))["metadata"]


async def test_keys_are_added_changed_renamed_and_removed_in_one_save(admin: Desk) -> None:
    key = await admin.open_customer(metadata={"legacyRef": "00123", "plan": "gold", "tier": "basic"})
    await expect(admin.page.locator("[data-meta-count]")).to_have_text("3 of 50")
    await expect(admin.button("Save")).to_be_disabled()
    await row(admin, 2)[1].fill("premium")
    await expect(admin.button("Save 1 change")).to_be_enabled()
    await row(admin, 1)[0].fill("package")
    await admin.button("Remove legacyRef").click()
    await expect(admin.page.locator("[data-meta-count]")).to_have_text("2 of 50")
    await add(admin, "note", "said on the phone")
    await expect(admin.page.locator("[data-meta-count]")).to_have_text("3 of 50")
    await save(admin, "Save 4 changes")
    assert await metadata(admin, key) == {"package": "gold", "tier": "premium", "note": "said on the phone"}
    await expect(admin.page.locator(".timeline li").first).to_contain_text("premium")


async def test_texts_stay_as_they_are_typed(admin: Desk) -> None:
    key = await admin.open_customer()
    typed = {"a": " x ", "b": "00123", "c": "true", "d": "1e3", " e ": "é 👍", "f": "null"}
    for name, value in typed.items():
        await add(admin, name, value)
    await add(admin, "lines", "one")
    await admin.page.keyboard.press("Shift+Enter")
    await admin.page.keyboard.type("two")
    await admin.page.keyboard.press("Enter")
    await admin.expect_told("Saved")
    stored = await metadata(admin, key)
    assert stored == {**typed, "lines": "one\ntwo"}
    await row(admin, 0)[0].focus()
    await expect(admin.button("Save")).to_be_disabled()


async def test_discard_gives_back_what_is_stored(admin: Desk) -> None:
    await admin.open_customer(metadata={"plan": "gold", "tier": "basic"})
    await row(admin, 0)[1].fill("silver")
    await admin.button("Remove tier").click()
    await add(admin, "new", "value")
    await admin.button("Discard").click()
    await expect(admin.page.locator("[data-meta-count]")).to_have_text("2 of 50")
    await expect(row(admin, 0)[1]).to_have_value("gold")
    await expect(row(admin, 1)[0]).to_have_value("tier")
    await expect(row(admin, 1)[1]).to_have_value("basic")
    await expect(admin.button("Discard")).to_be_hidden()
    await expect(admin.button("Save")).to_be_disabled()


async def test_clear_all_asks_first(admin: Desk) -> None:
    key = await admin.open_customer(metadata={"plan": "gold", "tier": "basic"})
    await admin.button("Clear all").click()
    await expect(admin.dialog).to_contain_text("Clear all metadata?")
    await admin.dialog.get_by_role("link", name="Cancel").click()
    await expect(admin.dialog).to_have_count(0)
    assert await metadata(admin, key) == {"plan": "gold", "tier": "basic"}
    await admin.button("Clear all").click()
    await admin.dialog.get_by_role("button", name="Clear all").click()
    await expect(admin.page.locator("[data-meta-count]")).to_have_text("0 of 50")
    assert await metadata(admin, key) == {}


async def test_what_cannot_be_saved_is_told_before(admin: Desk) -> None:
    await admin.open_customer(metadata={"tier": "basic"})
    note = admin.page.locator("[data-meta-note]")
    await add(admin, "tier", "premium")
    await expect(note).to_have_text("The key tier stands twice.")
    await expect(admin.button("Save 1 change")).to_be_disabled()
    key, value = row(admin, 1)
    await expect(key).to_have_attribute("aria-invalid", "true")
    await key.fill("a[b]")
    await expect(note).to_contain_text("brackets")
    await key.fill("k" * 41)
    await expect(note).to_have_text("A key has at most 40 characters; this one has 41.")
    await key.fill("")
    await expect(note).to_have_text("A value needs a key.")
    await key.fill("k" * 40)
    await expect(key).not_to_have_attribute("aria-invalid", "true")
    await value.fill("👍" * 501)
    await expect(note).to_contain_text("at most 500 characters")
    await expect(value).to_have_attribute("aria-invalid", "true")
    await value.fill("👍" * 500)
    await expect(note).to_have_text("500 of 500 characters")
    await save(admin, "Save 1 change")


async def test_more_than_fifty_keys_are_told_before_saving(admin: Desk) -> None:
    await admin.open_customer(metadata={f"key{number}": "x" for number in range(50)})
    await add(admin, "one more", "x")
    await expect(admin.page.locator("[data-meta-count]")).to_have_text("51 of 50")
    await expect(admin.page.locator("[data-meta-note]")).to_have_text("There can be 50 keys; these are 51.")
    await expect(admin.button("Save 1 change")).to_be_disabled()


async def test_a_key_that_the_api_wrote_meanwhile_survives(admin: Desk) -> None:
    key = await admin.open_customer(metadata={"tier": "basic", "plan": "gold"})
    await row(admin, 1)[1].fill("premium")
    await admin.api.post(f"/customers/{key}", json={"metadata": {"plan": "platinum", "fresh": "yes"}})
    await save(admin, "Save 1 change")
    assert await metadata(admin, key) == {"tier": "premium", "plan": "platinum", "fresh": "yes"}


async def test_the_same_key_changed_meanwhile_is_not_overwritten_unseen(admin: Desk) -> None:
    admin.foreseen.add(400)
    key = await admin.open_customer(metadata={"tier": "basic"})
    await row(admin, 0)[1].fill("premium")
    await admin.api.post(f"/customers/{key}", json={"metadata": {"tier": "gold"}})
    await admin.button("Save 1 change").click()
    await expect(admin.page.locator(".invalid-feedback")).to_contain_text("was changed to “gold” meanwhile")
    await expect(row(admin, 0)[1]).to_have_value("premium")
    assert await metadata(admin, key) == {"tier": "gold"}


async def test_a_refused_save_begins_at_its_line_on_a_narrow_page_and_stays_marked_until_it_is_edited(
    open_desk: OpenDesk,
) -> None:
    async with open_desk(viewport={"width": 375, "height": 720}) as desk:
        desk.foreseen.add(400)
        key = await desk.open_customer(metadata={"plan": "gold", "tier": "basic"})
        await row(desk, 1)[1].fill("premium")
        await desk.api.post(f"/customers/{key}", json={"metadata": {"tier": "gold"}})
        await desk.button("Save 1 change").click()
        wrong = row(desk, 1)[0]
        await expect(wrong).to_be_focused()
        await expect(wrong).to_be_in_viewport()
        await expect(wrong).to_have_attribute("aria-invalid", "true")
        await row(desk, 0)[1].fill("silver")
        await expect(wrong).to_have_attribute("aria-invalid", "true")
        alert = desk.page.get_by_role("alert")
        await expect(alert).to_contain_text("tier was changed to “gold” meanwhile")
        await alert.get_by_role("link").click()
        await expect(wrong).to_be_focused()
        await row(desk, 1)[1].fill("platinum")
        await expect(wrong).not_to_have_attribute("aria-invalid", "true")
        await expect(desk.page.locator(".invalid-feedback")).to_have_count(0)
        await desk.button("Discard").click()
        await desk.page.goto(desk.page.url)
        await expect(row(desk, 1)[1]).to_have_value("gold")


async def test_clear_all_says_that_what_is_not_saved_goes_too(admin: Desk) -> None:
    await admin.open_customer(metadata={"tier": "basic"})
    await admin.button("Clear all").click()
    await expect(admin.dialog).not_to_contain_text("did not save")
    await admin.dialog.get_by_role("link", name="Cancel").click()
    await row(admin, 0)[1].fill("premium")
    await admin.button("Clear all").click()
    await expect(admin.dialog).to_contain_text("The key tier of")
    await expect(admin.dialog).to_contain_text("did not save goes too")


async def test_a_session_that_ends_before_the_save_costs_no_key(admin: Desk) -> None:
    admin.foreseen.add(401)
    key = await admin.open_customer(metadata={"tier": "basic", "plan": "gold"})
    await row(admin, 1)[1].fill(" premium ")
    await add(admin, "note", "one\ntwo")
    await admin.context.clear_cookies()
    await admin.button("Save 2 changes").click()
    await expect(admin.page.get_by_role("heading", name="You are signed out")).to_be_visible()
    async with admin.context.expect_page() as opened:
        await admin.link("Sign in").click()
    await sign_in(await opened.value, admin.email)
    await admin.button("Send again").click()
    await expect(admin.page.locator(".timeline li").first).to_contain_text("premium")
    assert await metadata(admin, key) == {"tier": " premium ", "plan": "gold", "note": "one\ntwo"}


async def test_leaving_with_unsaved_changes_asks(admin: Desk) -> None:
    await admin.open_customer(metadata={"tier": "basic"})
    await row(admin, 0)[1].fill("premium")
    asked: list[str] = []

    async def stay(dialog: object) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    admin.page.on("dialog", stay)
    async with admin.page.expect_event("dialog"):
        await admin.page.get_by_role("link", name="Home").click(no_wait_after=True)
    assert asked == ["beforeunload"]
    await expect(row(admin, 0)[1]).to_have_value("premium")
    await admin.button("Discard").click()
    await admin.page.get_by_role("link", name="Home").click()
    await expect(admin.page.get_by_role("heading", name="Home")).to_be_visible()
    assert len(asked) == 1


async def test_a_value_that_is_a_link_opens(admin: Desk) -> None:
    await admin.open_customer(metadata={"crm": "https://crm.example/1", "bad": "javascript:alert(1)"})
    link = admin.page.get_by_role("link", name=re.compile("^Open"))
    await expect(link).to_have_count(1)
    await expect(link).to_have_attribute("href", "https://crm.example/1")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
