"""The list of customers: its address is its whole state, in the API's own grammar."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings

from tests import make
from tests.customers import list_strategies
from tests.customers.list_model import Query
from tests.dashboard import markup
from tests.dashboard.markup import Element
from tests.dashboard.people import Person

HERE = "/dashboard/customers"


async def _fill(person: Person, count: int = 45) -> None:
    for number in range(count):
        await make.customer(
            person.shop.client,
            email=f"c{number:02}@example.com",
            name=f"Customer {number % 7}",
            metadata={"tier": ["gold", "silver"][number % 2], "00123": " x "},
        )


def _rows(page: Element) -> list[str]:
    return [
        row.one("a", class_="row-link").attributes["href"].rpartition("/")[2] for row in page.every("tr", data_row="")
    ]


def _curl(page: Element) -> str:
    """Return the query of the command that is copied."""
    (button,) = [each for each in page.every("button") if each.text == "Copy as cURL"]
    match = re.fullmatch(
        r"curl -g 'https://odus\.test(/customers\?[^']*)' -H 'Authorization: Bearer skey_…'",
        button.attributes["data-copy"],
    )
    assert match
    return match[1]


async def _assert_same(person: Person, query: str) -> None:
    """Hold that the page shows what the API answers, and that its command asks for the same."""
    page = await person.see(f"{HERE}?{query}")
    named = parse_qs(query, keep_blank_values=True)
    full = "&".join([query, *(f"{name}={value}" for name, value in DEFAULTS if name not in named)])
    answer = (await person.shop.client.get(f"/customers?{full}")).json()
    assert _rows(page) == [customer["id"] for customer in answer["data"]]
    told = page.one(role="status", class_="muted").text
    assert told.split()[0] == f"{answer['pagination']['itemCount']:,}"
    assert (await person.shop.client.get(_curl(page))).json() == answer


DEFAULTS = (("sortDirection", "desc"), ("pageSize", "20"))
QUERIES = (
    *("", "page=2", "page=3", "page=9", "pageSize=50", "pageSize=3&page=4", "pageSize=0", "page=x", "sortBy=name"),
    *("sortBy=email&sortDirection=asc", "email=c01@example.com", "email[like]=C0", "name[contains]=Customer%203"),
    *("metadata[tier]=gold", "metadata[tier][ne]=gold", "metadata[00123][eq]=%20x%20", "metadata[none][exists]=false"),
    *("createdAt[gte]=2020-01-01&createdAt[lte]=2020-01-02", "email[in][]=c01@example.com&email[in][]=c02@example.com"),
    *("email[nin]=c01@example.com,c02@example.com", "phoneNumber[exists]=false&name[like]=5", "id[like]=cus_&page=2"),
)


async def test_the_address_of_a_list_is_the_api_s_own(admin: Person) -> None:
    await _fill(admin)
    for query in QUERIES:
        await _assert_same(admin, query)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=list_strategies.queries(("cus_000000000000000000000000000",)))
async def test_any_query_shows_what_the_api_answers(query: Query, admin: Person) -> None:
    await _assert_same(admin, urlencode(query.parameters))


async def test_filters_in_force_are_told_in_words_and_can_be_taken_away(admin: Person) -> None:
    await _fill(admin, 3)
    kept = "sortBy=email&pageSize=50"
    page = await admin.see(f"{HERE}?email[like]=c0&metadata[tier][ne]=gold&phoneNumber[exists]=false&page=2&{kept}")
    chips = [each.one(class_="chip-text").text for each in page.every("span", class_="chip")]
    assert chips == ["Email contains c0", "tier is not gold", "Phone number is not set"]
    removes = [each.attributes["href"] for each in page.every("a", class_="chip-remove")]
    assert removes[0] == f"{HERE}?metadata[tier][ne]=gold&phoneNumber[exists]=false&{kept}"
    assert page.one("a", class_="clear").attributes["href"] == f"{HERE}?{kept}"


async def test_headings_sort_and_say_how_it_is_sorted(admin: Person) -> None:
    await _fill(admin, 2)
    page = await admin.see(f"{HERE}?email[like]=c&page=1")
    sorts = {each.text.split()[0]: each for each in page.every("th") if "aria-sort" in each.attributes}
    assert {name: each.attributes["aria-sort"] for name, each in sorts.items()} == {
        "Customer": "none", "Email": "none", "Created": "descending"
    }  # fmt: skip
    assert sorts["Email"].one("a").attributes["href"] == f"{HERE}?email[like]=c&sortBy=email&sortDirection=asc"
    page = await admin.see(sorts["Created"].one("a").attributes["href"])
    assert [each.attributes["aria-sort"] for each in page.every("th") if "aria-sort" in each.attributes][
        -1
    ] == "ascending"


async def test_pages_and_sizes_are_links(admin: Person) -> None:
    await _fill(admin)
    page = await admin.see(f"{HERE}?name[like]=customer&page=2")
    assert "21\u201340 of 45" in page.one(class_="foot").text
    links = {
        each.attributes["aria-label"]: each.attributes["href"] for each in page.one("nav", class_="pages").every("a")
    }
    assert links == {
        "First page": f"{HERE}?name[like]=customer",
        "Previous page": f"{HERE}?name[like]=customer",
        "Next page": f"{HERE}?name[like]=customer&page=3",
        "Last page": f"{HERE}?name[like]=customer&page=3",
    }
    sizes = {each.text: each for each in page.one(class_="sizes").every("a")}
    assert sizes["50"].attributes["href"] == f"{HERE}?name[like]=customer&pageSize=50"
    assert [size for size, each in sizes.items() if "aria-current" in each.attributes] == ["20"]
    last = await admin.see(links["Last page"])
    assert {each.attributes["aria-label"] for each in last.one("nav", class_="pages").every("a")} == {
        "First page", "Previous page"
    }  # fmt: skip


TYPED = (
    ("filter=email&operator=like&value=jane", "email[like]=jane"),
    ("filter=email&operator=eq&value=", ""),
    ("email[eq]=x&page=3&pageSize=50&filter=name&operator=like&value=J%26%3D%20%C3%BC", None),
    ("filter=createdAt&from=2026-01-01&to=", "createdAt[gte]=2026-01-01"),
    ("filter=createdAt&from=2026-01-01&to=2026-02-01", "createdAt[gte]=2026-01-01&createdAt[lte]=2026-02-01"),
    ("filter=metadata&key=tier&operator=ne&value=gold", "metadata[tier][ne]=gold"),
    ("filter=metadata&key=tier&operator=set&value=", "metadata[tier][exists]=true"),
    ("filter=metadata&key=tier&operator=unset&value=x", "metadata[tier][exists]=false"),
    ("filter=metadata&key=&operator=eq&value=gold", ""),
)


@pytest.mark.parametrize(("typed", "meant"), TYPED, ids=[typed for typed, _ in TYPED])
async def test_a_filter_s_form_is_led_on_to_the_api_s_grammar(typed: str, meant: str | None, admin: Person) -> None:
    if meant is None:
        meant = "email[eq]=x&page=3&pageSize=50&name[like]=J%26%3D%20%C3%BC"
    to = f"{HERE}?{meant}" if meant else HERE
    plain = await admin.browser.get(f"{HERE}?{typed}")
    assert (plain.status_code, plain.headers["location"]) == (303, to)
    scripted = await admin.browser.get(f"{HERE}?{typed}", headers={"HX-Request": "true"})
    assert (scripted.status_code, scripted.headers["hx-replace-url"]) == (200, to)


async def test_a_form_keeps_the_other_filters(admin: Person) -> None:
    page = await admin.see(f"{HERE}?email[like]=a&name[like]=b&pageSize=50&sortBy=name&page=2")
    forms = page.every("form", class_="filter-form")
    (form,) = [each for each in forms if each.every("input", id="filter-email-value")]
    assert form.fields() == [
        *[("name[like]", "b"), ("pageSize", "50"), ("sortBy", "name"), ("filter", "email")],
        *[("operator", "like"), ("value", "a")],
    ]


async def test_each_of_several_filters_of_one_field_has_a_form_of_its_own(admin: Person) -> None:
    page = await admin.see(f"{HERE}?metadata[tier]=gold&metadata[source][ne]=ads&email[nin]=a,b")
    forms = {
        tuple(name for name, _ in form.fields() if "[" in name): dict(form.fields())
        for form in page.every("form", class_="filter-form")
        if dict(form.fields())["filter"] in ("metadata", "email")
    }
    tier, source, email = "metadata[tier]", "metadata[source][ne]", "email[nin]"
    assert set(forms) == {(source, email), (tier, email), (tier, source, email), (tier, source)}
    assert (forms[source, email]["key"], forms[source, email]["value"]) == ("tier", "gold")
    assert (forms[tier, email]["operator"], forms[tier, email]["value"]) == ("ne", "ads")
    assert forms[tier, source, email]["key"] == ""
    assert (forms[tier, source]["operator"], forms[tier, source]["value"]) == ("nin", "a,b")


async def test_values_that_came_one_by_one_are_the_same_when_their_form_is_applied(admin: Person) -> None:
    page = await admin.see(f"{HERE}?email[in][]=a%2Cb&email[in][]=c")
    (form,) = [form for form in page.every("form", class_="filter-form") if dict(form.fields())["filter"] == "email"]
    assert (dict(form.fields())["operator"], dict(form.fields())["value"]) == ("in", r"a\,b,c")


FOREIGN_TO_A_PANEL = {
    HERE: (
        "createdAt[gt]=2026-01-01&createdAt[lt]=2026-02-01",
        "createdAt[gte]=2026-11-28T15:30:00.000Z",
        "createdAt[lte]=2026-11-28T15:30:00%2B02:00&createdAt[ne]=2026-11-28T15:30:00.000Z",
        "createdAt[in][]=2026-11-28&createdAt[in][]=2026-11-29&createdAt[exists]=true",
        "createdAt=2026-11-28",
    ),
    "/dashboard/payments": (
        "amount[gt]=1000&currency=usd&amount[gte]=500",
        "amount[lt]=1000&amount[nin]=5,6",
        "amount[lte]=1000&currency=jpy&currency[ne]=eur",
        "displayStatus[ne]=failed&displayStatus[in]=succeeded,failed",
    ),
}
"""Filters that the API takes, and that a panel has no field for."""


@pytest.mark.parametrize(
    ("path", "query"), [(path, query) for path, queries in FOREIGN_TO_A_PANEL.items() for query in queries]
)
async def test_a_panel_that_is_applied_as_it_stands_changes_no_filter(path: str, query: str, admin: Person) -> None:
    wanted = _filters(query)
    for form in (await admin.see(f"{path}?{query}")).every("form", class_="filter-form"):
        response = await admin.browser.get(f"{path}?{urlencode(form.fields())}")
        assert response.status_code == 303, response.text
        assert _filters(urlsplit(response.headers["location"]).query) == wanted, form.fields()


def _filters(query: str) -> dict[str, list[str]]:
    """Return what an address asks for, whichever way it is written."""
    return {
        re.sub(r"(?<!\])$", "[eq]", name).removesuffix("[]"): sorted(",".join(values).split(","))
        for name, values in parse_qs(query).items()
    }


async def test_a_moment_stays_unless_its_day_is_changed(admin: Person) -> None:
    page = await admin.see(f"{HERE}?createdAt[gte]=2026-11-28T15:30:00.000Z")
    (form,) = [each for each in page.every("form", class_="filter-form") if each.every("input", type="date")]
    fields = dict(form.fields())
    assert fields["from"] == "2026-11-28"
    response = await admin.browser.get(f"{HERE}?{urlencode({**fields, 'from': '2026-11-27'})}")
    assert response.headers["location"] == f"{HERE}?createdAt[gte]=2026-11-27"


async def test_dates_and_moments_are_told_in_words(admin: Person) -> None:
    query = "createdAt[gt]=2026-11-28T15:30:00Z&createdAt[in]=2026-11-28,2026-11-29&dateOfBirth[lt]=1990-05-17"
    page = await admin.see(f"{HERE}?{query}")
    chips = [each.one(class_="chip-text") for each in page.every("span", class_="chip")]
    assert [each.text for each in chips] == [
        "Created after 28 Nov 2026, 15:30 UTC",
        "Created is one of 28 Nov 2026, 29 Nov 2026",
        "Date of birth before 17 May 1990",
    ]
    shown = [
        (each.attributes["datetime"], each.attributes["data-show"]) for chip in chips for each in chip.every("time")
    ]
    assert shown[0] == ("2026-11-28T15:30:00.000Z", "moment")
    assert set(shown[1:]) == {("2026-11-28", "date"), ("2026-11-29", "date"), ("1990-05-17", "date")}
    assert [each.attributes["aria-label"] for each in page.every("a", class_="chip-remove")] == [
        f"Remove: {each.text}" for each in chips
    ]


async def test_a_merchant_without_customers_is_told_how_to_make_one(admin: Person) -> None:
    page = await admin.see(HERE)
    assert page.one("section", class_="card state").one("h2").text == "No customers yet"
    assert "curl -g 'https://odus.test/customers'" in page.one("pre").text


async def test_where_nothing_matches_the_filters_can_be_cleared(admin: Person) -> None:
    await _fill(admin, 1)
    page = await admin.see(f"{HERE}?name=nobody&pageSize=50")
    section = page.one("section", class_="card state")
    assert section.one("h2").text == "No customer matches"
    assert section.one("a").attributes["href"] == f"{HERE}?pageSize=50"


@pytest.mark.parametrize("query", ["page=9", "name[like]=customer&page=9"])
async def test_a_page_past_the_end_leads_back_to_the_first(query: str, admin: Person) -> None:
    await _fill(admin, 1)
    section = (await admin.see(f"{HERE}?{query}")).one("section", class_="card state")
    assert section.one("h2").text == "There is no such page"
    back = section.one("a").attributes["href"]
    assert len(_rows(await admin.see(back))) == 1
    assert "page" not in parse_qs(urlsplit(back).query)


@pytest.mark.parametrize(
    "query", ["nothing=x", "email[near]=x", "createdAt[gte]=yesterday", "sortBy=x", "cursor=", "a=1&a=2"]
)
async def test_a_filter_that_is_wrong_is_told_and_can_be_taken_away_alone(query: str, admin: Person) -> None:
    kept = "email[like]=c&pageSize=50"
    page = await admin.see(f"{HERE}?{query}&{kept}", 400)
    wrong = query.partition("=")[0]
    alert = page.one("section", role="alert")
    assert wrong in [each.text for each in alert.every("code")]
    assert alert.one("a").attributes["href"] == f"{HERE}?{kept}"
    chips = {each.one(class_="chip-text").text: each for each in page.every("span") if "chip-remove" in _classes(each)}
    assert list(chips) == ["Email contains c", next(name for name in chips if name.startswith(wrong))]
    assert chips.popitem()[1].one("a").attributes["href"] == f"{HERE}?{kept}"
    assert page.one("a", class_="clear").attributes["href"] == f"{HERE}?pageSize=50"
    assert "Rows" not in page.one("main").text


def _classes(element: Element) -> set[str]:
    """Return the classes of what stands directly within."""
    inner = [child for child in element.children if isinstance(child, Element)]
    return {name for child in inner for name in child.attributes.get("class", "").split()}


async def test_each_filter_that_is_wrong_can_be_taken_away(admin: Person) -> None:
    page = await admin.see(f"{HERE}?createdAt[gte]=x&dateOfBirth=y", 400)
    removes = [each.attributes["href"] for each in page.every("a", class_="chip-remove")]
    assert removes == [f"{HERE}?dateOfBirth=y", f"{HERE}?createdAt[gte]=x"]


async def test_an_amount_that_is_none_is_told_in_the_bar_too(admin: Person) -> None:
    at = "/dashboard/payments"
    page = await admin.see(f"{at}?createdAt[gte]=2026-01-01&filter=amount&unit=usd&from=much&to=", 400)
    assert page.one("section", role="alert").one("a").attributes["href"] == f"{at}?createdAt[gte]=2026-01-01"
    scripted = await admin.browser.get(f"{at}?filter=amount&unit=usd&from=much&to=", headers={"HX-Request": "true"})
    assert markup.read(scripted.text).one("h1").text == "Validation failed"


async def test_a_list_that_cannot_be_read_says_so_and_is_asked_for_again_with_its_filters(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise asyncpg.CannotConnectNowError

    at = f"{HERE}?email[like]=a%26b&page=2"
    with monkeypatch.context() as patch:
        patch.setattr("odus.customers.queries.search", away)
        response = await admin.browser.get(at)
    page = markup.read(response.text)
    assert response.status_code == 503
    assert page.one("h1").text == "Unavailable"
    assert page.one("main").one("code").text == response.headers["x-request-id"]
    assert page.one("main").one("a").attributes["href"] == at
    assert admin.user.email in page.one("header").text
    assert page.one("aside", class_="test-mode")
    assert (await admin.see(at)).one("h1").text == "Customers"
