"""Making and changing customers through forms, as a browser sends them."""

import asyncpg
import pytest

from odus.kit.db import Database
from tests import make
from tests.dashboard import markup
from tests.dashboard.markup import Element, Fields
from tests.dashboard.people import Person

HERE = "/dashboard/customers"
FULL: dict[str, object] = {
    "email": "jane@example.com",
    "name": "Jane",
    "phoneNumber": "+15559876543",
    "dateOfBirth": "1990-05-17",
    "billingAddress": {"line1": "1 High Street", "city": "London", "country": "GB"},
    "metadata": {"tier": "gold"},
}


async def _read(person: Person, customer_id: object) -> dict[str, object]:
    return (await person.shop.client.get(f"/customers/{customer_id}")).json()


async def _events(person: Person, customer_id: object) -> list[dict[str, object]]:
    query = {"sortDirection": "desc", "pageSize": "100"}
    events: list[dict[str, object]] = (
        await person.shop.client.get(f"/customers/{customer_id}/events", params=query)
    ).json()["data"]
    return [event for event in events if event["eventType"] == "customer.updated"]


def _form(page: Element, action: str) -> Fields:
    return page.one("form", method="post", action=action).fields()


async def test_a_customer_is_made_of_what_was_typed(admin: Person) -> None:
    fields = _form(await admin.see(f"{HERE}/new"), f"{HERE}/new")
    typed = markup.changed(
        fields,
        email="ada@example.com",
        name="Ada",
        phoneNumber="+1 (555) 987-6543",
        dateOfBirth="1990-05-17",
        billingAddress__line1="1 High Street",
        billingAddress__country="GB",
    )
    address = await admin.is_led_on(f"{HERE}/new", typed)
    made = await _read(admin, address.rpartition("/")[2])
    assert made["email"] == "ada@example.com"
    assert made["phoneNumber"] == "+15559876543"
    assert made["billingAddress"] == {
        **dict.fromkeys(("line2", "city", "state", "postalCode")), "line1": "1 High Street", "country": "GB"
    }  # fmt: skip
    assert made["shippingAddress"] is None
    assert (await admin.see(address)).one("h1").text == "Ada"


async def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(admin: Person, database: Database) -> None:
    fields = _form(await admin.see(f"{HERE}/new"), f"{HERE}/new")
    typed = markup.changed(
        fields, email="no email", name="<b>", phoneNumber="12", dateOfBirth="1890-01-01", billingAddress__city="x" * 256
    )
    before = await database.read.count("select count(*) from customers")
    page = await admin.is_refused(f"{HERE}/new", typed)
    assert _form(page, f"{HERE}/new") == typed
    wrong = {each.attributes["name"] for each in page.every("input", aria_invalid="true")}
    assert wrong == {"email", "phoneNumber", "dateOfBirth", "billingAddress.city"}
    for name in wrong:
        note = page.one(id=page.one("input", name=name).attributes["aria-describedby"])
        assert note.text.startswith("Must be ")
    assert await database.read.count("select count(*) from customers") == before


@pytest.mark.parametrize("error", [asyncpg.CannotConnectNowError, ZeroDivisionError])
async def test_what_the_server_could_not_take_is_given_back_and_sent_again(
    error: type[Exception], admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise error

    fields = markup.changed(_form(await admin.see(f"{HERE}/new"), f"{HERE}/new"), email="ada@example.com")
    with monkeypatch.context() as patch:
        patch.setattr("odus.customers.actions.create", away)
        page = await admin.is_refused(f"{HERE}/new", fields, 500 if error is ZeroDivisionError else 503)
    assert admin.user.email in page.one("header").text
    again = page.one("main").one("form", method="post")
    assert again.one("button").text == "Send again"
    made = await admin.is_led_on(again.attributes["action"], again.fields())
    assert (await _read(admin, made.rpartition("/")[2]))["email"] == "ada@example.com"


async def test_the_form_has_all_that_a_customer_is_made_of(admin: Person) -> None:
    fields = _form(await admin.see(f"{HERE}/new"), f"{HERE}/new")
    lines = [*_line("tier", " 00123 "), *_line("", "")]
    typed = [*markup.changed(fields, email="ada@example.com", restrictReason="Fraud"), ("restrictMit", "on"), *lines]
    made = await _read(admin, (await admin.is_led_on(f"{HERE}/new", typed)).rpartition("/")[2])
    assert made["metadata"] == {"tier": " 00123 "}
    assert (made["restrictCit"], made["restrictMit"], made["restrictReason"]) == (False, True, "Fraud")


def _line(key: str, value: str) -> Fields:
    """Return a new line of metadata as a form sends it."""
    return [("wasKey", ""), ("wasValue", ""), ("key", key), ("value", value)]


async def test_lines_of_metadata_that_are_wrong_say_so_beside_all_other_mistakes(admin: Person) -> None:
    fields = _form(await admin.see(f"{HERE}/new"), f"{HERE}/new")
    lines = [("", "gold"), ("tier", "gold"), ("tier", "basic"), ("a[b]", "x"), ("note", "x" * 501)]
    typed = markup.changed(fields, email="no email", restrictReason="x" * 501)
    for key, value in lines:
        typed += _line(key, value)
    page = await admin.is_refused(f"{HERE}/new", typed)
    assert sorted(_form(page, f"{HERE}/new")) == sorted(typed)
    wrong = [each.attributes["name"] for each in page if each.attributes.get("aria-invalid") == "true"]
    assert wrong == ["email", *["key"] * 5, "restrictReason"]
    for said in ("needs a key", "the key tier stands twice", "note must be at most 500 characters"):
        assert said in page.text


async def test_a_form_that_is_sent_twice_makes_one_customer_and_another_when_it_says_something_else(
    admin: Person, database: Database
) -> None:
    fields = markup.changed(_form(await admin.see(f"{HERE}/new"), f"{HERE}/new"), email="ada@example.com")
    first = await admin.is_led_on(f"{HERE}/new", fields)
    assert await admin.is_led_on(f"{HERE}/new", fields) == first
    assert await database.read.count("select count(*) from customers") == 1
    page = await admin.is_refused(f"{HERE}/new", markup.changed(fields, email="grace@example.com"), 422)
    assert "This form has made a customer already" in page.text
    again = _form(page, f"{HERE}/new")
    assert dict(again)["email"] == "grace@example.com"
    assert await admin.is_led_on(f"{HERE}/new", again) != first


async def test_the_activity_tells_a_customers_fields_for_people_and_its_metadata_as_it_is(admin: Person) -> None:
    customer = await make.customer(admin.shop.client)
    change = {"phoneNumber": "+15559876543", "metadata": {"seenAt": "yesterday", "phoneNumber": "none"}}
    await admin.shop.client.post(f"/customers/{customer['id']}", json=change)
    told = (await admin.see(f"{HERE}/{customer['id']}")).one("ol", class_="timeline").every("ins")
    assert sorted(each.text for each in told) == ["+1 555-987-6543", "none", "yesterday"]


async def test_an_empty_form_asks_for_the_email_alone(admin: Person) -> None:
    page = await admin.is_refused(f"{HERE}/new", _form(await admin.see(f"{HERE}/new"), f"{HERE}/new"))
    assert [each.attributes["name"] for each in page.every("input", aria_invalid="true")] == ["email"]


async def _edit(person: Person, customer_id: object) -> tuple[str, Fields]:
    at = f"{HERE}/{customer_id}/edit"
    return at, _form(await person.see(at), at)


async def test_only_what_was_changed_is_written(admin: Person) -> None:
    customer = await make.customer(admin.shop.client, **FULL)
    at, fields = await _edit(admin, customer["id"])
    assert await admin.is_led_on(at, markup.changed(fields, name="Ada", phoneNumber="")) == f"{HERE}/{customer['id']}"
    (event,) = await _events(admin, customer["id"])
    assert event["changes"] == {
        "name": {"from": "Jane", "to": "Ada"},
        "phoneNumber": {"from": "+15559876543", "to": None},
    }
    assert event["actor"] == {"type": "user", "id": admin.user.id}


ODD_TEXTS = ("Jane\nSmith", "Jane\r\nSmith", " Jane ", "\nJane", "\t", '«Jane» &amp; "Co" <x>', "😀", "\u2028", "\r")


@pytest.mark.parametrize("name", ODD_TEXTS, ids=ascii)
async def test_a_form_saved_as_it_was_shown_writes_nothing(name: str, admin: Person) -> None:
    fields = {**FULL, "name": name, "billingAddress": {"line1": name}}
    customer = await make.customer(admin.shop.client, **fields)
    at, shown = await _edit(admin, customer["id"])
    await admin.is_led_on(at, shown)
    assert await _events(admin, customer["id"]) == []
    await admin.is_led_on(at, markup.changed(shown, email="ada@example.com"))
    (event,) = await _events(admin, customer["id"])
    assert set(event["changes"]) == {"email"}  # pyright: ignore[reportArgumentType] - JSON


async def test_what_someone_else_changed_meanwhile_is_shown_and_not_overwritten_unseen(admin: Person) -> None:
    customer = await make.customer(admin.shop.client, **FULL)
    at, fields = await _edit(admin, customer["id"])
    theirs = {"name": "Grace", "dateOfBirth": None}
    await admin.shop.client.post(f"/customers/{customer['id']}", json=theirs)
    page = await admin.is_refused(at, markup.changed(fields, name="Ada", phoneNumber=""), 409)
    now = await _read(admin, customer["id"])
    assert (now["name"], now["phoneNumber"]) == ("Grace", "+15559876543")
    shown = dict(_form(page, at))
    assert (shown["name"], shown["dateOfBirth"], shown["phoneNumber"]) == ("Ada", "", "")
    told = [each.text for each in page.every("p", class_="theirs")]
    assert told == [f"Someone else changed this meanwhile to {what}." for what in ("Grace", "nothing")]
    await admin.is_led_on(at, _form(page, at))
    now = await _read(admin, customer["id"])
    assert (now["name"], now["phoneNumber"], now["dateOfBirth"]) == ("Ada", None, None)


async def test_a_form_that_is_sent_again_is_done_whatever_else_changed(admin: Person) -> None:
    customer = await make.customer(admin.shop.client, **FULL)
    at, fields = await _edit(admin, customer["id"])
    typed = markup.changed(fields, name="Ada", phoneNumber="+1 (555) 987-6544")
    to = await admin.is_led_on(at, typed)
    assert await admin.is_led_on(at, typed) == to
    await admin.shop.client.post(f"/customers/{customer['id']}", json={"dateOfBirth": None})
    assert await admin.is_led_on(at, typed) == to
    now = await _read(admin, customer["id"])
    assert (now["name"], now["phoneNumber"], now["dateOfBirth"]) == ("Ada", "+15559876544", None)
    await admin.shop.client.post(f"/customers/{customer['id']}", json={"name": "Grace"})
    await admin.is_refused(at, typed, 409)


async def test_a_change_meanwhile_of_what_the_form_does_not_show_is_no_hindrance(admin: Person) -> None:
    customer = await make.customer(admin.shop.client, **FULL)
    at, fields = await _edit(admin, customer["id"])
    await admin.shop.client.post(f"/customers/{customer['id']}", json={"metadata": {"tier": "silver"}})
    await admin.is_led_on(at, markup.changed(fields, name="Ada"))
    now = await _read(admin, customer["id"])
    assert (now["name"], now["metadata"]) == ("Ada", {"tier": "silver"})


Line = tuple[str, str, str, str]


def _lines(page: Element, at: str) -> list[Line]:
    """Return the lines of the editor: key, value, and what both were."""
    fields = _form(page, at)
    columns = [[text for name, text in fields if name == column] for column in ("key", "value", "wasKey", "wasValue")]
    return list(zip(*columns, strict=True))


def _sent(lines: list[Line]) -> Fields:
    names = ("wasKey", "wasValue", "key", "value")
    return [
        pair
        for key, value, was_key, was_value in lines
        for pair in zip(names, (was_key, was_value, key, value), strict=True)
    ]


class _Editor:
    """The metadata of a customer, and its editor as it was opened."""

    def __init__(self, person: Person, customer_id: object, lines: list[Line]) -> None:
        self.person = person
        self.id = customer_id
        self.at = f"{HERE}/{customer_id}/metadata"
        self.lines = lines

    @classmethod
    async def open(cls, person: Person, metadata: dict[str, str]) -> "_Editor":
        customer = await make.customer(person.shop.client, email="jane@example.com", metadata=metadata)
        page = await person.see(f"{HERE}/{customer['id']}")
        return cls(person, customer["id"], _lines(page, f"{HERE}/{customer['id']}/metadata"))

    async def write(self, **metadata: str) -> None:
        """Write as the API does meanwhile."""
        await self.person.shop.client.post(f"/customers/{self.id}", json={"metadata": metadata})

    async def save(self, lines: list[Line]) -> dict[str, str]:
        assert await self.person.is_led_on(self.at, _sent(lines)) == f"{HERE}/{self.id}"
        return await self.stored()

    async def is_refused(self, lines: list[Line]) -> tuple[list[Line], list[str]]:
        """Return the lines as they are shown again, and what is wrong with them."""
        before = await self.stored()
        page = await self.person.is_refused(self.at, _sent(lines))
        assert await self.stored() == before
        return _lines(page, self.at), [each.text for each in page.every("div", class_="invalid-feedback")]

    async def stored(self) -> dict[str, str]:
        metadata = (await _read(self.person, self.id))["metadata"]
        assert isinstance(metadata, dict)
        return metadata


async def test_keys_are_added_changed_renamed_and_removed_at_once(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2", "c": "3", "d": "4"})
    lines = [("a", "1", "a", "1"), ("b", "9", "b", "2"), ("e", "3", "c", "3"), ("", "", "d", "4"), ("f", "6", "", "")]
    assert await editor.save([*lines, ("", "", "", "")]) == {"a": "1", "b": "9", "e": "3", "f": "6"}
    (event,) = await _events(admin, editor.id)
    assert set(event["changes"]) == {f"metadata.{key}" for key in "bcdef"}  # pyright: ignore[reportArgumentType] - JSON


async def test_two_keys_can_change_places(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    assert await editor.save([("b", "1", "a", "1"), ("a", "2", "b", "2")]) == {"b": "1", "a": "2"}


async def test_an_emptied_value_removes_its_key(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    assert await editor.save([("a", "", "a", "1"), ("b", "2", "b", "2")]) == {"b": "2"}


STRINGS = (
    "00123",
    "true",
    "null",
    " x ",
    "one\ntwo",
    "\nfirst",
    "last\n",
    "a\r\nb",
    "\t",
    "{}",
    "1e3",
    "😀",
    "&amp;",
    '"',
)


async def test_strings_stay_strings(admin: Person) -> None:
    for text in STRINGS:
        editor = await _Editor.open(admin, {"key": text, "a\nb": "x"})
        assert await editor.save(editor.lines) == {"key": text, "a\nb": "x"}
        assert await editor.save([*editor.lines, ("new", text, "", "")]) == {
            "a\nb": "x", "key": text, "new": text.replace("\r\n", "\n")
        }  # fmt: skip
        assert len(await _events(admin, editor.id)) == 1


async def test_an_unchanged_editor_writes_nothing(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    await editor.save(editor.lines)
    assert await _events(admin, editor.id) == []


WRONG_LINES = {
    "a key twice": (("a", "2", "", ""), "twice"),
    "renamed onto another": (("a", "2", "b", "2"), "twice"),
    "brackets": (("x[y]", "2", "", ""), "x[y]"),
    "a long key": (("k" * 41, "2", "", ""), "40"),
    "a long value": (("k", "v" * 501, "", ""), "500"),
    "a value without a key": (("", "v", "", ""), "needs a key"),
    "NUL": (("k", "a\x00b", "", ""), "k"),
}


@pytest.mark.parametrize(("line", "told"), WRONG_LINES.values(), ids=list(WRONG_LINES))
async def test_a_line_that_is_wrong_is_told_and_stays(line: Line, told: str, admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    lines = [("a", "1", "a", "1"), ("good", "3", "", ""), line]
    shown, wrong = await editor.is_refused(lines)
    assert shown == lines
    assert len(wrong) == 1
    assert told in wrong[0]


async def test_there_are_fifty_keys_at_most(admin: Person) -> None:
    editor = await _Editor.open(admin, {f"k{number:02}": "v" for number in range(49)})
    _, wrong = await editor.is_refused([*editor.lines, ("x", "1", "", ""), ("y", "1", "", "")])
    assert len(wrong) == 1
    assert "at most 50 keys" in wrong[0]
    assert len(await editor.save([*editor.lines, ("x", "1", "", "")])) == 50


async def test_what_the_api_wrote_to_another_key_meanwhile_survives(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    await editor.write(b="9", c="3")
    assert await editor.save([("a", "5", "a", "1"), ("b", "2", "b", "2")]) == {"a": "5", "b": "9", "c": "3"}


MEANWHILE = {
    "changed": ({"a": "9"}, ("a", "5", "a", "1"), "9"),
    "changed, then removed here": ({"a": "9"}, ("", "", "a", "1"), "9"),
    "removed": ({"a": ""}, ("a", "5", "a", "1"), "removed"),
    "added": ({"c": "9"}, ("c", "5", "", ""), "9"),
    "added, renamed onto here": ({"c": "9"}, ("c", "1", "a", "1"), "9"),
}


@pytest.mark.parametrize(("theirs", "line", "told"), MEANWHILE.values(), ids=list(MEANWHILE))
async def test_what_the_api_wrote_to_the_same_key_meanwhile_is_told_before_it_is_replaced(
    theirs: dict[str, str], line: Line, told: str, admin: Person
) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    await editor.write(**theirs)
    shown, wrong = await editor.is_refused([line, ("b", "2", "b", "2")])
    assert shown[0][:2] == line[:2]
    assert len(wrong) == 1
    assert told in wrong[0]
    saved = await editor.save(shown)
    rest = {"a": "1", "b": "2"}
    del rest[line[2] or "b"]
    assert saved == {"b": "2", **rest, **({line[0]: line[1]} if line[0] else {})}


async def test_what_is_refused_is_told_on_top_with_a_link_to_its_line(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    await editor.write(a="9")
    page = await admin.is_refused(editor.at, _sent([("b", "2", "b", "2"), ("", "", "a", "1")]))
    alert = page.one("div", role="alert")
    assert next(each for each in page.one("main") if each.tag in ("div", "section")) is alert
    assert alert.one("li").text == "a was changed to “9” meanwhile; save again to replace that"
    wrong = page.one("input", id=alert.one("a").attributes["href"].removeprefix("#"))
    assert (wrong.attributes["name"], wrong.attributes["aria-invalid"]) == ("key", "true")


@pytest.mark.parametrize("rest", ["metadata", "metadata/clear"])
async def test_the_address_of_a_metadata_form_leads_to_its_object(rest: str, admin: Person) -> None:
    client = admin.shop.client
    subscription, payment = await make.subscription(client), await make.payment(client)
    for kind, made in (
        ("customers", await make.customer(client)),
        ("payments", payment),
        ("subscriptions", subscription),
    ):
        at = f"/dashboard/{kind}/{made['id']}"
        response = await admin.browser.get(f"{at}/{rest}")
        assert (response.status_code, response.headers["location"]) == (303, f"{at}#metadata")


async def test_to_clear_all_takes_no_key_that_was_not_told(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1"})
    at = f"{editor.at}/clear"
    asked = markup.read((await admin.send(at, {"unsaved": ""})).text)
    assert "The key a of jane@example.com goes." in asked.text
    assert "did not save" not in asked.text
    await editor.write(b="2")
    page = await admin.is_refused(at, _form(asked, at), 409)
    assert await editor.stored() == {"a": "1", "b": "2"}
    assert "Someone else changed the keys" in page.one("div", role="alert").text
    assert "All 2 keys" in page.text
    await editor.write(b="3")
    await admin.is_led_on(at, _form(page, at))
    assert await editor.stored() == {}
    await admin.is_led_on(at, _form(page, at))


async def test_to_clear_all_tells_that_what_is_not_saved_goes_too(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1"})
    asked = markup.read((await admin.send(f"{editor.at}/clear", {"unsaved": "yes"})).text)
    assert "did not save goes too" in asked.text
    await editor.write(b="2")
    page = await admin.is_refused(f"{editor.at}/clear", _form(asked, f"{editor.at}/clear"), 409)
    assert "did not save goes too" in page.text


async def test_to_clear_all_metadata_is_asked_first(admin: Person) -> None:
    editor = await _Editor.open(admin, {"a": "1", "b": "2"})
    at = f"{editor.at}/clear"
    response = await admin.send(at, _sent(editor.lines))
    assert response.status_code == 200
    assert await editor.stored() == {"a": "1", "b": "2"}
    page = markup.read(response.text)
    assert "All 2 keys" in page.text
    await admin.is_led_on(at, _form(page, at))
    assert await editor.stored() == {}
    (event,) = await _events(admin, editor.id)
    assert set(event["changes"]) == {"metadata.a", "metadata.b"}  # pyright: ignore[reportArgumentType] - JSON
