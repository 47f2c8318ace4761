"""Signing in and out, as a browser does it."""

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.users import sessions
from tests.dashboard import markup, people
from tests.dashboard.people import COOKIE, PASSWORD, Person, sign_in
from tests.make import Shop

WRONG = "Email or password is wrong."


def _attributes(response: httpx.Response) -> set[str]:
    (cookie,) = response.headers.get_list("set-cookie")
    return {part.strip() for part in cookie.split(";")[1:]}


@pytest.mark.parametrize(
    ("origin", "proto", "is_secure"),
    [
        ("https://odus.test", None, True),
        ("http://odus.test", None, True),
        ("http://127.0.0.1:8300", None, False),
        ("http://localhost:8300", None, False),
        ("http://[::1]:8300", None, False),
        ("https://localhost", None, True),
        ("http://localhost", "https", True),
        ("http://localhost", "http", False),
        ("http://localhost.evil.test", None, True),
        ("http://10.0.0.1", "http", True),
    ],
)
async def test_the_cookie_is_for_us_alone(
    origin: str,
    proto: str | None,
    is_secure: bool,  # noqa: FBT001 - a parameter
    app: ASGIApp,
    admin: Person,
) -> None:
    headers = {"X-Forwarded-Proto": proto} if proto else {}
    async with people.browser(app, origin) as browser:
        fields = {"email": admin.user.email, "password": PASSWORD}
        response = await browser.post("/dashboard/login", data=fields, headers=headers)
    assert response.status_code == 303
    assert _attributes(response) == {
        *("Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=604800"),
        *(["Secure"] if is_secure else []),
    }


async def test_each_sign_in_has_a_token_of_its_own(admin: Person) -> None:
    first = admin.token
    await sign_in(admin.browser, admin.user.email)
    assert admin.token != first
    assert len(admin.token) == 43


async def test_a_token_that_someone_planted_is_not_taken_over(app: ASGIApp, admin: Person, database: Database) -> None:
    planted = "p" * 43
    async with people.browser(app) as victim:
        victim.cookies.set(COOKIE, planted, domain="odus.test")
        response = await sign_in(victim, admin.user.email)
        assert planted not in response.headers["set-cookie"]
    assert await sessions.visitor(database, planted) is None


async def test_who_is_signed_in_is_led_past_the_sign_in(admin: Person) -> None:
    response = await admin.browser.get("/dashboard/login")
    assert (response.status_code, response.headers["location"]) == (303, "/dashboard")


async def test_it_is_never_told_whether_an_email_is_known(app: ASGIApp, admin: Person) -> None:
    async with people.browser(app) as stranger:
        known = await sign_in(stranger, admin.user.email, "Wrong-horse-7")
        unknown = await sign_in(stranger, "nobody@odus.test")
    assert known.status_code == unknown.status_code == 400
    page = markup.read(known.text)
    assert page.one(role="alert").text == WRONG
    assert page.one("input", name="email").attributes["value"] == admin.user.email
    assert page.one("input", name="password").attributes["value"] == ""
    assert known.text.replace(admin.user.email, "nobody@odus.test") == unknown.text
    assert "set-cookie" not in known.headers


@pytest.mark.parametrize("email", [str.upper, str.title], ids=["upper", "title"])
async def test_the_case_of_an_email_does_not_matter(email: object, app: ASGIApp, admin: Person) -> None:
    async with people.browser(app) as browser:
        assert callable(email)
        assert (await sign_in(browser, email(admin.user.email))).status_code == 303


OWN = ("/dashboard", "/dashboard/customers?email[like]=%26&page=2", "/dashboard/customers/cus_1#metadata")


@pytest.mark.parametrize("target", OWN)
async def test_one_goes_on_to_where_one_wanted(target: str, app: ASGIApp, admin: Person) -> None:
    async with people.browser(app) as browser:
        shown = markup.read((await browser.get("/dashboard/login", params={"next": target})).text)
        fields = markup.changed(shown.one("form").fields(), email=admin.user.email, password=PASSWORD)
        response = await people.send(browser, shown.one("form").attributes["action"], fields)
    assert (response.status_code, response.headers["location"]) == (303, target)


FOREIGN = (
    *(
        "//evil.test",
        "///evil.test",
        "////evil.test",
        "https://evil.test/dashboard",
        "https:evil.test",
        "\\\\evil.test",
    ),
    *(
        "/\\evil.test",
        "\\/evil.test",
        "/dashboard\\@evil.test",
        "//evil.test/dashboard",
        "%2f%2fevil.test",
        "javascript:alert(1)",
    ),
    *(
        "/%2fevil.test",
        "\t//evil.test",
        "/\t/evil.test",
        "/dashboard\r\nX: y",
        "//[evil",
        "http://[",
        "//evil.test:x/",
        "",
    ),
    *("https:/evil.test", "http:///dashboard", " //evil.test", "/docs", "dashboard", "//dashboard", "@evil.test"),
    *("/dashboard\x00", "/dashboard\u2028", "HTTPS://odus.test@evil.test/dashboard", "data:text/html,x"),
)


async def test_one_is_never_led_to_another_site(app: ASGIApp, admin: Person) -> None:
    for target in FOREIGN:
        async with people.browser(app) as browser:
            response = await sign_in(browser, admin.user.email, to=target)
        assert (response.status_code, response.headers["location"]) == (303, "/dashboard"), target


async def test_signing_out_ends_the_session_on_the_server(app: ASGIApp, admin: Person, database: Database) -> None:
    token = admin.token
    response = await admin.send("/dashboard/logout", {})
    assert (response.status_code, response.headers["location"]) == (303, "/dashboard/login")
    assert "Max-Age=0" in _attributes(response)
    assert COOKIE not in admin.browser.cookies
    assert await sessions.visitor(database, token) is None
    async with people.browser(app) as other:
        response = await other.get("/dashboard", headers={"Cookie": f"{COOKIE}={token}"})
        assert response.status_code == 303


async def test_signing_out_here_leaves_other_browsers_signed_in(app: ASGIApp, admin: Person) -> None:
    async with people.browser(app) as other:
        await sign_in(other, admin.user.email)
        await admin.send("/dashboard/logout", {})
        assert (await other.get("/dashboard")).status_code == 200


async def test_after_too_many_failures_even_the_right_password_waits(app: ASGIApp, admin: Person) -> None:
    async with people.browser(app, address="192.0.2.1") as stranger:
        for _ in range(sessions.MOST_FOR_ACCOUNT):
            assert (await sign_in(stranger, admin.user.email, "Wrong-horse-7")).status_code == 400
        response = await sign_in(stranger, admin.user.email)
        other = await sign_in(stranger, "nobody@odus.test")
    assert response.status_code == 429
    assert response.headers["retry-after"]
    assert "set-cookie" not in response.headers
    page = markup.read(response.text)
    assert "Too many tries" in page.one(role="alert").text
    assert page.one("input", name="email").attributes["value"] == admin.user.email
    assert other.status_code == 400


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "x" * 100_000], ids=["NUL", "only NUL", "long"])
async def test_an_email_that_cannot_be_is_as_wrong_as_any(text: str, app: ASGIApp, shop: Shop) -> None:
    assert shop
    async with people.browser(app) as stranger:
        response = await sign_in(stranger, text)
    assert response.status_code == 400
    assert markup.read(response.text).one(role="alert").text == WRONG
