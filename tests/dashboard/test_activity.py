"""The activity of a customer, a payment and a subscription: all of it, for whoever sees the object."""

import asyncpg
import pytest

from odus.events import queries as events
from odus.kit import problems
from tests import make
from tests.dashboard.markup import Element
from tests.dashboard.people import Person

CHANGES = 25


def _card(page: Element) -> Element:
    (card,) = [each for each in page.every("section") if each.attributes.get("aria-labelledby") == "activity"]
    return card


async def _made(person: Person, kind: str) -> str:
    """Make an object of a kind with more events than a page shows; return the address of its page."""
    client = person.shop.client
    match kind:
        case "customers":
            made = await make.customer(client)
        case "payments":
            made = await make.payment(client)
        case _:
            made = await make.subscription(client)
    for number in range(CHANGES):
        await client.post(f"/{kind}/{made['id']}", json={"metadata": {"number": str(number)}})
    return f"/dashboard/{kind}/{made['id']}"


@pytest.mark.parametrize("kind", ["customers", "payments", "subscriptions"])
async def test_all_activity_is_reached_by_who_sees_the_object(kind: str, support_agent: Person) -> None:
    here = await _made(support_agent, kind)
    card = _card(await support_agent.see(here))
    count = int(card.one("span", class_="count").text)
    assert count > CHANGES
    seen = [each.text for each in card.one("ol").every("li")]
    assert f"1\u201320 of {count}" in card.text
    (older,) = [each.attributes["href"] for each in card.one("nav").every("a")]
    assert older == f"{here}?activity=2#activity"
    last = _card(await support_agent.see(older.partition("#")[0]))
    seen += [each.text for each in last.one("ol").every("li")]
    assert len(seen) == count
    assert [each.text for each in last.one("nav").every("a")] == ["Newer"]
    assert "View all" not in card.text


async def test_a_page_of_activity_that_is_none_leads_back(admin: Person) -> None:
    here = await _made(admin, "customers")
    assert "There is nothing older" in _card(await admin.see(f"{here}?activity=9")).text
    assert f"1\u201320 of {CHANGES + 1}" in _card(await admin.see(f"{here}?activity=x")).text
    assert "View all" in _card(await admin.see(here)).text


@pytest.mark.parametrize("kind", ["customers", "payments", "subscriptions"])
async def test_activity_that_cannot_be_read_leaves_the_rest_of_the_page(
    kind: str, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"customers": make.customer, "payments": make.payment, "subscriptions": make.subscription}[kind]
    here = f"/dashboard/{kind}/{(await made(admin.shop.client))['id']}"
    for error in (problems.UNAVAILABLE("too slow"), asyncpg.QueryCanceledError()):

        async def failing(*_: object, error: Exception = error) -> object:
            raise error

        monkeypatch.setattr(events, "search_of", failing)
        card = _card(await admin.see(here))
        assert "could not be read" in card.one("p", role="alert").text
        assert card.one("a").attributes["href"] == here
