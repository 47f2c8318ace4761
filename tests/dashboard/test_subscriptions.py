"""Subscriptions in the Dashboard, and the test clock, as a browser sends their forms."""

from datetime import timedelta
from urllib.parse import unquote

import pytest

from odus.kit.db import Database
from odus.kit.times import Moment
from tests import make
from tests.dashboard import markup
from tests.dashboard.markup import Element, Fields
from tests.dashboard.people import Person

HERE = "/dashboard/subscriptions"
SETTINGS = "/dashboard/settings"
CLOCK = f"{SETTINGS}/test-clock"


async def _read(person: Person, subscription_id: object) -> dict[str, object]:
    """Return a subscription as the API has it now."""
    return (await person.shop.client.get(f"/subscriptions/{subscription_id}")).json()


async def _form(person: Person, at: str) -> Fields:
    """Return what a form holds when it is opened."""
    return (await person.see(at)).one("form", method="post", action=at.partition("?")[0]).fields()


def _alert(page: Element) -> str:
    return page.one("div", role="alert").text


def _moves(page: Element) -> set[str]:
    return {each.attributes["href"].rpartition("/")[2] for each in page.every("a", data_dialog="")}


async def _now(person: Person) -> Moment:
    """Return what the clock shows; a key may show for a second what it showed before."""
    shown = (await person.see(SETTINGS)).one("section", aria_labelledby="test-clock")
    return Moment.parse(shown.one("time").attributes["datetime"])


async def _advance(person: Person, days: int) -> None:
    """Put the clock ahead by its form."""
    to = (await _now(person) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")
    assert await person.is_led_on(CLOCK, markup.changed(await _form(person, CLOCK), to=to)) == SETTINGS


async def _events(person: Person, resource: object) -> int:
    answer = await person.shop.client.get("/events", params={"resource": str(resource)})
    return answer.json()["pagination"]["itemCount"]


async def test_a_subscription_is_cancelled_with_its_period_once_however_often_the_form_is_sent(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    at = f"{HERE}/{made['id']}/cancel"
    fields = await _form(admin, at)
    assert "cancelImmediately" not in dict(fields)
    for _ in range(3):
        assert await admin.is_led_on(at, fields) == f"{HERE}/{made['id']}"
    after = await _read(admin, made["id"])
    assert (after["status"], after["cancelAtPeriodEnd"], after["nextChargeAt"]) == ("active", True, None)
    assert await _events(admin, made["id"]) == 2
    page = await admin.see(f"{HERE}/{made['id']}")
    assert "Cancels on" in page.one("h1").text
    assert _moves(page) >= {"cancel", "card", "resume"}


async def test_a_form_that_was_sent_before_does_not_undo_what_came_after_it(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    at = f"{HERE}/{made['id']}"
    cancel = await _form(admin, f"{at}/cancel")
    await admin.is_led_on(f"{at}/cancel", cancel)
    resume = await _form(admin, f"{at}/resume")
    await admin.is_led_on(f"{at}/resume", resume)
    await admin.is_led_on(f"{at}/cancel", cancel)
    assert (await _read(admin, made["id"]))["cancelAtPeriodEnd"] is False
    await admin.is_led_on(f"{at}/cancel", await _form(admin, f"{at}/cancel"))
    await admin.is_led_on(f"{at}/resume", resume)
    assert (await _read(admin, made["id"]))["cancelAtPeriodEnd"] is True


async def test_one_that_ends_with_its_period_can_still_be_cancelled_now(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    await admin.shop.client.post(f"/subscriptions/{made['id']}/cancel", json={})
    at = f"{HERE}/{made['id']}/cancel"
    fields = await _form(admin, at)
    assert dict(fields)["cancelImmediately"] == "on"
    page = await admin.is_refused(at, [each for each in fields if each[0] != "cancelImmediately"])
    assert [each.attributes["name"] for each in page.every(aria_invalid="true")] == ["cancelImmediately"]
    await admin.is_led_on(at, fields)
    assert (await _read(admin, made["id"]))["status"] == "cancelled"
    page = await admin.see(f"{HERE}/{made['id']}")
    assert "Cancelled" in page.one("h1").text
    assert not _moves(page) & {"cancel", "card", "resume"}
    for move in ("cancel", "card", "resume"):
        assert (await admin.browser.get(f"{HERE}/{made['id']}/{move}")).headers["location"] == f"{HERE}/{made['id']}"


async def test_a_form_that_comes_too_late_says_why(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    await admin.shop.client.post(f"/subscriptions/{made['id']}/cancel", json={})
    at = f"{HERE}/{made['id']}/resume"
    fields = await _form(admin, at)
    await admin.shop.client.post(f"/subscriptions/{made['id']}/cancel", json={"cancelImmediately": True})
    before = await _read(admin, made["id"])
    assert "for good" in _alert(await admin.is_refused(at, fields, 409))
    assert await _read(admin, made["id"]) == before


async def test_the_card_is_changed_to_another_of_the_customers_only(admin: Person) -> None:
    client = admin.shop.client
    made = await make.subscription(client)
    other = await make.paid(client, make.MASTERCARD, customer=made["customer"])
    at = f"{HERE}/{made['id']}/card"
    page = await admin.see(at)
    assert len(page.one("select", name="paymentMethod").every("option")) == 2
    fields = page.one("form", method="post", action=at).fields()
    assert dict(fields)["paymentMethod"] == made["paymentMethod"]
    foreign = await make.paid(client, customer=(await make.customer(client))["id"])
    for unknown in (foreign["paymentMethod"], "pm_nobody", ""):
        page = await admin.is_refused(at, markup.changed(fields, paymentMethod=str(unknown)))
        assert page.one("select", name="paymentMethod").attributes["aria-invalid"] == "true"
    assert (await _read(admin, made["id"]))["paymentMethod"] == made["paymentMethod"]
    for _ in range(2):
        await admin.is_led_on(at, markup.changed(fields, paymentMethod=str(other["paymentMethod"])))
    assert (await _read(admin, made["id"]))["paymentMethod"] == other["paymentMethod"]


async def test_a_declined_subscription_is_retried_stopped_and_resumed_with_another_card(admin: Person) -> None:
    client = admin.shop.client
    made = await make.subscription(client, make.APPROVED_ONCE)
    at = f"{HERE}/{made['id']}"
    await _advance(admin, 33)
    page = await admin.see(at)
    assert "Retrying" in page.one("h1").text
    assert "tried again" in page.one("p", class_="notice wait").text
    assert "Declined: generic_decline." in page.one("p", class_="notice wait").text
    await _advance(admin, 10)
    page = await admin.see(at)
    assert "Stopped" in page.one("h1").text
    assert "not tried again" in page.one("p", class_="notice bad").text
    other = await make.paid(client, customer=made["customer"])
    card = markup.changed(await _form(admin, f"{at}/card"), paymentMethod=str(other["paymentMethod"]))
    await admin.is_led_on(f"{at}/card", card)
    await admin.is_led_on(f"{at}/resume", await _form(admin, f"{at}/resume"))
    await _advance(admin, 1)
    assert (await _read(admin, made["id"]))["currentCycle"] == 2
    assert "Active" in (await admin.see(at)).one("h1").text


async def test_the_page_shows_its_payments_and_leads_to_all_of_them(admin: Person) -> None:
    made = await make.subscription(admin.shop.client, quantity=3)
    await _advance(admin, 400)
    page = await admin.see(f"{HERE}/{made['id']}")
    assert page.one("section", aria_labelledby="payments").one("span", class_="count").text == "14"
    assert len(page.every("a", class_="row-link")) == 10
    (every,) = [each.attributes["href"] for each in page.every("a") if each.text == "View all" and "payments?" in
                each.attributes["href"]]  # fmt: skip
    assert len((await admin.see(every)).every("a", class_="row-link")) == 14
    assert page.one("h1").text.startswith("Coffee club · Standard")
    assert page.one("dl", class_="facts").text.partition("Quantity ")[2].startswith("3 Next charge 60.00 USD")
    first = await admin.see(f"/dashboard/payments/{made['payment']}")
    assert f"{HERE}/{made['id']}" in [each.attributes["href"] for each in first.every("a", class_="mono")]
    assert "Recurring" in first.one("section", aria_labelledby="items").text


async def test_one_whose_customer_is_restricted_says_so_and_of_no_decline(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    body = {"restrictMit": True, "restrictReason": "Chargeback"}
    await admin.shop.client.post(f"/customers/{made['customer']}", json=body)
    await _advance(admin, 33)
    page = await admin.see(f"{HERE}/{made['id']}")
    told = page.one("p", class_="notice bad").text
    assert "could not be charged, and is not tried again" in told
    assert ": Chargeback." in told
    assert "eclined" not in page.text


async def test_several_that_were_born_of_one_payment_and_that_lead_to_each_other(admin: Person) -> None:
    client = admin.shop.client
    prices = [(await make.recurring_price(client))["id"] for _ in range(2)]
    cart = {"items": [{"price": each} for each in prices]}
    paid = await make.paid(client, customer=(await make.customer(client))["id"], cart=cart)
    made = (await client.get("/subscriptions")).json()["data"]
    page = await admin.see(f"/dashboard/payments/{paid['id']}")
    links = [each.attributes["href"] for each in page.every("a", class_="mono")]
    for each in made:
        assert f"{HERE}/{each['id']}" in links
        its = await admin.see(f"{HERE}/{each['id']}")
        assert its.one("section", aria_labelledby="payments").one("span", class_="count").text == "1"
        assert [row.attributes["href"] for row in its.every("a", class_="row-link")] == [
            f"/dashboard/payments/{paid['id']}"
        ]


async def test_the_customers_page_shows_the_first_ten_and_how_many_there_are(admin: Person) -> None:
    client = admin.shop.client
    customer, price = (await make.customer(client))["id"], (await make.recurring_price(client))["id"]
    for _ in range(11):
        await make.subscription(client, customer=customer, price=price)
    page = await admin.see(f"/dashboard/customers/{customer}")
    card = page.one("section", aria_labelledby="card-1")
    assert card.one("h2").text == "Subscriptions"
    assert card.one("span", class_="count").text == "11"
    assert len(card.every("a", class_="row-link")) == 10
    everything = await admin.see(f"{HERE}?customer={customer}")
    assert len(everything.every("a", class_="row-link")) == 11


async def test_only_changed_keys_of_the_metadata_are_written(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    at = f"{HERE}/{made['id']}"
    await admin.shop.client.post(f"/subscriptions/{made['id']}", json={"metadata": {"a": "1", "b": "2"}})
    fields = (await admin.see(at)).one("form", method="post", action=f"{at}/metadata").fields()
    await admin.shop.client.post(f"/subscriptions/{made['id']}", json={"metadata": {"c": "3"}})
    changed = [(name, "9" if (name, text) == ("value", "1") else text) for name, text in fields]
    assert await admin.is_led_on(f"{at}/metadata", changed) == at
    assert (await _read(admin, made["id"]))["metadata"] == {"a": "9", "b": "2", "c": "3"}
    page = await admin.see(at)
    assert "a" in [each.text for each in page.one("ol", class_="timeline").every("b")]


async def test_the_list_tells_plans_and_customers_and_names_them_in_its_filters(admin: Person) -> None:
    client = admin.shop.client
    customer = (await make.customer(client, name="Jane Smith"))["id"]
    made = await make.subscription(client, customer=customer)
    await make.subscription(client)
    page = await admin.see(f"{HERE}?customer={customer}&price={made['price']}")
    assert [each.text for each in page.every("a", class_="row-link")] == ["Coffee club · Standard"]
    chips = page.one("div", role="group").text
    assert "Jane Smith" in chips
    assert "Coffee club · Standard" in chips


async def test_the_form_of_a_subscription_offers_recurring_prices_only_and_makes_one(admin: Person) -> None:
    client = admin.shop.client
    paid = await make.paid(client, customer=(await make.customer(client))["id"])
    await make.price(client)
    monthly = str((await make.recurring_price(client))["id"])
    at = "/dashboard/payments/new?type=recurring"
    page = await admin.see(f"{at}&customer={paid['customer']}")
    values = [each.attributes["value"] for each in page.one("select", name="item.0.price").every("option")]
    assert values == ["", monthly]
    fields = page.one("form", method="post", action=at).fields()
    refused = await admin.is_refused(at, fields)
    assert refused.one("form", method="post", action=at).fields() == fields
    typed = markup.changed(fields, item__0__price=monthly, paymentMethod=str(paid["paymentMethod"]))
    addresses = {await admin.is_led_on(at, typed) for _ in range(2)}
    assert len(addresses) == 1
    listed = (await client.get("/subscriptions", params={"customer": str(paid["customer"])})).json()
    assert listed["pagination"]["itemCount"] == 1


async def test_home_tells_what_active_subscriptions_bring_in_a_month(admin: Person, support_agent: Person) -> None:
    client = admin.shop.client
    prices = [await _price(admin, amount, unit, value) for amount, unit, value in
              [(1200, "month", 1), (2400, "year", 1), (700, "week", 1), (300, "day", 30), (4, "hour", 2)]]  # fmt: skip
    for price in prices:
        await make.subscription(client, price=price, quantity=2)
    ending = await make.subscription(client, price=prices[0])
    await client.post(f"/subscriptions/{ending['id']}/cancel", json={})
    gone = await make.subscription(client, price=prices[0])
    await client.post(f"/subscriptions/{gone['id']}/cancel", json={"cancelImmediately": True})
    month = 365.25 / 12
    expected = round(2 * (1200 + 200 + 700 * month / 7 + 300 * month / 30 + 4 * month * 12))
    for person in (admin, support_agent):
        figures = {each.one("h2").text: each for each in (await person.see("/dashboard")).every("section")}
        shown = figures["Monthly recurring revenue"].one("data").attributes["value"]
        assert shown == f"{expected / 100:.2f}"
        assert figures["Active subscriptions"].one("a").text == "6"


async def _price(person: Person, amount: int, unit: str, value: int) -> object:
    step = {"position": 1, "amount": amount, "intervalUnit": unit, "intervalValue": value}
    schedule = {"cycleDefinitions": [step]}
    return (await make.recurring_price(person.shop.client, billingSchedule=schedule))["id"]


@pytest.mark.parametrize("to", ["", "tomorrow", "2020-01-01T00:00", "9999-12-31T23:59", "2027-13-01T00:00"])
async def test_a_moment_that_cannot_be_is_told_at_its_field(to: str, admin: Person) -> None:
    before = await _now(admin)
    page = await admin.is_refused(CLOCK, markup.changed(await _form(admin, CLOCK), to=to))
    field = page.one("input", name="to")
    assert (field.attributes["aria-invalid"], field.attributes["value"]) == ("true", to)
    assert await _now(admin) - before < timedelta(minutes=1)


async def test_the_clock_is_put_ahead_once_and_every_page_tells_what_it_shows(
    admin: Person, support_agent: Person
) -> None:
    fields = markup.changed(await _form(admin, CLOCK), to="2060-05-03T14:02")
    for _ in range(2):
        assert await admin.is_led_on(CLOCK, fields) == SETTINGS
    assert str(await _now(admin)).startswith("2060-05-03T14:02")
    for person in (admin, support_agent):
        assert "3 May 2060, 14:02 UTC" in (await person.see("/dashboard")).one("aside", class_="test-mode").text


async def test_home_and_the_presets_of_lists_go_by_the_test_clock(admin: Person) -> None:
    await make.subscription(admin.shop.client)
    await _advance(admin, 366)
    since = (await _now(admin) - timedelta(days=27)).date()
    figures = {each.one("h2").text: each for each in (await admin.see("/dashboard")).every("section")}
    link = figures["Payments"].one("a")
    assert (link.text, link.attributes["href"]) == ("1", f"/dashboard/payments?createdAt[gte]={since}")
    assert figures["Revenue"].one("data").attributes["value"] == "20.00"
    (today,) = [each.attributes["href"] for each in (await admin.see(HERE)).every("a") if each.text == "Today"][-1:]
    assert unquote(today).endswith(f"createdAt[gte]={(await _now(admin)).date()}")


async def test_a_live_merchant_has_no_clock_to_be_put_ahead(admin: Person, database: Database) -> None:
    fields = await _form(admin, CLOCK)
    await database.write.run("update merchants set environment = 'live' where id = $1", admin.shop.merchant_id)
    assert not (await admin.see(SETTINGS)).every(id="test-clock")
    for page in (await admin.see(CLOCK, 403), await admin.is_refused(CLOCK, fields, 403)):
        assert "live merchant" in page.text


async def test_a_subscription_is_found_by_its_id(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    page = await admin.see(f"/dashboard/find?q={made['id']}")
    links = [each.attributes["href"] for each in page.one("div", id="form").one("ul", class_="results").every("a")]
    assert links == [f"{HERE}/{made['id']}"]


async def test_payment_methods_beyond_the_first_ten_are_all_listed(admin: Person) -> None:
    client = admin.shop.client
    customer = (await make.customer(client, name="Jane Smith"))["id"]
    for month in range(1, 12):
        payment = await make.payment(client, customer=customer)
        await client.post(f"/payments/{payment['id']}/authorize", json={"card": make.card(expMonth=f"{month:02}")})
    page = await admin.see(f"/dashboard/payment-methods?customer={customer}&isDefault=true")
    assert [each.text for each in page.every("a", class_="row-link")] == ["Jane Smith"]
    methods = (await client.get("/payment-methods", params={"customer": str(customer)})).json()["data"]
    assert f"/dashboard/payment-methods/{methods[0]['id']}/json" in [
        each.attributes["href"] for each in page.every("a")
    ]
