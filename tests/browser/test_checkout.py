import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Route, expect

from tests import make
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.browser.test_every_page import look
from tests.browser.till import BACK, CARD, Till, left_under_way, till

WIDTHS = (375, 320)


@asynccontextmanager
async def at_a_till(open_desk: OpenDesk, **options: object) -> AsyncIterator[Till]:
    """Open the checkout of a payment in a browser of its own."""
    async with open_desk(**options) as desk:
        desk.foreseen.update((400, 402, 404))
        made = await till(desk)
        await made.open()
        yield made


@pytest.fixture
async def jane(open_desk: OpenDesk) -> AsyncIterator[Till]:
    """Give someone before the form of a card."""
    async with at_a_till(open_desk) as made:
        yield made


@pytest.fixture
async def plain(open_desk: OpenDesk) -> AsyncIterator[Till]:
    """Give someone whose browser runs no script."""
    async with at_a_till(open_desk, java_script_enabled=False) as made:
        yield made


async def test_a_payment_is_paid_and_leads_back_to_the_shop(jane: Till) -> None:
    await jane.pays()
    await expect(jane.page.get_by_role("heading", name="Payment successful")).to_be_visible()
    await jane.expect_back(success="true")
    assert await jane.status() == "succeeded"


async def test_after_a_decline_another_card_pays(jane: Till) -> None:
    await jane.pays(make.DECLINED)
    await expect(jane.page.get_by_role("alert")).to_contain_text("Your card was declined")
    await expect(jane.field("Card number")).to_be_focused()
    await expect(jane.field("Card number")).to_have_value("")
    await expect(jane.field("Name on card")).to_have_value("Jane Doe")
    await jane.pays()
    await jane.expect_back(success="true")


async def test_a_payment_is_confirmed_at_the_bank(jane: Till) -> None:
    await jane.pays(make.CHALLENGED)
    await expect(jane.page.get_by_role("heading", name="Confirm this payment?")).to_be_visible()
    await jane.page.get_by_role("button", name="Confirm").click()
    await jane.expect_back(success="true")


async def test_a_payment_that_is_refused_at_the_bank_can_be_paid_by_another_card(jane: Till) -> None:
    await jane.pays(make.CHALLENGED)
    await jane.page.get_by_role("button", name="Refuse").click()
    await expect(jane.page.get_by_role("alert")).to_contain_text("was not confirmed")
    await jane.pays()
    await jane.expect_back(success="true")


async def test_who_comes_back_before_confirming_goes_on_or_takes_another_card(jane: Till) -> None:
    await jane.pays(make.CHALLENGED)
    await expect(jane.page.get_by_role("heading", name="Confirm this payment?")).to_be_visible()
    await jane.open()
    await jane.page.get_by_role("link", name="Continue to your bank").click()
    await expect(jane.page.get_by_role("heading", name="Confirm this payment?")).to_be_visible()
    await jane.open()
    await jane.page.get_by_role("button", name="Use another card").click()
    await expect(jane.field("Card number")).to_be_visible()
    assert await jane.status() == "open"


async def test_who_cancels_goes_back_to_the_shop(jane: Till) -> None:
    await jane.page.get_by_role("link", name="Cancel and return to Corner Shop").click()
    await jane.expect_back(success="false")
    assert await jane.status() == "open"


@pytest.mark.parametrize(
    ("typed", "shown", "brand"),
    [
        ("4242424242424242", "4242 4242 4242 4242", "Visa"),
        ("5555-5555 5555.4444", "5555 5555 5555 4444", "Mastercard"),
        ("378282246310005", "3782 822463 10005", "Amex"),
        ("6011", "6011", "Discover"),
        ("36", "36", "Diners"),
        ("9999", "9999", ""),
    ],
)
async def test_the_brand_is_told_while_the_number_is_typed(typed: str, shown: str, brand: str, jane: Till) -> None:
    await jane.field("Card number").press_sequentially(typed)
    await expect(jane.field("Card number")).to_have_value(shown)
    await expect(jane.page.locator("[data-brand]")).to_have_text(brand)


async def test_digits_can_be_put_in_and_taken_out_in_the_middle(jane: Till) -> None:
    number = jane.field("Card number")
    await number.press_sequentially("42424242")
    for key in ("Home", "ArrowRight", "ArrowRight", "9", "9", "9"):
        await number.press(key)
    await expect(number).to_have_value("4299 9424 242")
    await number.press("Backspace")
    await number.press("1")
    await expect(number).to_have_value("4299 1424 242")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("1", "1"), ("12", "12 / "), ("1240", "12 / 40"), ("4", "04 / "), ("4/40", "04 / 40"), ("12/2040", "12 / 2040")],
)
async def test_an_expiry_is_put_in_order_while_it_is_typed(typed: str, shown: str, jane: Till) -> None:
    await jane.field("Expiry").press_sequentially(typed)
    await expect(jane.field("Expiry")).to_have_value(shown)


async def test_an_expiry_can_be_taken_back_key_by_key(jane: Till) -> None:
    expiry = jane.field("Expiry")
    await expiry.press_sequentially("1240")
    for _ in range(7):
        await expiry.press("Backspace")
    await expect(expiry).to_have_value("")


async def test_what_browsers_fill_in_is_put_in_order(jane: Till) -> None:
    await jane.field("Expiry").fill("2040-12")
    await expect(jane.field("Expiry")).to_have_value("12 / 40")


async def test_what_is_wrong_is_told_at_the_field_when_it_is_left_and_goes_when_it_is_right(jane: Till) -> None:
    number = jane.field("Card number")
    await number.press_sequentially("4242424242424241")
    await number.press("Tab")
    await expect(number).to_have_accessible_description("This is not a card number. Check its digits.")
    for key in ("End", "Backspace", "2"):
        await number.press(key)
    await expect(number).to_have_accessible_description("")
    await jane.field("Expiry").press_sequentially("0120")
    await jane.field("Expiry").press("Tab")
    await expect(jane.field("Expiry")).to_have_accessible_description("This card has expired.")


async def test_the_keyboard_alone_pays_and_is_led_to_what_is_wrong(jane: Till) -> None:
    keys = jane.page.keyboard
    await jane.field("Card number").focus()
    await keys.press("Enter")
    await expect(jane.field("Card number")).to_be_focused()
    await expect(jane.field("Name on card")).to_have_accessible_description("Enter the name on the card.")
    for text in (make.VISA, "1240", "", "Jane Doe"):
        await keys.type(text)
        await keys.press("Tab")
    await expect(jane.page.get_by_role("button", name="Pay")).to_be_focused()
    await keys.press("Enter")
    await expect(jane.field("Security code")).to_be_focused()
    await expect(jane.field("Security code")).to_have_accessible_description("Enter the security code.")
    await keys.type("123")
    await keys.press("Enter")
    await jane.expect_back(success="true")


async def test_an_impatient_payer_pays_once(jane: Till) -> None:
    await jane.types()
    await jane.page.evaluate(
        "() => { const button = document.querySelector('button'); for (let i = 0; i < 5; i += 1) button.click(); }"
    )
    await jane.expect_back(success="true")
    transactions = (await jane.desk.api.get(f"/payments/{jane.id}")).json()["transactions"]
    assert [each["type"] for each in transactions] == ["authorize", "capture"]


async def test_a_saved_card_is_the_customers(admin: Desk) -> None:
    customer = await make.customer(admin.api)
    made = await till(admin, customer=customer["id"])
    await made.open()
    await expect(made.field("Save this card for next time")).to_be_checked()
    await made.pays()
    await made.expect_back(success="true")
    saved = (await admin.api.get("/payment-methods", params={"customer": str(customer["id"])})).json()["data"]
    assert [each["card"]["cardholderName"] for each in saved] == ["Jane Doe"]


async def test_it_works_without_script(plain: Till) -> None:
    await plain.types(**{"Card number": "4242424242424241"})
    await plain.page.get_by_role("button", name="Pay").click()
    number = plain.field("Card number")
    await expect(number).to_be_focused()
    await expect(number).to_have_accessible_description("This is not a card number. Check its digits.")
    await plain.pays(make.INSUFFICIENT)
    await expect(plain.page.get_by_role("alert")).to_contain_text("insufficient funds")
    await plain.pays(make.CHALLENGED)
    await plain.page.get_by_role("button", name="Confirm").click()
    await plain.expect_back(success="true")


async def test_what_the_fields_need_is_asked_without_script_by_the_browser(plain: Till) -> None:
    await plain.page.get_by_role("button", name="Pay").click()
    assert await plain.page.locator("input:invalid").count() == 4


async def states(desk: Desk) -> AsyncIterator[str]:
    """Go through all that a checkout can show, each on the page; yield its name."""
    customer = await make.customer(desk.api)
    prices = [
        await make.price(desk.api, name="250 g", amount=1450),
        await make.recurring_price(desk.api, name="Every month", amount=500),
    ]
    cart = {"items": [{"price": price["id"], "quantity": count} for count, price in zip((3, 1), prices, strict=True)]}
    basket = await till(desk, cart=cart, customer=customer["id"])
    await basket.open()
    yield "cart"
    made = await till(desk, customer=customer["id"])
    await made.open()
    yield "form"
    await made.types(**{"Card number": "4242424242424241", "Expiry": "0120", "Name on card": ""})
    await made.page.get_by_role("button", name="Pay").click()
    yield "wrong"
    await made.pays(make.DECLINED)
    await expect(made.page.get_by_role("alert")).to_be_visible()
    yield "declined"
    await made.pays(make.CHALLENGED)
    await expect(made.page.get_by_role("heading", name="Confirm this payment?")).to_be_visible()
    yield "challenge"
    await made.open()
    yield "confirming"
    await made.page.get_by_role("button", name="Use another card").click()
    await desk.context.unroute(f"{BACK}?**")
    paid = await make.payment(desk.api)
    parts = urlsplit(str(paid["checkoutUrl"]))
    await desk.open(f"{parts.path}?{parts.query}")
    await Till(desk, str(paid["id"]), "").pays()
    await expect(desk.page.get_by_role("heading", name="Payment successful")).to_be_visible()
    yield "paid"
    await desk.open(f"{parts.path}?{parts.query}")
    yield "closed"
    await desk.context.route("**/checkout/**", _stay)
    await left_under_way(desk, made.id)
    await made.open()
    yield "processing"
    await desk.context.unroute("**/checkout/**")
    await left_under_way(desk, made.id, None)
    await desk.api.post(f"/customers/{customer['id']}", json={"restrictCit": True})
    await made.open()
    yield "refused"
    await desk.open("/checkout/none")
    yield "problem"


async def _stay(route: Route) -> None:
    """Answer a page without what makes it go on by itself."""
    response = await route.fetch()
    headers = {name: value for name, value in response.headers.items() if name != "refresh"}
    await route.fulfill(response=response, headers=headers)


async def test_every_state_is_fit_for_all_in_light_and_dark_wide_and_narrow(open_desk: OpenDesk) -> None:
    async with open_desk(color_scheme="light", reduced_motion="reduce") as desk:
        desk.foreseen.update((400, 402, 404))
        found: list[str] = []
        async for name in states(desk):
            found += [f"{name}: {fault}" for fault in await look(desk.page, WIDTHS)]
        assert not found, "\n".join(found)


async def test_a_checkout_that_two_people_opened_is_paid_once(jane: Till) -> None:
    page = await jane.desk.context.new_page()
    await page.goto(f"{jane.desk.url}{jane.path}")
    await jane.types()
    for label, text in CARD.items():
        await page.get_by_label(label, exact=True).fill(text)
    await asyncio.gather(
        jane.page.get_by_role("button", name="Pay").click(), page.get_by_role("button", name="Pay").click()
    )
    for each in (jane.page, page):
        await expect(each.get_by_role("heading")).to_have_text(re.compile("Thank you|successful|paid already"))
    transactions = (await jane.desk.api.get(f"/payments/{jane.id}")).json()["transactions"]
    assert [each["type"] for each in transactions] == ["authorize", "capture"]
