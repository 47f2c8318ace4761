"""What the palette and its page find."""

import pytest

from tests import make
from tests.dashboard import markup
from tests.dashboard.people import Person

FIND = "/dashboard/find"


async def _found(person: Person, asked: str) -> list[str]:
    """Return what is found, in its order: names, or what stands for them."""
    response = await person.browser.get(FIND, params={"q": asked})
    assert response.status_code == 200, response.text
    return [each.one("b").text for each in _results(response.text)]


def _results(text: str) -> list[markup.Element]:
    return markup.read(text).one(id="form").one("ul", class_="results").every("a")


async def _fill(person: Person) -> None:
    for box, name, number in (
        ("li.lei", "李雷", "+15559876543"),
        ("bo", "Bo", "+491711234567"),
        ("bob", "Bobby", None),
        ("jane+4711", "Jane Smith", None),
    ):
        await make.customer(person.shop.client, email=f"{box}@corner.example", name=name, phoneNumber=number)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("李雷", ["李雷"]),
        ("李", ["李雷"]),
        ("bo", ["Bo", "Bobby"]),
        ("BO", ["Bo", "Bobby"]),
        ("ob", []),
        ("obb", ["Bobby"]),
        ("corner.example", ["Jane Smith", "Bobby", "Bo", "李雷"]),
        ("+4711", ["Jane Smith"]),
        ("+15559876543", ["李雷"]),
        ("+1555987", ["李雷"]),
        ("+1 (555) 987", ["李雷"]),
        ("555 987 6543", ["李雷"]),
        ("15559876543", ["李雷"]),
        ("9876543", ["李雷"]),
        ("6543", ["李雷"]),
        ("543", []),
        ("0171 1234567", ["Bo"]),
        ("0049 171", ["Bo"]),
        ("cus_\x00", []),
        ("5" * 600, []),
        ("%_%", []),
    ],
)
async def test_customers_are_found_by_what_staff_have_of_them(admin: Person, asked: str, names: list[str]) -> None:
    await _fill(admin)
    assert await _found(admin, asked) == names


async def test_customers_are_found_by_their_id_its_beginning_and_as_the_list_shows_it(admin: Person) -> None:
    made = await make.customer(admin.shop.client, name="Jane Smith")
    page = await admin.see("/dashboard/customers")
    (shown,) = [each.text for each in page.every("span") if each.attributes.get("title") == made["id"]]
    for asked in (str(made["id"]), str(made["id"])[:14], shown):
        assert await _found(admin, asked) == ["Jane Smith"], asked
    assert await _found(admin, f"{shown}x") == []
    assert await _found(admin, str(made["id"]).swapcase().replace("CUS_", "cus_")) == []


async def test_payments_and_subscriptions_are_found_as_their_lists_show_them(admin: Person) -> None:
    made = await make.subscription(admin.shop.client)
    for prefix in ("pay", "sub"):
        path = {"pay": "/dashboard/payments", "sub": "/dashboard/subscriptions"}[prefix]
        page = await admin.see(path)
        shown = next(each.text for each in page.every("span") if each.text.startswith(f"{prefix}_"))
        key = next(each.attributes["title"] for each in page.every("span") if each.text == shown)
        response = await admin.browser.get(FIND, params={"q": shown})
        assert [each.attributes["href"] for each in _results(response.text)] == [f"{path}/{key}"]
    assert made["id"] == key


async def test_pages_are_found_by_who_may_see_them(admin: Person, support_agent: Person) -> None:
    assert await _found(admin, "access") == ["Access Keys"]
    assert await _found(support_agent, "access") == []


async def test_every_page_leads_to_it_with_and_without_scripts(admin: Person) -> None:
    for path in ("/dashboard", "/dashboard/customers", FIND):
        link = (await admin.see(path)).one("header").one("a", data_palette="")
        assert link.attributes["href"] == FIND
        assert link.attributes.get("aria-current") == ("page" if path == FIND else None)
