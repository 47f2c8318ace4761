import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Route, expect

from tests.browser.desk import CUSTOMERS, Desk, state


@pytest.fixture
async def desk(admin: Desk) -> Desk:
    await admin.customers(amara="Amara Okafor", jane="Jane Smith", janet="Janet Jones", emile="Émile Durand")
    await admin.open_customers()
    return admin


async def test_typing_filters_without_losing_the_focus_or_what_is_typed(desk: Desk) -> None:
    panel = await desk.open_filter("Name")
    box = await panel.bounding_box()
    await expect(panel.get_by_label("Name", exact=True).last).to_be_focused()
    await desk.page.keyboard.type("jane")
    await desk.expect_rows("Janet Jones", "Jane Smith")
    await expect(desk.page.get_by_role("status").first).to_have_text("2 match", use_inner_text=True)
    await desk.page.keyboard.type("t")
    await desk.expect_rows("Janet Jones")
    await expect(panel.get_by_label("Name", exact=True).last).to_be_focused()
    await expect(panel.get_by_label("Name", exact=True).last).to_have_value("janet")
    await desk.expect_state(name__like="janet")
    assert await panel.bounding_box() == box


async def test_a_newer_request_cancels_the_older_and_old_rows_stay_dimmed_meanwhile(desk: Desk) -> None:
    held: asyncio.Queue[Route] = asyncio.Queue()

    async def hold(route: Route) -> None:
        if "value=ja&" in f"{route.request.url}&":
            await held.put(route)
        else:
            await route.continue_()

    await desk.page.route(f"**{CUSTOMERS}?*", hold)
    await desk.open_filter("Name")
    async with desk.page.expect_event("requestfailed") as cancelled:
        await desk.page.keyboard.type("ja")
        route = await asyncio.wait_for(held.get(), 10)
        await expect(desk.page.locator("#list")).to_have_class("is-old")
        assert await desk.rows.count() == 4
        await desk.page.keyboard.type("nes")
    assert "value=ja" in (await cancelled.value).url
    await desk.expect_state(name__like="janes")
    await expect(desk.page.get_by_text("No customer matches")).to_be_visible()
    await expect(desk.page.locator("#list")).not_to_have_class("is-old")
    await route.abort()


async def test_an_answer_that_comes_while_one_types_on_does_not_take_what_is_typed(desk: Desk) -> None:
    held: asyncio.Queue[Route] = asyncio.Queue()

    async def hold(route: Route) -> None:
        if state(route.request.url).get("value") == "ja":
            await held.put(route)
        else:
            await route.continue_()

    await desk.page.route(f"**{CUSTOMERS}?*", hold)
    panel = await desk.open_filter("Name")
    await desk.page.keyboard.type("ja")
    route = await asyncio.wait_for(held.get(), 10)
    await desk.page.keyboard.type("n")
    await route.continue_()
    await desk.page.keyboard.type("e ")
    await expect(panel.get_by_label("Name", exact=True).last).to_have_value("jane ")
    await desk.expect_rows("Jane Smith")
    await expect(panel.get_by_label("Name", exact=True).last).to_have_value("jane ")


async def test_a_panel_that_closes_gives_the_focus_to_its_chip_and_back_undoes_the_filter(desk: Desk) -> None:
    await desk.page.keyboard.press("/")
    await desk.page.keyboard.type("jane@", delay=80)
    await desk.expect_rows("Jane Smith")
    await desk.page.keyboard.press("Escape")
    await expect(desk.chips.get_by_role("button")).to_be_focused()
    await desk.page.keyboard.press("Enter")
    await desk.page.keyboard.press("Backspace")
    await desk.expect_rows("Janet Jones", "Jane Smith")
    await desk.page.go_back()
    await desk.expect_chips("Email contains jane@")
    await desk.page.go_back()
    await desk.expect_rows("Émile Durand", "Janet Jones", "Jane Smith", "Amara Okafor")
    await desk.expect_chips()
    await desk.expect_state()
    await expect(desk.page.locator("td time").first).to_have_attribute("title", re.compile(":"))
    await desk.page.go_forward()
    await desk.expect_rows("Jane Smith")


@pytest.mark.parametrize("way", ["Enter", "Apply"])
async def test_a_filter_that_is_applied_closes_its_panel_and_its_chip_has_the_focus(desk: Desk, way: str) -> None:
    for name, value, rows in (("Name", "jane", ["Janet Jones", "Jane Smith"]), ("Email", "janet@", ["Janet Jones"])):
        panel = await desk.open_filter(name)
        await panel.get_by_label(name, exact=True).last.fill(value)
        if way == "Enter":
            await desk.page.keyboard.press("Enter")
        else:
            await panel.get_by_role("button", name="Apply").click()
        await expect(desk.panel).to_have_count(0)
        await desk.expect_rows(*rows)
        await expect(desk.chips.get_by_role("button", name=name)).to_be_focused()
    panel = await desk.open_filter("Email")
    await desk.page.keyboard.press("Enter")  # as it is
    await expect(desk.panel).to_have_count(0)


async def test_a_filter_that_is_refused_keeps_its_panel_open(desk: Desk) -> None:
    desk.foreseen.add(400)
    panel = await desk.open_filter("Metadata")
    await panel.get_by_label("Key").fill("a]b")
    await panel.get_by_label("Metadata", exact=True).last.fill("x")
    await desk.page.keyboard.press("Enter")
    await expect(panel.get_by_role("alert")).to_be_visible()
    await expect(desk.panel).to_have_count(1)


async def test_email_and_name_are_filtered_exactly_or_by_a_part(desk: Desk) -> None:
    panel = await desk.open_filter("Email")
    await panel.get_by_label("How").select_option("is")
    await panel.get_by_label("Email", exact=True).last.fill("JANE@example.com")
    await desk.expect_rows("Jane Smith")
    await desk.expect_chips("Email is JANE@example.com")
    await desk.page.keyboard.press("Escape")
    await expect(desk.panel).to_have_count(0)
    panel = await desk.open_filter("Name")
    await panel.get_by_label("Name", exact=True).last.fill("smi")
    await desk.expect_chips("Email is JANE@example.com", "Name contains smi")
    await desk.expect_rows("Jane Smith")
    await panel.get_by_label("How").select_option("is")
    await expect(desk.page.get_by_text("No customer matches")).to_be_visible()
    await desk.expect_state(email__eq="JANE@example.com", name__eq="smi")


async def test_a_range_of_dates_is_typed_or_taken_from_a_preset(desk: Desk) -> None:
    await desk.made_days_ago(40, "Jane Smith")
    await desk.made_days_ago(10, "Janet Jones")
    today = datetime.now(UTC).date()
    await desk.open_filter("Created")
    await desk.link("Last 7 days").click()
    await desk.expect_rows("Émile Durand", "Amara Okafor")
    first = today - timedelta(days=6)
    await desk.expect_chips(f"Created since {first:%b} {first.day}, {first.year}")
    await desk.open_filter("Created")
    await desk.link("Last 4 weeks").click()
    await desk.expect_rows("Émile Durand", "Amara Okafor", "Janet Jones")
    panel = await desk.open_filter("Created")
    first, last = str(today - timedelta(days=41)), str(today - timedelta(days=9))
    await panel.get_by_label("From").fill(first)
    await panel.get_by_label("To").fill(last)
    await desk.expect_rows("Janet Jones", "Jane Smith")
    await desk.expect_state(createdAt__gte=first, createdAt__lte=last)


async def test_metadata_is_filtered_by_key_operator_and_value(desk: Desk) -> None:
    await desk.api.post("/customers", json={"email": "p@example.com", "name": "Paula", "metadata": {"tier": "premium"}})
    panel = await desk.open_filter("Metadata")
    await panel.get_by_label("Key").fill("tier")
    await panel.get_by_label("Metadata", exact=True).last.fill("prem")
    await desk.expect_rows("Paula")
    await desk.expect_chips("tier contains prem")
    await panel.get_by_label("How").select_option("is not set")
    await desk.expect_rows("Émile Durand", "Janet Jones", "Jane Smith", "Amara Okafor")
    await desk.expect_chips("tier is not set")


async def test_a_chip_is_edited_and_removed_and_all_are_cleared(desk: Desk) -> None:
    await desk.open_customers("name[like]=jane&email[like]=example&sortBy=name&sortDirection=asc&pageSize=50")
    await desk.expect_chips("Email contains example", "Name contains jane")
    panel = await desk.open_filter("Name")
    await expect(panel.get_by_label("Name", exact=True).last).to_have_value("jane")
    await panel.get_by_label("Name", exact=True).last.fill("am")
    await desk.expect_rows("Amara Okafor")
    await desk.page.keyboard.press("Escape")
    await desk.link("Remove: Name contains am").click()
    await desk.expect_state(email__like="example", sortBy="name", sortDirection="asc", pageSize="50")
    await expect(desk.rows).to_have_count(4)
    await desk.link("Clear all").click()
    await desk.expect_state(sortBy="name", sortDirection="asc", pageSize="50")
    await expect(desk.chips).to_have_count(0)


async def test_no_match_offers_to_clear(desk: Desk) -> None:
    await desk.open_customers("name[like]=nobody")
    await expect(desk.page.get_by_role("status").first).to_have_text("0 match", use_inner_text=True)
    await desk.link("Clear all filters").click()
    await expect(desk.rows).to_have_count(4)


async def test_a_filter_that_cannot_be_is_told_and_can_be_corrected(desk: Desk) -> None:
    desk.foreseen.add(400)
    panel = await desk.open_filter("Metadata")
    await panel.get_by_label("Key").fill("a]b")
    await panel.get_by_label("Metadata", exact=True).last.fill("x")
    await expect(panel.get_by_role("alert")).to_contain_text("metadata")
    await expect(desk.rows).to_have_count(4)
    await panel.get_by_label("Key").fill("ab")
    await expect(desk.page.get_by_text("No customer matches")).to_be_visible()
    await expect(panel.get_by_label("Key")).to_have_value("ab")


async def test_a_list_that_cannot_be_read_says_so_until_it_is_read_again(desk: Desk) -> None:
    failing = True

    async def fail(route: Route) -> None:
        await (route.abort("connectionrefused") if failing else route.continue_())

    await desk.page.route(f"**{CUSTOMERS}?*", fail)
    panel = await desk.open_filter("Name")
    await desk.page.keyboard.type("jane")
    alert = desk.page.locator("#list").get_by_role("alert")
    await expect(alert).to_contain_text("could not be reached")
    await expect(desk.page.locator("#toasts")).to_be_empty()
    await expect(desk.page.locator("#list")).not_to_have_class("is-old")
    await expect(panel.get_by_label("Name", exact=True).last).to_have_value("jane")
    await desk.page.keyboard.press("Escape")
    failing = False
    await alert.get_by_role("button", name="Try again").click()
    await desk.expect_rows("Janet Jones", "Jane Smith")
    await expect(alert).to_have_count(0)
    assert all("ERR_CONNECTION_REFUSED" in each or "Failed to fetch" in each for each in desk.complaints)
    desk.complaints.clear()


async def test_a_list_that_the_server_cannot_give_now_tells_the_request_and_is_asked_for_again(desk: Desk) -> None:
    desk.foreseen.add(503)
    page = '<main><section class="state"><p class="state-code">503</p><h1>Unavailable</h1><p>Request req_1</p><p>x</p>'

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, content_type="text/html", body=page)

    await desk.page.route(f"**{CUSTOMERS}?*", refuse)
    await desk.open_filter("Name")
    await desk.page.keyboard.type("jane")
    alert = desk.page.locator("#list").get_by_role("alert")
    await expect(alert).to_contain_text("Unavailable · Request req_1")
    await desk.page.unroute(f"**{CUSTOMERS}?*")
    await desk.page.keyboard.press("Escape")
    await alert.get_by_role("button", name="Try again").click()
    await desk.expect_rows("Janet Jones", "Jane Smith")


async def test_back_forward_reload_and_a_copied_link_restore_the_list_exactly(desk: Desk) -> None:
    panel = await desk.open_filter("Name")
    await panel.get_by_label("Name", exact=True).last.fill("jan")
    await desk.expect_rows("Janet Jones", "Jane Smith")
    await desk.page.keyboard.press("Escape")
    await desk.link("Customer").click()
    await desk.expect_rows("Jane Smith", "Janet Jones")
    there = desk.page.url
    assert state(there) == {"name[like]": "jan", "sortBy": "name", "sortDirection": "asc"}
    await desk.rows.first.click()
    await expect(desk.page.get_by_role("heading", name="Jane Smith")).to_be_visible()
    await desk.page.go_back()
    assert desk.page.url == there
    await desk.expect_rows("Jane Smith", "Janet Jones")
    await desk.page.go_back()
    await desk.expect_rows("Janet Jones", "Jane Smith")
    await desk.expect_chips("Name contains jan")
    await desk.page.go_forward()
    await desk.expect_rows("Jane Smith", "Janet Jones")
    await desk.page.reload()
    await desk.expect_rows("Jane Smith", "Janet Jones")
    copied = await desk.context.new_page()
    await copied.goto(there)
    await expect(copied.locator(".row-link")).to_have_text(["Jane Smith", "Janet Jones"])
    assert copied.url == there
