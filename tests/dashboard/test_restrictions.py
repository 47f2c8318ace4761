"""Blocking a customer's payments, as a browser sends the form."""

import pytest

from tests import make
from tests.dashboard import markup
from tests.dashboard.markup import Element, Fields
from tests.dashboard.people import Person

HERE = "/dashboard/customers"


def _form(page: Element, action: str) -> Fields:
    return page.one("form", method="post", action=action).fields()


async def _open(person: Person, **fields: object) -> tuple[str, str, Fields]:
    """Return a new customer's id, where its form is, and what it holds."""
    customer_id = str((await make.customer(person.shop.client, **fields))["id"])
    at = f"{HERE}/{customer_id}/restrictions"
    return customer_id, at, _form(await person.see(at), at)


async def _restrictions(person: Person, customer_id: str) -> tuple[object, ...]:
    customer = (await person.shop.client.get(f"/customers/{customer_id}")).json()
    return customer["restrictCit"], customer["restrictMit"], customer["restrictReason"]


async def test_payments_are_blocked_with_a_reason_and_allowed_again(admin: Person) -> None:
    customer_id, at, fields = await _open(admin)
    typed = [*markup.changed(fields, restrictReason="Chargeback"), ("restrictCit", "on")]
    assert await admin.is_led_on(at, typed) == f"{HERE}/{customer_id}"
    assert await _restrictions(admin, customer_id) == (True, False, "Chargeback")
    page = await admin.see(f"{HERE}/{customer_id}")
    assert "Own payments blocked" in page.text
    assert "Chargeback" in page.text
    shown = _form(await admin.see(at), at)
    assert ("restrictCit", "on") in shown
    allowed = [each for each in markup.changed(shown, restrictReason="") if each[0] != "restrictCit"]
    await admin.is_led_on(at, allowed)
    assert await _restrictions(admin, customer_id) == (False, False, None)


async def test_the_customers_page_leads_to_it(admin: Person) -> None:
    customer_id, at, _ = await _open(admin)
    links = {each.attributes["href"] for each in (await admin.see(f"{HERE}/{customer_id}")).every("a")}
    assert at in links


@pytest.mark.parametrize("reason", ["Fraud", "a\nb", "a\r\nb", "\nx", " ", "</textarea>"], ids=ascii)
async def test_a_form_saved_as_it_was_shown_writes_nothing(reason: str, admin: Person) -> None:
    customer_id, at, fields = await _open(admin, restrictMit=True, restrictReason=reason)
    await admin.is_led_on(at, fields)
    assert await _restrictions(admin, customer_id) == (False, True, reason)


async def test_a_reason_that_is_too_long_is_told_and_nothing_typed_is_lost(admin: Person) -> None:
    customer_id, at, fields = await _open(admin)
    typed = [("restrictCit", "on"), *markup.changed(fields, restrictReason="x" * 501)]
    page = await admin.is_refused(at, typed)
    assert page.one(aria_invalid="true").attributes["name"] == "restrictReason"
    assert sorted(_form(page, at)) == sorted(typed)
    assert await _restrictions(admin, customer_id) == (False, False, None)


async def test_what_someone_else_blocked_meanwhile_is_shown_and_not_overwritten_unseen(admin: Person) -> None:
    customer_id, at, fields = await _open(admin)
    theirs = {"restrictCit": True, "restrictReason": "Theirs"}
    await admin.shop.client.post(f"/customers/{customer_id}", json=theirs)
    typed = [*markup.changed(fields, restrictReason="Mine"), ("restrictMit", "on")]
    page = await admin.is_refused(at, typed, 409)
    assert await _restrictions(admin, customer_id) == (True, False, "Theirs")
    told = [each.text for each in page.every("p", class_="theirs")]
    assert told == [f"Someone else changed this meanwhile to {what}." for what in ("blocked", "Theirs")]
    again = _form(page, at)
    assert {("restrictCit", "on"), ("restrictMit", "on"), ("restrictReason", "Mine")} <= set(again)
    await admin.is_led_on(at, again)
    assert await _restrictions(admin, customer_id) == (True, True, "Mine")


async def test_a_change_meanwhile_of_what_the_form_does_not_show_is_no_hindrance(admin: Person) -> None:
    customer_id, at, fields = await _open(admin)
    await admin.shop.client.post(f"/customers/{customer_id}", json={"name": "Ada"})
    await admin.is_led_on(at, [*fields, ("restrictCit", "on")])
    assert await _restrictions(admin, customer_id) == (True, False, None)
