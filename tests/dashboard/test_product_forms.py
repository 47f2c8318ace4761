"""Making and changing products and prices through forms, as a browser sends them."""

from typing import get_args

import pytest

from odus.kit.db import Database
from odus.products import words
from odus.products.model import IntervalUnit
from tests import make
from tests.dashboard import markup
from tests.dashboard.markup import Element, Fields
from tests.dashboard.people import Person

PRODUCTS = "/dashboard/products"
PRICES = "/dashboard/prices"


def _form(page: Element, action: str) -> Fields:
    return page.one("form", method="post", action=action).fields()


async def _read(person: Person, path: str) -> dict[str, object]:
    return (await person.shop.client.get(path)).json()


async def _wrong(page: Element) -> set[str]:
    return {each.attributes["name"] for each in page if each.attributes.get("aria-invalid") == "true"}


async def test_a_product_is_made_of_what_was_typed(admin: Person) -> None:
    fields = _form(await admin.see(f"{PRODUCTS}/new"), f"{PRODUCTS}/new")
    typed = markup.changed(fields, name="Coffee club", description="Beans\neach month", statementDescriptor="COFFEE")
    address = await admin.is_led_on(f"{PRODUCTS}/new", typed)
    made = await _read(admin, f"/products/{address.rpartition('/')[2]}")
    assert made["description"] == "Beans\neach month"
    assert made["statementDescriptor"] == "COFFEE"
    assert (await admin.see(address)).one("h1").text == "Coffee club Active"


async def test_a_form_that_is_sent_twice_makes_one_product_and_one_price(admin: Person) -> None:
    fields = markup.changed(_form(await admin.see(f"{PRODUCTS}/new"), f"{PRODUCTS}/new"), name="Coffee club")
    product = await admin.is_led_on(f"{PRODUCTS}/new", fields)
    assert await admin.is_led_on(f"{PRODUCTS}/new", fields) == product
    page = await admin.is_refused(f"{PRODUCTS}/new", markup.changed(fields, name="Tea club"), 422)
    assert "This form has made a product already" in page.text
    assert await admin.is_led_on(f"{PRODUCTS}/new", _form(page, f"{PRODUCTS}/new")) != product
    at = f"{product}/prices/new"
    fields = markup.changed(_form(await admin.see(at), at), name="Once", amount="5")
    for _ in range(2):
        assert await admin.is_led_on(at, fields) == product
    page = await admin.is_refused(at, markup.changed(fields, amount="6"), 422)
    assert "This form has made a price already" in page.text
    counts = [(await _read(admin, path))["pagination"] for path in ("/products", "/prices")]
    assert [each["itemCount"] for each in counts] == [2, 1]


async def test_what_is_wrong_with_a_product_stands_at_its_field_and_nothing_typed_is_lost(admin: Person) -> None:
    fields = _form(await admin.see(f"{PRODUCTS}/new"), f"{PRODUCTS}/new")
    typed = markup.changed(fields, description="x" * 1001, statementDescriptor="<b>")
    page = await admin.is_refused(f"{PRODUCTS}/new", typed)
    assert _form(page, f"{PRODUCTS}/new") == typed
    assert await _wrong(page) == {"name", "description", "statementDescriptor"}


@pytest.mark.parametrize("text", ["Tea\nclub", " Tea ", "\nTea", "<b> &amp;", "😀"], ids=ascii)
async def test_a_product_saved_as_it_was_shown_is_not_changed(text: str, admin: Person) -> None:
    product = await make.product(admin.shop.client, name=text, description=text)
    at = f"{PRODUCTS}/{product['id']}/edit"
    await admin.is_led_on(at, _form(await admin.see(at), at))
    assert await _read(admin, f"/products/{product['id']}") == product


async def test_what_someone_else_changed_meanwhile_is_shown_and_not_overwritten_unseen(admin: Person) -> None:
    product = await make.product(admin.shop.client, description="Old")
    at = f"{PRODUCTS}/{product['id']}/edit"
    fields = _form(await admin.see(at), at)
    await admin.shop.client.post(f"/products/{product['id']}", json={"description": "Theirs"})
    page = await admin.is_refused(at, markup.changed(fields, description="Mine"), 409)
    assert (await _read(admin, f"/products/{product['id']}"))["description"] == "Theirs"
    assert "to Theirs." in page.one("p", class_="theirs").text
    await admin.is_led_on(at, _form(page, at))
    assert (await _read(admin, f"/products/{product['id']}"))["description"] == "Mine"


@pytest.mark.parametrize("place", ["products", "prices"])
async def test_an_archived_one_is_restored(place: str, admin: Person) -> None:
    make_one = make.product if place == "products" else make.price
    made = await make_one(admin.shop.client)
    here = f"/dashboard/{place}/{made['id']}"
    for is_active in (False, True):
        await admin.is_led_on(f"{here}/active", _form(await admin.see(here), f"{here}/active"))
        assert (await _read(admin, f"/{place}/{made['id']}"))["active"] is is_active


class _NewPrice:
    """The form of a new price, as it was opened."""

    def __init__(self, person: Person, product_id: object, fields: Fields) -> None:
        self.person = person
        self.at = f"{PRODUCTS}/{product_id}/prices/new"
        self.fields = fields

    @classmethod
    async def open(cls, person: Person) -> "_NewPrice":
        product = await make.product(person.shop.client)
        at = f"{PRODUCTS}/{product['id']}/prices/new"
        return cls(person, product["id"], _form(await person.see(at), at))

    async def save(self, **typed: str) -> dict[str, object]:
        await self.person.is_led_on(self.at, markup.changed(self.fields, name="Price", **typed))
        return (await self.person.shop.client.get("/prices")).json()["data"][0]

    async def is_refused(self, **typed: str) -> set[str]:
        """Return the fields that are wrong."""
        sent = markup.changed(self.fields, **typed)
        page = await self.person.is_refused(self.at, sent)
        assert _form(page, self.at) == sent
        assert (await self.person.shop.client.get("/prices")).json()["data"] == []
        return await _wrong(page)


async def test_an_amount_is_typed_in_the_units_that_people_use(admin: Person) -> None:
    price = await (await _NewPrice.open(admin)).save(amount="1,234.50", currency="eur")
    assert (price["type"], price["amount"], price["currency"]) == ("one_time", 123_450, "eur")


async def test_cycles_are_the_lines_that_were_filled_in_their_order(admin: Person) -> None:
    price = await (await _NewPrice.open(admin)).save(
        type="recurring", amount="5", cycle__0__amount="0", cycle__2__amount="20", cycle__2__every="3"
    )
    assert price["amount"] == 500
    assert price["billingSchedule"] == {
        "cycleDefinitions": [
            {"position": 1, "amount": 0, "intervalUnit": "month", "intervalValue": 1},
            {"position": 2, "amount": 2000, "intervalUnit": "month", "intervalValue": 3},
        ]
    }


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"name": "", "amount": "x"}, {"name", "amount"}),
        ({}, {"amount"}),
        ({"amount": "12.505"}, {"amount"}),
        ({"amount": "12.50", "currency": "jpy"}, {"amount"}),
        ({"amount": "twelve", "cycle__1__amount": "x"}, {"amount", "cycle.1.amount"}),
        ({"amount": "0"}, {"amount"}),
        ({"type": "recurring"}, {"cycle.0.amount"}),
        ({"amount": "1", "cycle__0__amount": "1"}, {"cycle.0.amount"}),
        ({"type": "recurring", "cycle__1__every": "2"}, {"cycle.1.amount"}),
        ({"type": "recurring", "cycle__1__amount": "2", "cycle__1__every": "x"}, {"cycle.1.every"}),
        ({"type": "recurring", "cycle__3__amount": "2", "cycle__3__every": "61"}, {"cycle.3.every"}),
    ],
)
async def test_what_is_wrong_with_a_price_stands_at_its_field(
    typed: dict[str, str], wrong: set[str], admin: Person
) -> None:
    assert await (await _NewPrice.open(admin)).is_refused(**{"name": "Price", **typed}) == wrong


async def test_an_archived_product_takes_no_price(admin: Person) -> None:
    form = await _NewPrice.open(admin)
    await admin.shop.client.post(f"/products/{form.at.split('/')[3]}", json={"active": False})
    page = await admin.is_refused(form.at, markup.changed(form.fields, name="Price", amount="1"), 409)
    assert "not active" in page.one(role="alert").text


async def test_a_price_is_renamed_and_what_it_costs_has_no_field(admin: Person) -> None:
    price = await make.recurring_price(admin.shop.client)
    at = f"{PRICES}/{price['id']}/edit"
    fields = _form(await admin.see(at), at)
    assert {name for name, _ in fields} == {"name", "was.name", "version"}
    await admin.is_led_on(at, markup.changed(fields, name="Old"))
    assert (await _read(admin, f"/prices/{price['id']}"))["name"] == "Old"


async def test_a_price_is_told_in_words(admin: Person) -> None:
    product = await make.product(admin.shop.client)
    await make.recurring_price(admin.shop.client, 1000, 2000, product=product["id"], amount=500)
    await make.price(admin.shop.client, product=product["id"], amount=1250, currency="jpy")
    for path in (f"{PRODUCTS}/{product['id']}", PRICES):
        told = (await admin.see(path)).text
        assert "5.00 USD once, then 10.00 USD for 1 month, then 20.00 USD every month" in told
        assert "1,250 JPY once" in told
    (amount,) = (await admin.see(PRICES)).every("data", data_currency="jpy")
    assert (amount.attributes["value"], amount.attributes["data-digits"]) == ("1250", "0")


async def test_a_filter_of_an_amount_is_told_in_the_words_of_amounts(admin: Person) -> None:
    await make.price(admin.shop.client, amount=1250)
    for operator, said in {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}.items():
        page = await admin.see(f"{PRICES}?amount[{operator}]=1250")
        assert f"Amount {said} 1250" in [each.text for each in page.every("span", class_="chip-text")]


async def test_the_state_is_chosen_and_told_by_its_name(admin: Person) -> None:
    await make.product(admin.shop.client)
    page = await admin.see(f"{PRODUCTS}?active[eq]=true")
    assert "State is Active" in [each.text for each in page.every("button", class_="chip-text")]
    (form,) = [each for each in page.every("form", class_="filter-form") if ("filter", "active") in each.fields()]
    assert ("value", "true") in form.fields()


async def test_a_support_agent_sees_no_products(support_agent: Person, database: Database) -> None:
    assert database
    links = {each.attributes["href"] for each in (await support_agent.see("/dashboard")).every("a")}
    assert not links & {PRODUCTS, PRICES}
    await support_agent.see(PRODUCTS, 403)
    await support_agent.see(PRICES, 403)


def test_every_interval_is_told_in_the_singular_and_the_plural() -> None:
    for unit in get_args(IntervalUnit):
        assert (words.every(unit, 1), words.every(unit, 2000)) == (f"every {unit}", f"every 2,000 {unit}s")
        assert (words.during(unit, 1), words.during(unit, 2)) == (f"for 1 {unit}", f"for 2 {unit}s")
