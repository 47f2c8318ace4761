import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import expect

from odus.kit.times import now
from tests import make
from tests.browser.conftest import OpenDesk
from tests.browser.desk import PASSWORD, Desk

COLOURS = """() => {
  const names = ["color", "backgroundColor", "borderTopColor", "boxShadow", "colorScheme"];
  return [...document.querySelectorAll("body, header, main, main *")].map((each) => {
    const style = getComputedStyle(each);
    return names.map((name) => style[name]).join();
  });
}"""
"""Returns how everything on a page is coloured."""


@pytest.fixture
async def plain(open_desk: OpenDesk) -> AsyncIterator[Desk]:
    """Give an admin's desk whose browser runs no script."""
    async with open_desk(java_script_enabled=False) as made:
        yield made


async def test_signing_in_works_without_script(plain: Desk) -> None:
    await plain.context.clear_cookies()
    await plain.open("/dashboard/customers")
    await plain.page.get_by_label("Email").fill(plain.email)
    await plain.page.get_by_label("Password").fill(PASSWORD)
    await plain.button("Sign in").click()
    await expect(plain.page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()


async def test_a_wrong_password_is_told_without_script(plain: Desk) -> None:
    plain.foreseen.add(400)
    await plain.context.clear_cookies()
    await plain.open("/dashboard/login")
    await plain.page.get_by_label("Email").fill(plain.email)
    await plain.page.get_by_label("Password").fill("Wrong-horse-7")
    await plain.button("Sign in").click()
    await expect(plain.page.get_by_role("alert")).to_have_text("Email or password is wrong.")
    await expect(plain.page.get_by_label("Email")).to_have_value(plain.email)


async def test_dates_and_metadata_are_filtered_without_script(plain: Desk) -> None:
    await make.customer(plain.api, name="Jane Smith", metadata={"tier": "premium"})
    await make.customer(plain.api, name="Tom Baker", metadata={"tier": "basic"})
    await make.customer(plain.api, name="Ada Old", metadata={"tier": "premium"})
    await plain.made_days_ago(400, "Ada Old")
    await plain.open_customers()
    panel = await plain.open_filter("Created")
    since = now() - timedelta(days=7)
    await panel.get_by_label("From").fill(f"{since:%Y-%m-%d}")
    await panel.get_by_role("button", name="Apply").click()
    await plain.expect_rows("Tom Baker", "Jane Smith")
    panel = await plain.open_filter("Metadata")
    await panel.get_by_label("Key").fill("tier")
    await panel.get_by_label("Metadata", exact=True).last.fill("prem")
    await panel.get_by_role("button", name="Apply").click()
    await plain.expect_rows("Jane Smith")
    await plain.expect_chips(f"Created since {since.day} {since:%b %Y}", "tier contains prem")
    panel = await plain.open_filter("Created")
    await panel.get_by_role("link", name="Last 12 months").click()
    await plain.expect_rows("Jane Smith")
    await plain.link("Clear all").click()
    await plain.expect_rows("Tom Baker", "Jane Smith", "Ada Old")


async def test_filters_sort_and_pages_work_without_script(plain: Desk) -> None:
    names = [f"Customer {number:02}" for number in range(22)]
    await asyncio.gather(*(make.customer(plain.api, name=name) for name in names))
    await plain.open_customers()
    panel = await plain.open_filter("Name")
    await panel.get_by_label("Name", exact=True).last.fill("customer")
    await panel.get_by_role("button", name="Apply").click()
    await plain.expect_chips("Name contains customer")
    await plain.expect_state(name__like="customer")
    await plain.link("Customer").click()
    await plain.expect_rows(*names[:20])
    await plain.link("Next page").click()
    await plain.expect_rows(*names[20:])
    await plain.link("Remove: Name contains customer").click()
    await expect(plain.chips).to_have_count(0)
    await expect(plain.button("Copy as cURL")).to_have_count(0)


async def test_a_customer_is_found_without_script(plain: Desk) -> None:
    await plain.customers(li="李雷")
    await plain.open("/dashboard")
    await expect(plain.page.get_by_role("button", name="Keys (?)")).to_have_count(0)
    await plain.link("Find").click()
    await plain.page.get_by_role("textbox").fill("李雷")
    await plain.page.keyboard.press("Enter")
    await plain.link("李雷 li@example.com").click()
    await expect(plain.page.get_by_role("heading", name="李雷")).to_be_visible()


async def test_a_customer_is_made_and_edited_without_script(plain: Desk) -> None:
    await plain.open_customers()
    await plain.link("Create customer").first.click()
    await plain.page.get_by_label("Email").fill("jane@example.com")
    await plain.button("Create customer").click()
    await expect(plain.page.get_by_role("heading", name="jane@example.com")).to_be_visible()
    await plain.link("Edit").click()
    await plain.page.get_by_label("Name", exact=True).fill("Jane Smith")
    await plain.button("Save").click()
    await expect(plain.page.get_by_role("heading", name="Jane Smith")).to_be_visible()


async def test_errors_stand_at_their_fields_without_script(plain: Desk) -> None:
    plain.foreseen.add(400)
    await plain.open("/dashboard/customers/new")
    await plain.page.get_by_label("Email").fill("not an email")
    await plain.page.get_by_label("Name", exact=True).fill("Jane Smith")
    await plain.button("Create customer").click()
    await expect(plain.page.get_by_role("alert")).to_contain_text("Nothing was saved")
    await expect(plain.page.get_by_label("Email")).to_have_value("not an email")
    await expect(plain.page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    await plain.page.get_by_label("Email").fill("jane@example.com")
    await plain.button("Create customer").click()
    await expect(plain.page.get_by_role("heading", name="Jane Smith")).to_be_visible()


async def test_a_change_made_meanwhile_is_asked_about_without_script(plain: Desk) -> None:
    plain.foreseen.add(409)
    customer = await plain.open_customer(name="Jane Smith")
    await plain.link("Edit").click()
    await plain.page.get_by_label("Name", exact=True).fill("Jane Jones")
    await plain.api.post(f"/customers/{customer}", json={"name": "Jane Baker"})
    await plain.button("Save").click()
    await expect(plain.page.get_by_text("Someone else changed this meanwhile to Jane Baker")).to_be_visible()
    assert (await plain.stored(customer))["name"] == "Jane Baker"
    await plain.button("Save mine").click()
    await expect(plain.page.get_by_role("heading", name="Jane Jones")).to_be_visible()


async def test_a_key_s_value_is_shown_once_without_script(plain: Desk) -> None:
    await plain.open("/dashboard/access-keys")
    await plain.link("Add secret key").click()
    await plain.page.get_by_label("Note").fill("Billing server")
    await plain.page.get_by_label("CUSTOMER_READ").check()
    await plain.button("Add key").click()
    value = await plain.page.locator(".secret").inner_text()
    answer = await plain.context.request.get(f"{plain.url}/customers", headers={"Authorization": f"Bearer {value}"})
    assert answer.status == 200, await answer.text()
    await plain.open("/dashboard/access-keys")
    await expect(plain.page.get_by_text("Billing server")).to_be_visible()
    assert value not in await plain.page.content()


async def test_light_and_dark_follow_the_system_without_script(open_desk: OpenDesk) -> None:
    looks: list[object] = []
    for scheme, is_scripted in (("light", False), ("dark", False), ("dark", True)):
        async with open_desk(color_scheme=scheme, java_script_enabled=is_scripted, reduced_motion="reduce") as desk:
            await desk.open("/dashboard/settings")
            looks.append(await desk.page.evaluate(COLOURS))
    light, plain, scripted = looks
    assert plain == scripted != light


async def test_metadata_is_added_changed_removed_and_cleared_without_script(plain: Desk) -> None:
    customer = await plain.open_customer(metadata={"plan": "gold", "tier": "basic"})
    keys = plain.page.get_by_label("Key", exact=True)
    values = plain.page.get_by_label("Value of")
    await values.nth(1).fill("premium")
    await values.nth(0).fill("")
    await keys.nth(2).fill("legacyRef")
    await values.nth(2).fill(" 00123")
    await plain.button("Save").click()
    await expect(plain.page.get_by_label("Value of tier")).to_have_value("premium")
    assert (await plain.stored(customer))["metadata"] == {"tier": "premium", "legacyRef": " 00123"}
    await plain.button("Clear all").click()
    await expect(plain.page.get_by_role("heading", name="Clear all metadata?")).to_be_visible()
    await plain.button("Clear all").click()
    await expect(plain.page.get_by_role("heading", name="Metadata")).to_be_visible()
    assert (await plain.stored(customer))["metadata"] == {}


async def test_settings_are_changed_and_the_delay_is_asked_for_where_it_matters_without_script(plain: Desk) -> None:
    await plain.open("/dashboard/settings")
    delay = plain.page.get_by_label("Capture delay")
    await expect(delay).to_be_hidden()
    await plain.page.get_by_label("Capture", exact=True).select_option("After some days")
    await expect(delay).to_be_visible()
    await delay.select_option("3 days")
    await plain.page.get_by_label("Time zone").fill("Europe/Vienna")
    await plain.button("Save").click()
    await expect(plain.page.get_by_label("Time zone")).to_have_value("Europe/Vienna")
    (config,) = (await plain.api.get("/merchant-configs")).json()["data"]
    assert (config["captureMethod"], config["captureDelay"]) == ("automaticDelayed", 3)


async def test_a_customer_is_restricted_without_script(plain: Desk) -> None:
    customer = await plain.open_customer()
    await plain.link("Restrict…").click()
    await plain.page.get_by_label("Block own payments").check()
    await plain.page.get_by_label("Reason").fill("Chargeback")
    await plain.button("Save").click()
    await expect(plain.page.get_by_text("Own payments blocked")).to_be_visible()
    assert (await plain.stored(customer))["restrictReason"] == "Chargeback"
