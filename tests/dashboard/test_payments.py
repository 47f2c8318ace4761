"""Payments in the Dashboard: making them, and all that is done with them through forms, as a browser sends these."""

import asyncpg
import pytest

from odus.kit import problems
from odus.kit.db import Database
from odus.payments import cards, queries
from tests import make
from tests.dashboard import markup
from tests.dashboard.markup import Element, Fields
from tests.dashboard.people import Person

HERE = "/dashboard/payments"
CUSTOMERS = "/dashboard/customers"
MANUAL = {"captureMethod": "manual"}


async def _read(person: Person, payment_id: object) -> dict[str, object]:
    """Return a payment as the API has it now."""
    return (await person.shop.client.get(f"/payments/{payment_id}")).json()


async def _customer(person: Person, **fields: object) -> str:
    return str((await make.customer(person.shop.client, **fields))["id"])


async def _form(person: Person, at: str) -> Fields:
    """Return what a form holds when it is opened."""
    page = await person.see(at)
    return page.one("form", method="post", action=at.partition("?")[0]).fields()


def _wrong(page: Element) -> set[str]:
    return {each.attributes["name"] for each in page.every(aria_invalid="true")}


def _alert(page: Element) -> str:
    return page.one("div", role="alert").text


def _moves(page: Element) -> set[str]:
    here = {each.attributes["href"] for each in page.every("a", data_dialog="")}
    return {address.rpartition("/")[2] for address in here}


async def _calls(database: Database) -> int:
    """Return how often the gateway was asked for something."""
    return await database.read.count("select count(*) from sandbox_calls")


async def test_a_payment_of_an_amount_leads_to_its_page_with_the_link_for_the_payer(admin: Person) -> None:
    customer = await _customer(admin, name="Jane")
    fields = await _form(admin, f"{HERE}/new?customer={customer}")
    address = await admin.is_led_on(f"{HERE}/new", markup.changed(fields, amount="1,042.50", currency="eur"))
    made = await _read(admin, address.rpartition("/")[2])
    assert (made["amount"], made["currency"], made["customer"]) == (104_250, "eur", customer)
    assert (made["status"], made["initiator"], made["transactions"]) == ("open", "customer", [])
    page = await admin.see(address)
    assert made["checkoutUrl"] in [each.attributes.get("href") for each in page.every("a")]
    assert made["checkoutUrl"] in [each.attributes.get("data-copy") for each in page.every("button")]


async def test_the_display_currency_stands_in_the_form_and_a_method_is_chosen_by_the_address(admin: Person) -> None:
    config = (await admin.shop.client.get("/merchant-configs")).json()["data"][0]["id"]
    await admin.shop.client.post(f"/merchant-configs/{config}", json={"displayCurrency": "jpy"})
    paid = await make.paid(admin.shop.client, customer=await _customer(admin))
    query = f"customer={paid['customer']}&paymentMethod={paid['paymentMethod']}"
    fields = dict(await _form(admin, f"{HERE}/new?{query}"))
    assert (fields["currency"], fields["paymentMethod"]) == ("jpy", paid["paymentMethod"])


async def test_a_saved_method_is_charged_at_once_and_once_however_often_the_form_is_sent(
    admin: Person, database: Database
) -> None:
    paid = await make.paid(admin.shop.client, customer=await _customer(admin))
    calls = await _calls(database)
    fields = await _form(admin, f"{HERE}/new?customer={paid['customer']}")
    typed = markup.changed(fields, amount="29.99", paymentMethod=str(paid["paymentMethod"]))
    addresses = {await admin.is_led_on(f"{HERE}/new", typed) for _ in range(3)}
    (address,) = addresses
    made = await _read(admin, address.rpartition("/")[2])
    assert (made["displayStatus"], made["amountCaptured"], made["initiator"]) == ("succeeded", 2999, "merchant")
    assert await _calls(database) == calls + 1
    listed = (await admin.shop.client.get("/payments", params={"customer": str(paid["customer"])})).json()
    assert listed["pagination"]["itemCount"] == 2


async def test_a_form_of_which_something_came_is_not_taken_with_something_else_in_it(admin: Person) -> None:
    fields = await _form(admin, f"{HERE}/new")
    await admin.is_led_on(f"{HERE}/new", markup.changed(fields, amount="1"))
    page = await admin.is_refused(f"{HERE}/new", markup.changed(fields, amount="2"), 422)
    assert "sent before" in _alert(page)
    again = page.one("form", method="post", action=f"{HERE}/new").fields()
    assert ("once", dict(fields)["once"]) in again


async def test_the_default_of_a_customer_that_is_typed_can_be_charged(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, customer=await _customer(admin))
    fields = await _form(admin, f"{HERE}/new")
    typed = markup.changed(fields, customer=str(paid["customer"]), amount="5", paymentMethod="default")
    made = await _read(admin, (await admin.is_led_on(f"{HERE}/new", typed)).rpartition("/")[2])
    assert (made["paymentMethod"], made["displayStatus"]) == (paid["paymentMethod"], "succeeded")


async def test_a_decline_is_told_on_the_page_of_the_payment(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, make.APPROVED_ONCE, customer=await _customer(admin))
    fields = await _form(admin, f"{HERE}/new?customer={paid['customer']}")
    typed = markup.changed(fields, amount="5", paymentMethod=str(paid["paymentMethod"]))
    page = await admin.see(await admin.is_led_on(f"{HERE}/new", typed))
    assert "Failed" in page.one("h1").text
    assert "generic_decline" in page.text
    assert "The card was declined." in page.text


async def test_prices_make_a_cart_that_the_page_shows_by_name(admin: Person) -> None:
    product = await make.product(admin.shop.client, name="Coffee club")
    price = await make.price(admin.shop.client, product=product["id"], name="Large")
    fields = await _form(admin, f"{HERE}/new")
    typed = markup.changed(fields, item__1__price=str(price["id"]), item__1__quantity="3")
    address = await admin.is_led_on(f"{HERE}/new", typed)
    made = await _read(admin, address.rpartition("/")[2])
    assert made["amount"] == 6000
    assert made["cart"] == {"items": [{"price": price["id"], "quantity": 3, "amount": 2000, "type": "one_time"}]}
    assert "Coffee club · Large" in (await admin.see(address)).text


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({}, {"amount"}),
        ({"amount": "12.345"}, {"amount"}),
        ({"amount": "abc", "customer": "cus_nobody"}, {"amount"}),
        ({"amount": "0"}, {"amount"}),
        ({"amount": "10000000000000"}, {"amount"}),
        ({"amount": "12", "customer": "cus_nobody"}, {"customer"}),
        ({"amount": "12", "customer": "cus_nobody", "paymentMethod": "default"}, {"paymentMethod"}),
        ({"amount": "12.5", "currency": "jpy"}, {"amount"}),
        ({"amount": "12", "item__0__price": "PRICE"}, {"amount"}),
        ({"item__2__price": "PRICE", "item__2__quantity": "x"}, {"item.2.quantity"}),
        ({"item__2__price": "PRICE", "item__2__quantity": "0"}, {"item.2.quantity"}),
        ({"item__2__price": "PRICE", "currency": "eur"}, {"item.2.price"}),
        ({"item__0__price": "MONTHLY"}, {"customer"}),
    ],
)
async def test_what_is_wrong_with_a_new_payment_stands_at_its_field_and_nothing_typed_is_lost(
    typed: dict[str, str], wrong: set[str], admin: Person, database: Database
) -> None:
    ids = {"PRICE": str((await make.price(admin.shop.client))["id"])}
    ids["MONTHLY"] = str((await make.recurring_price(admin.shop.client))["id"])
    sent = markup.changed(
        await _form(admin, f"{HERE}/new"), **{name: ids.get(value, value) for name, value in typed.items()}
    )
    page = await admin.is_refused(f"{HERE}/new", sent)
    assert _wrong(page) == wrong
    shown = page.one("form", method="post", action=f"{HERE}/new").fields()
    assert shown == sent
    assert await database.read.count("select count(*) from payments") == 0


async def test_a_restricted_customer_is_told_in_the_form_and_can_be_charged_once_that_is_lifted(admin: Person) -> None:
    customer = await _customer(admin, restrictCit=True, restrictReason="Chargeback in May")
    sent = markup.changed(await _form(admin, f"{HERE}/new?customer={customer}"), amount="5")
    for _ in range(2):
        page = await admin.is_refused(f"{HERE}/new", sent, 409)
        assert "Chargeback in May" in _alert(page)
    await admin.shop.client.post(f"/customers/{customer}", json={"restrictCit": False})
    again = page.one("form", method="post", action=f"{HERE}/new").fields()
    await admin.is_led_on(f"{HERE}/new", again)


@pytest.mark.parametrize("value", ["", "short", "a" * 23, "a" * 21 + "é", "a" * 21 + "\n"])
async def test_a_form_without_a_value_of_its_own_does_nothing(value: str, admin: Person, database: Database) -> None:
    paid = await make.paid(admin.shop.client)
    at = f"{HERE}/{paid['id']}/refund"
    page = await admin.is_refused(at, {"amount": "1.00", "once": value})
    assert "Open it again" in page.text
    assert (await _read(admin, paid["id"]))["amountReversed"] == 0
    await admin.is_refused(f"{HERE}/new", {"amount": "1.00", "currency": "usd", "once": value})
    assert await database.read.count("select count(*) from payments") == 1


async def test_a_refund_is_of_what_is_left_and_is_made_once_however_often_the_form_is_sent(
    admin: Person, database: Database
) -> None:
    paid = await make.paid(admin.shop.client)
    at = f"{HERE}/{paid['id']}/refund"
    half = markup.changed(await _form(admin, at), amount="21.00")
    calls = await _calls(database)
    for _ in range(3):
        assert await admin.is_led_on(at, half) == f"{HERE}/{paid['id']}"
    assert (await _read(admin, paid["id"]))["amountReversed"] == 2100
    rest = await _form(admin, at)
    assert dict(rest)["amount"] == "21.00"
    for _ in range(2):
        await admin.is_led_on(at, rest)
    assert (await _read(admin, paid["id"]))["displayStatus"] == "reversed"
    assert await _calls(database) == calls + 2


async def test_a_form_that_was_sent_is_not_taken_with_something_else_in_it(admin: Person) -> None:
    paid = await make.paid(admin.shop.client)
    at = f"{HERE}/{paid['id']}/refund"
    fields = await _form(admin, at)
    await admin.is_led_on(at, markup.changed(fields, amount="1.00"))
    page = await admin.is_refused(at, markup.changed(fields, amount="2.00"), 422)
    assert "sent before" in _alert(page)
    assert (await _read(admin, paid["id"]))["amountReversed"] == 100


async def test_a_refund_made_elsewhere_is_recorded_and_moves_nothing(admin: Person, database: Database) -> None:
    paid = await make.paid(admin.shop.client)
    at = f"{HERE}/{paid['id']}/refund"
    calls = await _calls(database)
    await admin.is_led_on(at, [*markup.changed(await _form(admin, at), amount="2.00"), ("isExternal", "on")])
    assert await _calls(database) == calls
    assert "elsewhere" in (await admin.see(f"{HERE}/{paid['id']}")).text
    assert (await _read(admin, paid["id"]))["amountReversed"] == 200


@pytest.mark.parametrize("amount", ["", "0", "-1", "42.01", "1.001", "x", "1e2"])
async def test_an_amount_that_cannot_be_refunded_is_told_at_its_field(amount: str, admin: Person) -> None:
    paid = await make.paid(admin.shop.client)
    at = f"{HERE}/{paid['id']}/refund"
    page = await admin.is_refused(at, markup.changed(await _form(admin, at), amount=amount))
    assert _wrong(page) == {"amount"}
    assert page.one("input", name="amount").attributes["value"] == amount
    assert (await _read(admin, paid["id"]))["amountReversed"] == 0


async def test_a_part_is_captured_and_the_rest_released(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, paymentMethodOptions=MANUAL)
    at = f"{HERE}/{paid['id']}/capture"
    fields = await _form(admin, at)
    assert dict(fields)["amount"] == "42.00"
    assert _wrong(await admin.is_refused(at, markup.changed(fields, amount="42.01"))) == {"amount"}
    await admin.is_led_on(at, markup.changed(fields, amount="40.00"))
    made = await _read(admin, paid["id"])
    assert (made["amountCaptured"], made["displayStatus"]) == (4000, "succeeded")


async def test_an_authorization_is_cancelled_once_it_was_confirmed(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, paymentMethodOptions=MANUAL)
    at = f"{HERE}/{paid['id']}/cancel"
    assert "released" in (await admin.see(at)).text
    await admin.is_led_on(at, await _form(admin, at))
    assert (await _read(admin, paid["id"]))["status"] == "cancelled"
    assert "Release" in (await admin.see(f"{HERE}/{paid['id']}")).one("section", aria_labelledby="transactions").text


async def test_an_open_payment_is_charged_to_a_saved_method(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, customer=await _customer(admin))
    payment = await make.payment(admin.shop.client, customer=paid["customer"])
    at = f"{HERE}/{payment['id']}/charge"
    await admin.is_led_on(at, await _form(admin, at))
    assert (await _read(admin, payment["id"]))["paymentMethod"] == paid["paymentMethod"]


async def test_a_challenge_is_shown_with_the_page_where_the_payer_confirms(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, make.CHALLENGED)
    page = await admin.see(f"{HERE}/{paid['id']}")
    assert paid["action"]["redirectUrl"] in [each.attributes.get("href") for each in page.every("a")]
    assert _moves(page) == {"cancel"}


async def test_a_chargeback_is_recorded_with_restrictions(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, customer=await _customer(admin))
    at = f"{HERE}/{paid['id']}/chargeback"
    fields = markup.changed(await _form(admin, at), restrictReason="Bank")
    await admin.is_led_on(at, [*fields, ("restrictMit", "on")])
    customer = (await admin.shop.client.get(f"/customers/{paid['customer']}")).json()
    assert (customer["restrictCit"], customer["restrictMit"], customer["restrictReason"]) == (False, True, "Bank")
    assert (await _read(admin, paid["id"]))["displayStatus"] == "chargeback"
    page = await admin.is_refused(at, fields, 409)
    assert "recorded already" in _alert(page)


async def test_a_page_offers_what_the_state_and_the_role_permit(admin: Person, support_agent: Person) -> None:
    client = admin.shop.client
    customer = await _customer(admin)
    payments = {
        "without a method": (await make.payment(client, customer=await _customer(admin)), {"cancel"}),
        "captured": (await make.paid(client, customer=customer), {"refund", "chargeback"}),
        "authorized": (await make.paid(client, paymentMethodOptions=MANUAL), {"capture", "cancel"}),
        "with a method": (await make.payment(client, customer=customer), {"charge", "cancel"}),
        "failed": (await make.paid(client, make.DECLINED), {"cancel"}),
    }
    for name, (payment, expected) in payments.items():
        at = f"{HERE}/{payment['id']}"
        assert _moves(await admin.see(at)) == expected, name
        page = await support_agent.see(at)
        assert _moves(page) == set()
        assert not page.every("form", data_once="")
        assert not [each for each in page.every("a") if "/checkout/" in each.attributes["href"]]


async def test_a_form_that_comes_too_late_leads_to_the_page_or_says_why(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, paymentMethodOptions=MANUAL)
    at = f"{HERE}/{paid['id']}/capture"
    fields = await _form(admin, at)
    await admin.shop.client.post(f"/payments/{paid['id']}/cancel", json={})
    page = await admin.is_refused(at, fields, 409)
    assert "only an authorized one can be captured" in _alert(page)
    response = await admin.browser.get(at)
    assert (response.status_code, response.headers["location"]) == (303, f"{HERE}/{paid['id']}")


async def test_an_attempt_that_is_under_way_is_told(admin: Person, database: Database) -> None:
    paid = await make.paid(admin.shop.client)
    at = f"{HERE}/{paid['id']}/refund"
    fields = await _form(admin, at)
    await database.write.run(_UNDER_WAY, paid["id"])
    page = await admin.see(f"{HERE}/{paid['id']}")
    assert "has not answered yet" in page.one("p", role="status").text
    assert _moves(page) == set()
    assert "has not yet answered" in _alert(await admin.is_refused(at, fields, 409))


_UNDER_WAY = """
update payments set reconcile_at = now() + interval '1 minute', attempt =
    '{"kind": "capture", "transaction": "txn_1", "key": "txn_1", "amount": 1, "began_at": "2026-01-01T00:00:00.000Z"}'
where id = $1
"""


async def test_the_activity_tells_each_attempt_and_what_it_changed(admin: Person) -> None:
    paid = await make.paid(admin.shop.client, make.INSUFFICIENT)
    page = await admin.see(f"{HERE}/{paid['id']}")
    told = [each.text.partition(" key Test")[0] for each in page.one("ol", class_="timeline").every("li")]
    failed = "Authorization failed: The card has insufficient funds. display status Unattempted →became Failed"
    assert told == [failed, "Authorization begun", "Payment created"]


async def test_moments_and_amounts_in_the_activity_are_written_for_who_looks(admin: Person) -> None:
    later = {"captureMethod": "automaticDelayed", "captureDelay": 5}
    paid = await make.paid(admin.shop.client, paymentMethodOptions=later)
    await admin.shop.client.post(f"/payments/{paid['id']}/capture", json={})
    told = (await admin.see(f"{HERE}/{paid['id']}")).one("ol", class_="timeline")
    assert paid["captureAt"] in [each.attributes["datetime"] for each in told.every("time", data_show="moment")]
    assert [each.text for each in told.every("data", data_currency="usd")] == ["0.00 USD", "42.00 USD"]


async def test_the_metadata_of_a_payment_is_edited_as_a_customers(admin: Person) -> None:
    payment = await make.payment(admin.shop.client, metadata={"order": "1042", "shop": "A"})
    at = f"{HERE}/{payment['id']}"
    lines = [("wasKey", "order"), ("wasValue", "1042"), ("key", "order"), ("value", "00123")]
    await admin.is_led_on(f"{at}/metadata", lines)
    assert (await _read(admin, payment["id"]))["metadata"] == {"order": "00123", "shop": "A"}
    page = await admin.is_refused(f"{at}/metadata", [*lines[:2], ("key", "a[b]"), ("value", "x")])
    assert page.every("div", class_="invalid-feedback")
    asked = markup.read((await admin.send(f"{at}/metadata/clear", {})).text)
    await admin.is_led_on(f"{at}/metadata/clear", asked.one("form", action=f"{at}/metadata/clear").fields())
    assert (await _read(admin, payment["id"]))["metadata"] == {}


def _rows(page: Element) -> list[str]:
    return [
        row.one("a", class_="row-link").attributes["href"].rpartition("/")[2] for row in page.every("tr", data_row="")
    ]


async def test_amounts_are_asked_for_in_units_of_their_currency(admin: Person) -> None:
    client = admin.shop.client
    made = [
        str((await make.payment(client, amount=amount, currency=currency))["id"])
        for amount, currency in ((999, "usd"), (1000, "usd"), (1250, "usd"), (1251, "usd"), (1100, "eur"))
    ]
    form = {"filter": "amount", "unit": "usd", "from": "10", "to": "12.50"}
    response = await admin.browser.get(HERE, params=form)
    address = response.headers["location"]
    assert address == f"{HERE}?currency=usd&amount[gte]=1000&amount[lte]=1250"
    page = await admin.see(address)
    assert _rows(page) == [made[2], made[1]]
    chips = [each.text for each in page.every("button", class_="chip-text")]
    assert chips == ["Amount at least 10.00 USD", "Amount at most 12.50 USD"]
    panel = dict(page.one(id="filter-amount").one("form").fields())
    assert (panel["unit"], panel["from"], panel["to"]) == ("usd", "10.00", "12.50")
    assert "currency" not in panel
    refused = await admin.browser.get(HERE, params={**form, "from": "ten"})
    assert refused.status_code == 400
    assert "must be a number" in markup.read(refused.text).text


async def test_a_list_of_a_customers_payments_says_whose_they_are(admin: Person) -> None:
    customer = await _customer(admin, name="Jane Smith")
    paid = await make.paid(admin.shop.client, make.INSUFFICIENT, customer=customer)
    await make.paid(admin.shop.client)
    page = await admin.see(f"{HERE}?customer={customer}")
    assert _rows(page) == [paid["id"]]
    assert page.one("span", class_="chip").text == "Customer is Jane Smith"
    assert "Failed The card has insufficient funds." in page.text
    assert _rows(await admin.see(f"{HERE}?displayStatus=succeeded")) != [paid["id"]]
    assert "No payment matches" in (await admin.see(f"{HERE}?customer=cus_nobody")).text


async def test_a_customers_page_shows_the_newest_payments_and_their_true_number(admin: Person) -> None:
    customer = await _customer(admin)
    made = [str((await make.payment(admin.shop.client, customer=customer))["id"]) for _ in range(12)]
    await make.payment(admin.shop.client)
    page = await admin.see(f"{CUSTOMERS}/{customer}")
    assert _rows(page) == made[:1:-1]
    card = next(each for each in page.every("section") if each.every("h2") and each.every("h2")[0].text == "Payments")
    assert card.one("span", class_="count").text == "12"
    assert f"{HERE}?customer={customer}" in [each.attributes["href"] for each in card.every("a")]


async def test_a_card_that_cannot_be_read_leaves_the_rest_of_the_page(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await _customer(admin, name="Jane Smith")

    for error in (problems.UNAVAILABLE("too slow"), asyncpg.QueryCanceledError()):

        async def failing(*_: object, error: Exception = error) -> object:
            raise error

        monkeypatch.setattr(queries, "search", failing)
        page = await admin.see(f"{CUSTOMERS}/{customer}")
        assert page.one("h1").text == "Jane Smith"
        assert "could not be read" in page.one("p", role="alert").text
        assert "No saved payment methods yet." in page.text
    assert cards.CARD.title == "Payments"


async def test_methods_are_made_the_default_and_detached(admin: Person) -> None:
    client = admin.shop.client
    customer = await _customer(admin)
    first = (await make.paid(client, customer=customer))["paymentMethod"]
    second = (await make.paid(client, make.MASTERCARD, customer=customer))["paymentMethod"]
    at = f"/dashboard/payment-methods/{second}"
    assert await admin.is_led_on(f"{at}/default", {}) == f"{CUSTOMERS}/{customer}"
    lines = [each.text for each in (await admin.see(f"{CUSTOMERS}/{customer}")).one("ul", class_="methods").every("li")]
    assert [line.split()[0] for line in lines] == ["Mastercard", "Visa"]
    assert "Default" in lines[0]
    assert "Mastercard •••• 4444" in (await admin.see(f"{at}/detach")).one("h1").text
    await admin.is_led_on(f"{at}/detach", {})
    assert (await client.get(f"/payment-methods/{first}")).json()["isDefault"] is True
    page = await admin.is_refused(f"{at}/detach", {}, 409)
    assert "detached, for good" in _alert(page)


async def test_home_tells_the_revenue_by_currency_and_the_number_of_payments(admin: Person) -> None:
    client = admin.shop.client
    await client.post(f"/payments/{(await make.paid(client))['id']}/reverse", json={"amount": 200})
    await make.paid(client, amount=1000, currency="jpy")
    await make.paid(client, make.DECLINED)
    charged_back = await make.paid(client)
    await client.post(f"/payments/{charged_back['id']}/record-chargeback", json={})
    figures = [each.text for each in (await admin.see("/dashboard")).every("section", class_="card figure")]
    assert figures[0].startswith("Revenue 40.00 USD 1,000 JPY")
    assert figures[1].startswith("Payments 4 ")


async def test_a_payment_is_found_by_its_id(admin: Person) -> None:
    payment = await make.payment(admin.shop.client)
    page = await admin.see(f"/dashboard/find?q={payment['id']}")
    assert page.one(id="form").one("a").attributes["href"] == f"{HERE}/{payment['id']}"
    assert "Nothing found" in (await admin.see("/dashboard/find?q=pay_nothing")).text
