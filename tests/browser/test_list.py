import asyncio
import re

from playwright.async_api import Page, expect

from tests import make
from tests.browser.desk import Desk


async def test_a_header_sorts_and_turns(admin: Desk) -> None:
    await admin.customers(b="Berta", a="Anna", c="Clara")
    await admin.open_customers()
    header = admin.page.get_by_role("columnheader")
    await expect(header.filter(has_text="Created")).to_have_attribute("aria-sort", "descending")
    await admin.expect_rows("Clara", "Anna", "Berta")
    await admin.link("Customer").click()
    await admin.expect_rows("Anna", "Berta", "Clara")
    await expect(header.filter(has_text="Customer")).to_have_attribute("aria-sort", "ascending")
    await admin.page.get_by_role("link", name=re.compile("^Customer[^s]")).click()
    await admin.expect_rows("Clara", "Berta", "Anna")
    await expect(header.filter(has_text="Customer")).to_have_attribute("aria-sort", "descending")
    await expect(header.filter(has_text="Created")).to_have_attribute("aria-sort", "none")


async def test_pages_and_their_size(admin: Desk) -> None:
    names = [f"Customer {number:02}" for number in range(45)]
    await asyncio.gather(*(make.customer(admin.api, name=name) for name in names))
    await admin.open_customers("sortBy=name&sortDirection=asc")
    await admin.expect_rows(*names[:20])
    await expect(admin.page.get_by_text(re.compile("^1.20 of 45$"))).to_be_visible()
    await admin.link("Next page").click()
    await admin.expect_rows(*names[20:40])
    await expect(admin.page.get_by_text(re.compile("^21.40 of 45$"))).to_be_visible()
    await admin.link("Last page").click()
    await admin.expect_rows(*names[40:])
    await expect(admin.link("Next page")).to_have_count(0)
    await admin.link("Previous page").click()
    await admin.expect_rows(*names[20:40])
    await admin.link("First page").click()
    await admin.expect_rows(*names[:20])
    await admin.link("50").click()
    await admin.expect_rows(*names)
    await admin.expect_state(sortBy="name", sortDirection="asc", pageSize="50")


async def test_a_row_opens_by_a_click_anywhere_on_it(admin: Desk) -> None:
    await admin.customers(jane="Jane Smith")
    await admin.open_customers()
    await admin.page.get_by_role("cell", name="jane@example.com", exact=True).click()
    await expect(admin.page.get_by_role("heading", name="Jane Smith")).to_be_visible()


async def test_a_row_opens_in_a_new_tab_by_ctrl_click_and_by_the_middle_button(admin: Desk) -> None:
    await admin.customers(jane="Jane Smith")
    await admin.open_customers()
    email = admin.page.get_by_role("cell", name="jane@example.com", exact=True)
    for ways in (
        {"modifiers": ["Control"], "at": admin.rows.first},
        {"button": "middle", "at": admin.rows.first},
        {"modifiers": ["Control"], "at": email},
        {"button": "middle", "at": email},
    ):
        at = ways.pop("at")
        async with admin.context.expect_page() as opened:
            await at.click(**ways)
        tab: Page = await opened.value
        await expect(tab.get_by_role("heading", name="Jane Smith")).to_be_visible()
        await tab.close()
    await expect(admin.page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()


async def test_rows_are_walked_with_j_and_k_and_opened_with_enter(admin: Desk) -> None:
    await admin.customers(a="Anna", b="Berta", c="Clara")
    await admin.open_customers("sortBy=name&sortDirection=asc")
    for key, name in (("j", "Anna"), ("j", "Berta"), ("j", "Clara"), ("j", "Clara"), ("k", "Berta")):
        await admin.page.keyboard.press(key)
        await expect(admin.link(name)).to_be_focused()
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="Berta")).to_be_visible()


async def test_an_id_and_the_request_as_curl_are_copied(admin: Desk) -> None:
    made = await make.customer(admin.api, name="Jane Smith")
    await admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await admin.open_customers("name[like]=jane")
    await admin.button("Copy the id of Jane Smith").click()
    await admin.expect_told("Copied")
    assert await admin.page.evaluate("navigator.clipboard.readText()") == made["id"]
    await expect(admin.page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()
    await admin.button("Copy as cURL").click()
    await admin.page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('curl')")
    copied = await admin.page.evaluate("navigator.clipboard.readText()")
    address = re.search("'(http[^']+)'", copied)
    assert address
    answer = await admin.api.get(address[1])
    assert [each["id"] for each in answer.json()["data"]] == [made["id"]]


async def test_times_are_told_in_the_viewers_zone(admin: Desk) -> None:
    await admin.customers(jane="Jane Smith")
    await admin.made_days_ago(40, "Jane Smith")
    await admin.open_customers()
    made = (await admin.api.get("/customers")).json()["data"][0]["createdAt"]
    elsewhere = await admin.page.evaluate(
        "at => new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'long'}).format(new Date(at))", made
    )
    await expect(admin.page.locator("td time")).to_have_attribute("title", elsewhere)


async def test_without_customers_the_list_says_how_to_make_one(admin: Desk) -> None:
    await admin.open_customers()
    await expect(admin.page.get_by_role("heading", name="No customers yet")).to_be_visible()
    await expect(admin.page.locator("pre")).to_contain_text("curl")
    await admin.page.locator(".state").get_by_role("link", name="Create customer").click()
    await expect(admin.page.get_by_role("heading", name="Create customer")).to_be_visible()


async def test_a_page_that_is_no_more_leads_to_the_first(admin: Desk) -> None:
    await admin.customers(jane="Jane Smith")
    await admin.open_customers("page=9")
    await admin.link("Go to the first page").click()
    await admin.expect_rows("Jane Smith")
