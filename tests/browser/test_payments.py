from playwright.async_api import expect

from tests import make
from tests.browser.desk import CUSTOMERS, Desk


async def _customer(desk: Desk, number: str = make.VISA) -> str:
    """Make a customer with a saved card, and open its page."""
    customer = str((await make.customer(desk.api, name="Jane Smith"))["id"])
    await make.paid(desk.api, number, customer=customer)
    await desk.open(f"{CUSTOMERS}/{customer}")
    return customer


async def test_a_payment_is_charged_from_the_customers_page_half_refunded_and_seen_there(admin: Desk) -> None:
    customer = await _customer(admin)
    await admin.link("Charge Visa •••• 4242").click()
    await admin.dialog.get_by_label("Amount").fill("29.90")
    await admin.dialog.get_by_role("button", name="Create payment").click()
    await expect(admin.page.get_by_role("heading", name="29.90")).to_contain_text("Succeeded")
    await admin.link("Refund…").click()
    await expect(admin.dialog.get_by_label("Amount")).to_have_value("29.90")
    await admin.dialog.get_by_label("Amount").fill("14.95")
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="29.90")).to_contain_text("Partially refunded")
    await expect(admin.dialog).to_have_count(0)
    await admin.link("Jane Smith").click()
    await admin.page.wait_for_url(f"**{CUSTOMERS}/{customer}")
    row = admin.page.locator("tr[data-row]").first
    await expect(row).to_contain_text("$29.90")
    await expect(row).to_contain_text("Partially refunded $14.95 back")
    await admin.page.keyboard.press("j")
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="29.90")).to_be_visible()


async def test_a_form_that_is_refused_stays_in_the_dialog_with_what_was_typed(admin: Desk) -> None:
    admin.foreseen.update((400, 409))
    customer = await _customer(admin)
    await admin.page.keyboard.press("n")
    await admin.dialog.get_by_label("Amount").fill("ten")
    await admin.dialog.get_by_role("button", name="Create payment").click()
    await expect(admin.dialog.get_by_label("Amount")).to_be_focused()
    await expect(admin.dialog.get_by_label("Amount")).to_have_value("ten")
    await admin.api.post(f"/customers/{customer}", json={"restrictCit": True, "restrictReason": "Chargeback"})
    await admin.dialog.get_by_label("Amount").fill("10")
    await admin.dialog.get_by_role("button", name="Create payment").click()
    await expect(admin.dialog.get_by_role("alert")).to_contain_text("Chargeback")
    await admin.api.post(f"/customers/{customer}", json={"restrictCit": False})
    await admin.dialog.get_by_role("button", name="Create payment").click()
    await expect(admin.page.get_by_role("heading", name="10.00")).to_contain_text("Unattempted")
    await admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await admin.button("Copy the link to the checkout page").click()
    await admin.expect_told("Copied")
    assert "/checkout/pay_" in await admin.page.evaluate("navigator.clipboard.readText()")


async def test_amounts_are_filtered_while_one_types(admin: Desk) -> None:
    admin.foreseen.add(400)
    for amount in (999, 1000, 2500):
        await make.payment(admin.api, amount=amount)
    await admin.open("/dashboard/payments")
    await admin.expect_rows("$25.00", "$10.00", "$9.99")
    panel = await admin.open_filter("Amount")
    await panel.get_by_label("At least").fill("10")
    await admin.expect_rows("$25.00", "$10.00")
    await admin.expect_state(currency="usd", amount__gte="1000")
    await panel.get_by_label("At most").fill("20.00")
    await admin.expect_rows("$10.00")
    await panel.get_by_label("At most").fill("a lot")
    await expect(panel.get_by_role("alert")).to_contain_text("must be a number")


async def test_a_method_is_made_the_default_and_detached(admin: Desk) -> None:
    customer = await _customer(admin)
    await make.paid(admin.api, make.MASTERCARD, customer=customer)
    await admin.page.reload()
    await admin.button("Make Mastercard •••• 4444 the default").click()
    methods = admin.page.locator(".methods li")
    await expect(methods.first).to_contain_text("Mastercard")
    await expect(methods.first).to_contain_text("Default")
    await admin.link("Detach Mastercard •••• 4444").click()
    await admin.dialog.get_by_role("button", name="Detach").click()
    await expect(methods).to_have_count(1)
    await expect(methods.first).to_contain_text("Default")
