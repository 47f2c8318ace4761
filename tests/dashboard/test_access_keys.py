"""Developers > Access Keys: a value is shown once, and a key can be ended."""

import re

from odus.kit.db import Database
from odus.kit.permissions import Permission
from tests import make
from tests.dashboard import markup
from tests.dashboard.people import Person

HERE = "/dashboard/access-keys"
ONCE = {"once": "a" * 22}
VALUE = re.compile(r"skey_[0-9A-Za-z_-]{43}")


async def _works(person: Person, value: str) -> bool:
    answer = await person.shop.client.get("/customers", headers={"Authorization": f"Bearer {value}"})
    return answer.status_code == 200


async def test_a_key_s_value_is_shown_in_one_answer_alone(developer: Person) -> None:
    response = await developer.send(
        f"{HERE}/new", [("note", "Till"), ("permissions", "CUSTOMER_READ"), ("once", "a" * 22)]
    )
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    value = markup.read(response.text).one("p", class_="secret").one("code").text
    assert VALUE.fullmatch(value)
    assert await _works(developer, value)
    page = await developer.see(HERE)
    assert "Till" in page.text
    assert f"skey_••••{value[-4:]}" in page.text
    for at in (HERE, "/dashboard/events", "/dashboard"):
        assert not VALUE.search((await developer.browser.get(at)).text)


async def test_a_form_that_is_sent_twice_makes_one_key_and_keeps_its_value_from_everybody_else(
    developer: Person, database: Database
) -> None:
    fields = markup.changed(
        (await developer.see(f"{HERE}/new")).one("form", action=f"{HERE}/new").fields(), note="Till"
    )
    sent = [*fields, ("permissions", "CUSTOMER_READ")]
    before = await database.read.count("select count(*) from secret_keys")
    answers = [await developer.send(f"{HERE}/new", sent) for _ in range(2)]
    shown = {markup.read(each.text).one("p", class_="secret").one("code").text for each in answers}
    assert len(shown) == 1
    assert await database.read.count("select count(*) from secret_keys") == before + 1
    kept = await database.read.rows("select body from idempotency_records")
    assert not any(value.encode() in row["body"] for row in kept for value in shown)
    page = await developer.is_refused(f"{HERE}/new", [*sent, ("permissions", "CUSTOMER_UPDATE")], 422)
    assert "This form has made a key already" in page.text


async def test_a_filter_that_no_key_matches_says_so(developer: Person) -> None:
    page = await developer.see(f"{HERE}?revokedAt[exists]=true&note[like]=till")
    chips = [each.one(class_="chip-text").text for each in page.every("span", class_="chip")]
    assert chips == ["Note contains till", "State is Revoked"]
    assert page.one("section", class_="card state").one("h2").text == "No key matches"
    assert page.one("span", role="status").text == "0 match"


async def test_what_is_wrong_with_a_key_stands_at_its_field(developer: Person) -> None:
    page = await developer.is_refused(f"{HERE}/new", {"note": "", **ONCE})
    notes = page.every("div", class_="invalid-feedback")
    assert len(notes) == 2
    assert [page.one("input", name="note") in list(each.parent or ()) for each in notes] == [True, False]
    assert all(each.text[0].isupper() for each in notes)
    page = await developer.is_refused(f"{HERE}/new", {"note": "Till", **ONCE})
    assert page.one("input", name="note").attributes["value"] == "Till"


async def test_a_developer_can_grant_no_more_than_the_role_has(developer: Person) -> None:
    offered = {
        each.attributes["value"] for each in (await developer.see(f"{HERE}/new")).every("input", name="permissions")
    }
    assert offered == {each for each in Permission if not each.startswith("USER_")}
    before = (await developer.browser.get(HERE)).text.count("Till")
    page = await developer.is_refused(f"{HERE}/new", {"note": "Till", "permissions": "USER_READ", **ONCE})
    assert page.one("div", class_="invalid-feedback").parent == page.one("legend").parent
    assert (await developer.browser.get(HERE)).text.count("Till") == before


async def test_rotating_shows_the_new_value_and_ends_the_old(admin: Person, database: Database) -> None:
    old = await make.key(database, admin.shop.merchant_id, [Permission.CUSTOMER_READ])
    at = f"{HERE}/{old.id}/rotate"
    assert (await admin.see(at)).one("form", action=at)
    response = await admin.send(at, (await admin.see(at)).one("form", action=at).fields())
    value = markup.read(response.text).one("p", class_="secret").one("code").text
    assert response.status_code == 201
    assert value != old.value
    assert (await _works(admin, value), await _works(admin, old.value)) == (True, False)


async def test_a_rotation_that_is_sent_twice_is_one_and_shows_the_value_that_works(
    admin: Person, database: Database
) -> None:
    key = await make.key(database, admin.shop.merchant_id, [Permission.CUSTOMER_READ])
    at = f"{HERE}/{key.id}/rotate"
    fields = (await admin.see(at)).one("form", action=at).fields()
    answers = [await admin.send(at, fields) for _ in range(2)]
    values = [markup.read(each.text).one("p", class_="secret").one("code").text for each in answers]
    assert values[0] == values[1]
    assert await _works(admin, values[0])
    await admin.is_led_on(f"{HERE}/{key.id}/revoke", {})
    page = await admin.is_refused(at, markup.changed(fields, once="b" * 22), 409)
    assert "revoked" in page.one("div", role="alert").text


async def test_revoking_ends_a_key(admin: Person, database: Database) -> None:
    key = await make.key(database, admin.shop.merchant_id, [Permission.CUSTOMER_READ])
    assert await admin.is_led_on(f"{HERE}/{key.id}/revoke", {}) == HERE
    assert not await _works(admin, key.value)
    assert f"{HERE}/{key.id}/revoke" not in (await admin.browser.get(HERE)).text
