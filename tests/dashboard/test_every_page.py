"""Who may see a page and send a form, and how any page is answered: a new one is under these rules from its birth."""

import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from urllib.parse import urlencode

import httpx
import pytest
from litestar.types import ASGIApp

from odus.dashboard.navigation import GROUPS
from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.kit.times import now
from odus.users.model import ROLES
from tests.dashboard import markup, people
from tests.dashboard.markup import Element
from tests.dashboard.people import COOKIE, FORM, Person
from tests.dashboard.routes import ROUTES, SAMPLES, Route, address, every, gets, guarded, guarded_posts, posts, with_id
from tests.make import Shop, snapshot

every_role = pytest.mark.parametrize("person", ROLES, indirect=True)


def test_every_page_has_a_sample_and_every_sample_a_page() -> None:
    assert set(SAMPLES) == {route.name for route in ROUTES}


def test_only_signing_in_and_what_pages_load_is_open_to_all() -> None:
    assert {route.name for route in ROUTES if route.is_open} == {"login_page", "login", "dashboard_asset"}


@every
def test_a_sample_has_what_its_page_needs(route: Route) -> None:
    assert (SAMPLES[route.name].made is not None) == route.has_id


async def _call(route: Route, client: httpx.AsyncClient, at: str, **headers: str | bytes) -> httpx.Response:
    if route.method == "GET":
        return await client.get(at, headers=_headers(headers))
    content = urlencode(SAMPLES[route.name].fields)
    return await client.post(at, content=content, headers=_headers({**FORM, **headers}))


def _headers(headers: Mapping[str, str | bytes]) -> dict[bytes, bytes]:
    return {name.encode(): text.encode() if isinstance(text, str) else text for name, text in headers.items()}


@every
async def test_a_proper_visit_is_answered(route: Route, admin: Person, database: Database) -> None:
    response = await _call(route, admin.browser, await address(route, admin.shop, database))
    expected = 303 if route.name == "login_page" else SAMPLES[route.name].status
    assert response.status_code == expected, response.text


NO_SESSION = (
    "",
    COOKIE,
    f"{COOKIE}=",
    f"{COOKIE}=garbage",
    f"{COOKIE}=" + "a" * 43,
    f"{COOKIE}=" + "a" * 100_000,
    f'{COOKIE}="VALUE"',
    f"{COOKIE}=VALUEx",
    f"{COOKIE}=VALUE VALUE",
    f"x{COOKIE}=VALUE",
    "odus_Session=VALUE",
    f"{COOKIE}=\xff\xfe\x00",
    f"{COOKIE}=SHORT",
    "; ; =; =VALUE",
)
"""What may stand in `Cookie` without being a session; VALUE is the value of one."""


@guarded
async def test_without_a_session_one_is_led_to_the_sign_in_and_nothing_happens(
    route: Route, app: ASGIApp, admin: Person, database: Database
) -> None:
    at = await address(route, admin.shop, database)
    before = await snapshot(database)
    async with people.browser(app) as stranger:
        for cookie in NO_SESSION:
            shown = cookie.replace("VALUE", admin.token).replace("SHORT", admin.token[:-1])
            await _assert_led_to_sign_in(route, stranger, at, shown)
    assert await snapshot(database) == before


@guarded
@pytest.mark.parametrize("fate", ["idle", "old", "signed out", "removed"])
async def test_a_session_that_has_ended_is_none(
    route: Route, fate: str, app: ASGIApp, admin: Person, database: Database
) -> None:
    at = await address(route, admin.shop, database)
    token = admin.token
    match fate:
        case "idle":
            await database.write.run("update sessions set seen_at = $1", now() - timedelta(hours=12, seconds=1))
        case "old":
            await database.write.run("update sessions set created_at = $1", now() - timedelta(days=7, seconds=1))
        case "signed out":
            assert await admin.is_led_on("/dashboard/logout", {}) == "/dashboard/login"
        case _:
            await database.write.run("update users set removed_at = $1", now())
    before = await snapshot(database)
    async with people.browser(app) as stranger:
        await _assert_led_to_sign_in(route, stranger, at, f"{COOKIE}={token}")
    assert await snapshot(database) == before


async def _assert_led_to_sign_in(route: Route, client: httpx.AsyncClient, at: str, cookie: str) -> None:
    asked = f"{at}?a=b%20c&d[like]=%26" if route.method == "GET" else at
    to = "/dashboard/login"
    if route.method == "GET":
        to += "?" + urlencode({"next": asked})
    plain = await _call(route, client, asked, Cookie=cookie.encode("latin-1"))
    if route.method == "POST" and SAMPLES[route.name].fields:
        _assert_kept(plain, at, SAMPLES[route.name].fields)
        return
    assert (plain.status_code, plain.headers.get("location")) == (303, to), plain.text
    scripted = await _call(route, client, asked, Cookie=cookie.encode("latin-1"), **{"HX-Request": b"true"})
    assert (scripted.status_code, scripted.headers.get("hx-redirect")) == (401, to)


def _assert_kept(response: httpx.Response, at: str, typed: Mapping[str, str]) -> None:
    """Check that what was typed is given back, to be sent again after signing in; a password is not."""
    assert response.status_code == 401
    page = markup.read(response.text)
    assert page.one("h1").text == "You are signed out"
    assert page.one("form", method="post", action=at).fields() == [
        (name, text) for name, text in typed.items() if name != "password"
    ]


@guarded
@every_role
async def test_a_role_sees_and_does_exactly_what_its_permissions_say(
    route: Route, person: Person, database: Database
) -> None:
    at = await address(route, person.shop, database)
    before = await snapshot(database)
    response = await _call(route, person.browser, at)
    if route.permission is None or route.permission in ROLES[person.user.role]:
        assert response.status_code == SAMPLES[route.name].status, response.text
    else:
        assert response.status_code == 403
        page = markup.read(response.text)
        assert page.one("h1").text == "Missing permission"
        assert route.permission in page.text
        assert await snapshot(database) == before


@every_role
async def test_what_a_role_may_not_do_is_nowhere_to_be_clicked(person: Person, database: Database) -> None:
    seen: set[str] = set()
    for route in ROUTES:
        if not route.is_open and route.is_shown and route.permission in (None, *ROLES[person.user.role]):
            page = await person.see(await address(route, person.shop, database))
            seen |= {each.attributes[name] for each in page for name in ("href", "action", "formaction", "hx-get")
                     if name in each.attributes}  # fmt: skip
    led_to = [(route, target) for target in seen for route in ROUTES if _is_at(route, target)]
    assert {route.name for route, _ in led_to} >= {"home_page", "customers_page", "customer_page", "logout"}
    for route, target in led_to:
        if all(other.permission not in (None, *ROLES[person.user.role]) for other in _at(target)):
            pytest.fail(f"{target} is shown, of which {route.name} needs {route.permission}")


def _at(target: str) -> list[Route]:
    return [route for route in ROUTES if _is_at(route, target)]


def _is_at(route: Route, target: str) -> bool:
    """Tell whether an address is a route's; `new` is no id."""
    path = target.partition("?")[0]
    pattern = route.path.replace("{id:str}", "[a-z]+_[0-9A-Za-z]{27}").replace("{name:str}", "[^/]+")
    return re.fullmatch(pattern, path) is not None


@every_role
async def test_the_navigation_has_what_the_role_may_see(person: Person) -> None:
    page = await person.see("/dashboard")
    shown = [each.attributes["href"] for each in page.one("nav", aria_label="Main").every("a")]
    allowed = (None, *ROLES[person.user.role])
    assert shown == [item.path for group in GROUPS for item in group.items if item.permission in allowed]


def test_the_navigation_needs_what_its_pages_need() -> None:
    needed = {route.path: route.permission for route in ROUTES if route.method == "GET"}
    for group in GROUPS:
        for item in group.items:
            assert needed[item.path] == item.permission


@with_id
async def test_what_another_merchant_has_is_not_found(
    route: Route, admin: Person, other_shop: Shop, database: Database
) -> None:
    at = await address(route, other_shop, database)
    before = await snapshot(database)
    response = await _call(route, admin.browser, at)
    assert response.status_code == 404
    _assert_in_dress(markup.read(response.text), admin)
    assert await snapshot(database) == before


ODD_IDS = ("cus_" + "a" * 27, "x", "%00", "%ff", "a" * 10_000, "..%2f..", "%3Cscript%3E", "usr_" + "0" * 27)


@with_id
async def test_an_id_that_nothing_has_is_not_found(route: Route, admin: Person, database: Database) -> None:
    before = await snapshot(database)
    for odd in ODD_IDS:
        response = await _call(route, admin.browser, route.at(odd))
        assert response.status_code == 404, (odd, response.text)
        _assert_safe(response)
    assert await snapshot(database) == before


async def test_an_address_under_the_dashboard_that_is_none_is_a_page_too(admin: Person) -> None:
    response = await admin.browser.get("/dashboard/nothing/here")
    assert response.status_code == 404
    _assert_in_dress(markup.read(response.text), admin)
    _assert_safe(response)


async def test_what_is_answered_before_a_page_is_reached_is_in_the_dashboard_s_dress(
    admin: Person, app: ASGIApp
) -> None:
    response = await admin.browser.put("/dashboard/customers")
    page = markup.read(response.text)
    assert (response.status_code, page.one("h1").text) == (405, "Method not allowed")
    assert page.one("nav", aria_label="Main")
    assert page.one("aside", class_="test-mode")
    async with people.browser(app) as stranger:
        response = await stranger.get("/dashboard/nothing/here")
    assert response.status_code == 404
    assert not markup.read(response.text).every("nav")


def _assert_in_dress(page: Element, person: Person) -> None:
    assert person.user.email in page.text
    assert page.one("nav", aria_label="Main")
    assert page.one("h1").text == "Not found"


FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": people.ORIGIN},
    {"Sec-Fetch-Site": ""},
    {"Origin": "https://evil.test"},
    {"Origin": "https://odus.test.evil.test"},
    {"Origin": "https://odus.test:444"},
    {"Origin": "https://evil.test/odus.test"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Origin": "odus.test"},
)


@posts
async def test_a_form_from_another_site_is_refused(route: Route, admin: Person, database: Database) -> None:
    at = await address(route, admin.shop, database)
    before = await snapshot(database)
    for headers in FOREIGN:
        response = await _call(route, admin.browser, at, **headers)
        assert response.status_code == 403, (headers, response.text)
        assert markup.read(response.text).one("h1").text == "Request from another site"
        assert "set-cookie" not in response.headers
        _assert_safe(response)
    assert await snapshot(database) == before


OWN = (
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": people.ORIGIN},
    {"Sec-Fetch-Site": "none"},
    {"Origin": people.ORIGIN},
)


@posts
@pytest.mark.parametrize("headers", OWN, ids=lambda each: " ".join(each.values()))
async def test_a_form_of_our_own_is_taken(
    route: Route, headers: dict[str, str], admin: Person, database: Database
) -> None:
    response = await _call(route, admin.browser, await address(route, admin.shop, database), **headers)
    assert response.status_code == SAMPLES[route.name].status, response.text


NO_FORM = {
    "json": ("application/json", b"{}", 415),
    "multipart": ("multipart/form-data; boundary=x", b"--x--", 415),
    "text": ("text/plain", b"email=x", 415),
    "no type": ("", b"email=x", 415),
    "not UTF-8": (FORM["Content-Type"], b"email=\xff\xfe", 400),
    "encoded, not UTF-8": (FORM["Content-Type"], b"email=%ff%fe", 400),
    "half a surrogate": (FORM["Content-Type"], b"email=%ed%a0%80", 400),
    "501 fields": (FORM["Content-Type"], b"&".join(b"key=%d" % number for number in range(501)), 400),
    "compressed": (FORM["Content-Type"], b"\x1f\x8b\x08\x00\xff", 400),
    "too large": (FORM["Content-Type"], b"email=" + b"a" * 1024 * 1024, 413),
}


@posts
async def test_what_is_no_form_is_refused(route: Route, admin: Person, database: Database) -> None:
    at = await address(route, admin.shop, database)
    before = await snapshot(database)
    for name, (media_type, body, status) in NO_FORM.items():
        response = await admin.browser.post(at, content=body, headers={"Content-Type": media_type})
        assert response.status_code == status, (name, response.text)
        _assert_safe(response)
    assert await snapshot(database) == before


BAD_TEXTS = ("a\x00b", "ab" * 50_000, "<script>alert(1)</script>" * 41)


@guarded_posts
async def test_no_text_in_any_field_is_a_fault(route: Route, admin: Person, database: Database) -> None:
    at = await address(route, admin.shop, database)
    sample = SAMPLES[route.name].fields
    names = [name for name in await _fields_of(route, at, admin) if not _is_told(name)]
    before = await snapshot(database)
    for name, text in product(names, BAD_TEXTS):
        response = await admin.send(at, {**sample, name: text})
        assert 400 <= response.status_code < 500, (name, text[:5], response.status_code)
        _assert_safe(response)
    assert await snapshot(database) == before


def _is_told(name: str) -> bool:
    """Tell whether a field holds what the form itself was told: what counts is whether it is still so."""
    return name in {"confirmed", "version", "wasKey", "wasValue"} or name.startswith("was.")


async def _fields_of(route: Route, at: str, person: Person) -> set[str]:
    """Return the names of the fields of a form, as they stand on the page that has it."""
    shown = next((other for other in ROUTES if other.path == route.path and other.is_shown), None)
    names = set(SAMPLES[route.name].fields)
    if shown is not None:
        for form in (await person.see(at)).every("form", method="post"):
            if form.attributes["action"] == at:
                names |= {name for name, _ in form.fields()}
    return names


@pytest.mark.parametrize("text", BAD_TEXTS, ids=["NUL", "long", "markup"])
@pytest.mark.parametrize("name", ["email", "password", "next"])
async def test_no_text_in_the_sign_in_is_a_fault(name: str, text: str, app: ASGIApp, database: Database) -> None:
    before = await database.read.count("select count(*) from sessions")
    async with people.browser(app) as stranger:
        fields = {"email": "nobody@odus.test", "password": "x", "next": "", name: text}
        response = await people.send(stranger, "/dashboard/login", fields)
    assert response.status_code == 400, response.text
    _assert_safe(response)
    assert await database.read.count("select count(*) from sessions") == before


BAD_QUERIES = (
    "%ff",
    "a=%ff",
    "next=%ff",
    "q=%00",
    "q=" + "a" * 60_000,
    "%",
    "a=%zz",
    "&".join(["a=b"] * 1001),
    "[",
    "]=",
)
BAD_QUERIES += (
    "filter=email",
    "filter=%00&value=a",
    "filter=email&operator=x&value=y",
    "filter=&from=x&to=y",
    "cursor=",
)
BAD_QUERIES += (
    "filter=metadata&key=%5B%5D&value=x",
    "filter=metadata&key=%00&value=x",
    "page=" + "9" * 400,
    "cursor=x",
)
BAD_QUERIES += ("createdAt[gte]=garbage", "sortBy=garbage", "pageSize=-1", "filter[]=a", "filter=email&filter=name")


@gets
async def test_no_query_of_any_page_is_a_fault(route: Route, admin: Person, database: Database) -> None:
    at = await address(route, admin.shop, database)
    for query, headers in product(BAD_QUERIES, ({}, {"HX-Request": "true"})):
        response = await admin.browser.get(f"{at}?{query}", headers=headers)
        assert response.status_code in (200, 303, 400), (query, response.text)
        _assert_safe(response)


@gets
async def test_a_page_loads_nothing_from_elsewhere_and_has_no_script_or_style_within(
    route: Route, admin: Person, app: ASGIApp, database: Database
) -> None:
    async with people.browser(app) as stranger:
        client = stranger if route.is_open else admin.browser
        response = await client.get(await address(route, admin.shop, database))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    _assert_safe(response)


@every
async def test_head_is_get_without_the_body(route: Route, admin: Person, database: Database) -> None:
    at = await address(route, admin.shop, database)
    shown = await admin.browser.get(at)
    head = await admin.browser.head(at)
    assert head.status_code == shown.status_code
    assert head.content == b""
    kept = {"x-request-id", "content-length"}  # the page that was shown may name its request
    assert {name: text for name, text in head.headers.items() if name not in kept} == {
        name: text for name, text in shown.headers.items() if name not in kept
    }


@every
async def test_another_method_is_not_allowed(route: Route, admin: Person, database: Database) -> None:
    at = await address(route, admin.shop, database)
    response = await admin.browser.put(at)
    assert response.status_code == 405
    assert route.method in response.headers["allow"].split(", ")
    _assert_safe(response)


async def test_compressed_pages_are_the_same_pages(admin: Person) -> None:
    at = f"/dashboard/customers/{new_id('cus')}"
    compressed = await admin.browser.get(at)
    plain = await admin.browser.get(at, headers={"Accept-Encoding": "identity"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    ids = re.compile("req_[0-9A-Za-z]{27}")
    assert ids.sub("", compressed.text) == ids.sub("", plain.text)


POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "base-uri 'none'",
}


def _assert_safe(response: httpx.Response) -> None:
    """Hold what every answer must have; the body where it is a page."""
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    if not response.content:
        return
    policy = {part.strip() for part in response.headers["content-security-policy"].split(";")}
    assert policy >= POLICY
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["referrer-policy"] == "same-origin"
    _assert_clean(markup.read(response.text))


def _assert_clean(page: Element) -> None:
    ids = [each.attributes["id"] for each in page if "id" in each.attributes]
    assert len(ids) == len(set(ids)), sorted(each for each in ids if ids.count(each) > 1)
    for each in page:
        assert "style" not in each.attributes, each.attributes
        assert not [name for name in each.attributes if name.startswith("on")], each.attributes
        assert each.tag not in ("style", "iframe", "object", "embed", "base"), each.tag
        if each.tag == "script":
            assert each.attributes["src"].startswith("/dashboard/assets/")
            assert not each.raw.strip()
        for name in ("href", "src", "action", "formaction", "hx-get"):
            address = each.attributes.get(name, "/")
            assert re.match(r"(/(?!/)|#|mailto:|https?://)", address), address
        if each.tag in ("link", "img", "script"):
            assert each.attributes.get("href", each.attributes.get("src", "")).startswith("/dashboard/assets/")
