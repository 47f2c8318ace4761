"""Admin > Users: who may sign in, changed by a form that is held to what it showed."""

import pytest

from odus.kit.db import Database
from tests.dashboard import markup, people
from tests.dashboard.markup import Fields
from tests.dashboard.people import PASSWORD, Person

HERE = "/dashboard/users"
ANOTHER = "Another-horse-8"


async def _edit(admin: Person, user_id: str) -> tuple[str, Fields]:
    at = f"{HERE}/{user_id}/edit"
    return at, (await admin.see(at)).one("form", action=at).fields()


async def _read(admin: Person, user_id: str) -> dict[str, object]:
    return (await admin.shop.client.get(f"/users/{user_id}")).json()


async def _updates(admin: Person) -> int:
    query = {"eventType": "user.updated"}
    return (await admin.shop.client.get("/events", params=query)).json()["pagination"]["itemCount"]


async def test_a_form_that_was_opened_before_a_demotion_does_not_undo_it(admin: Person, database: Database) -> None:
    user = await people.user(database, admin.shop.merchant_id, "admin")
    at, fields = await _edit(admin, user.id)
    await admin.shop.client.post(f"/users/{user.id}", json={"role": "supportAgent"})
    page = await admin.is_refused(at, markup.changed(fields, firstName="Ada"), 409)
    assert (await _read(admin, user.id))["role"] == "supportAgent"
    assert [each.text for each in page.every("p", class_="theirs")] == [
        "Someone else changed this meanwhile to Support agent."
    ]
    again = page.one("form", action=at).fields()
    assert (dict(again)["firstName"], dict(again)["role"]) == ("Ada", "supportAgent")
    await admin.is_led_on(at, again)
    now = await _read(admin, user.id)
    assert (now["firstName"], now["role"]) == ("Ada", "supportAgent")


async def test_only_what_was_changed_is_written_and_an_emptied_name_is_none(admin: Person, database: Database) -> None:
    user = await people.user(database, admin.shop.merchant_id, "developer", first_name="Ada", last_name="King")
    at, fields = await _edit(admin, user.id)
    await admin.is_led_on(at, fields)
    assert await _updates(admin) == 0
    await admin.is_led_on(at, markup.changed(fields, firstName=""))
    now = await _read(admin, user.id)
    assert (now["firstName"], now["lastName"]) == (None, "King")
    page = await admin.is_refused(at, markup.changed(fields, email=""))
    assert page.one("input", name="email").attributes["aria-invalid"] == "true"


@pytest.mark.parametrize("password", ["", ANOTHER])
async def test_a_form_that_is_sent_again_is_done_and_its_password_counts(
    password: str, admin: Person, database: Database
) -> None:
    user = await people.user(database, admin.shop.merchant_id, "developer")
    at, fields = await _edit(admin, user.id)
    sent = markup.changed(fields, firstName="Ada", password=password)
    for _ in range(2):
        assert await admin.is_led_on(at, sent) == HERE
    assert (await _read(admin, user.id))["firstName"] == "Ada"
    response = await people.sign_in(admin.browser, user.email, password or PASSWORD)
    assert response.status_code == 303


async def test_the_list_of_users_has_what_every_list_has(admin: Person, database: Database) -> None:
    removed = await people.user(database, admin.shop.merchant_id, "developer")
    await admin.shop.client.post(f"/users/{removed.id}/remove")
    page = await admin.see(f"{HERE}?removedAt[exists]=true")
    assert [each.one(class_="chip-text").text for each in page.every("span", class_="chip")] == ["State is Removed"]
    assert page.one("span", role="status").text == "1 match"
    assert removed.email in page.one("tbody").text
    (copy,) = [each for each in page.every("button") if each.text == "Copy as cURL"]
    assert "/users?removedAt[exists]=true" in copy.attributes["data-copy"]
    (form,) = [each for each in page.every("form", class_="filter-form") if ("filter", "removedAt") in each.fields()]
    assert ("operator", "set") in form.fields()
    response = await admin.browser.get(f"{HERE}?filter=removedAt&operator=unset")
    assert response.headers["location"] == f"{HERE}?removedAt[exists]=false"
    response = await admin.browser.get(f"{HERE}?filter=removedAt&operator=")
    assert response.headers["location"] == HERE
    page = await admin.see(f"{HERE}?role=supportAgent")
    assert [each.one(class_="chip-text").text for each in page.every("span", class_="chip")] == [
        "Role is Support agent"
    ]
    assert page.one("section", class_="card state").one("h2").text == "No user matches"
    page = await admin.see(f"{HERE}?page=99")
    assert page.one("section", class_="card state").one("h2").text == "There is no such page"


async def test_the_last_admin_s_role_and_a_taken_email_are_told_above_what_was_typed(
    admin: Person, database: Database
) -> None:
    user = await people.user(database, admin.shop.merchant_id, "developer")
    at, fields = await _edit(admin, admin.user.id)
    for typed, told in (({"role": "developer"}, "last admin"), ({"email": user.email}, "Another user has this email")):
        page = await admin.is_refused(at, markup.changed(fields, **typed, firstName="Ada"), 409)
        assert told in page.one("div", role="alert").text
        assert page.one("form", action=at).fields() == markup.changed(fields, **typed, firstName="Ada")


async def test_a_form_that_is_sent_twice_makes_one_user(admin: Person, database: Database) -> None:
    fields = (await admin.see(f"{HERE}/new")).one("form", action=f"{HERE}/new").fields()
    sent = markup.changed(fields, email="ada@odus.test", password=PASSWORD)
    for _ in range(2):
        assert await admin.is_led_on(f"{HERE}/new", sent) == HERE
    assert await database.read.count("select count(*) from users where email = 'ada@odus.test'") == 1
    page = await admin.is_refused(f"{HERE}/new", markup.changed(sent, password=ANOTHER), 422)
    assert "This form has made a user already" in page.text
    again = page.one("form", action=f"{HERE}/new").fields()
    page = await admin.is_refused(f"{HERE}/new", markup.changed(again, password=PASSWORD), 409)
    assert "Another user has this email" in page.one("div", role="alert").text
