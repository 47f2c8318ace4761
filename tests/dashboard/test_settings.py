"""Settings > General, as a browser sends its forms."""

import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from tests import make
from tests.dashboard import markup, people
from tests.dashboard.markup import Element, Fields
from tests.dashboard.people import Person

HERE = "/dashboard/settings"
PROFILES = f"{HERE}/gateway-profiles"


def _form(page: Element, action: str = HERE) -> Fields:
    return page.one("form", method="post", action=action).fields()


async def _config(person: Person) -> dict[str, object]:
    (config,) = (await person.shop.client.get("/merchant-configs")).json()["data"]
    return config


async def _write(person: Person, **fields: object) -> None:
    """Write as the API does meanwhile."""
    config = await _config(person)
    response = await person.shop.client.post(f"/merchant-configs/{config['id']}", json=fields)
    assert response.status_code == 200, response.text


async def test_the_merchant_and_its_environment_are_shown(admin: Person) -> None:
    facts = (await admin.see(HERE)).every("dl", class_="facts")[0].text
    assert "Corner Shop" in facts
    assert admin.shop.merchant_id in facts
    assert "Environment Test" in facts


async def test_only_what_was_changed_is_written(admin: Person) -> None:
    shown = _form(await admin.see(HERE))
    assert await admin.is_led_on(HERE, markup.changed(shown, timezone="Europe/Vienna", displayCurrency="eur")) == HERE
    config = await _config(admin)
    assert (config["timezone"], config["displayCurrency"]) == ("Europe/Vienna", "eur")
    events = (await admin.shop.client.get("/events", params={"resource": str(config["id"])})).json()["data"]
    assert set(events[-1]["changes"]) == {"timezone", "displayCurrency"}
    assert events[-1]["actor"] == {"type": "user", "id": admin.user.id}


@pytest.mark.parametrize("fields", [{}, {"captureMethod": "automaticDelayed", "captureDelay": 4}], ids=str)
async def test_a_form_saved_as_it_was_shown_writes_nothing(fields: dict[str, object], admin: Person) -> None:
    if fields:
        await _write(admin, **fields)
    before = await _config(admin)
    await admin.is_led_on(HERE, _form(await admin.see(HERE)))
    assert await _config(admin) == before


async def test_the_delay_counts_with_the_method_that_has_one_and_goes_with_it(admin: Person) -> None:
    shown = _form(await admin.see(HERE))
    await admin.is_led_on(HERE, markup.changed(shown, captureMethod="manual", captureDelay="3"))
    assert (await _config(admin))["captureDelay"] is None
    shown = _form(await admin.see(HERE))
    await admin.is_led_on(HERE, markup.changed(shown, captureMethod="automaticDelayed", captureDelay="3"))
    assert (await _config(admin))["captureDelay"] == 3
    shown = _form(await admin.see(HERE))
    assert ("captureDelay", "3") in shown
    await admin.is_led_on(HERE, markup.changed(shown, captureDelay="5"))
    assert (await _config(admin))["captureDelay"] == 5
    await admin.is_led_on(HERE, markup.changed(_form(await admin.see(HERE)), captureMethod="automatic"))
    assert (await _config(admin))["captureDelay"] is None


async def test_a_gateway_can_be_taken_away(admin: Person) -> None:
    await admin.is_led_on(HERE, markup.changed(_form(await admin.see(HERE)), gatewayProfile=""))
    assert (await _config(admin))["gatewayProfile"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("timezone", "Vienna"), ("timezone", ""), ("gatewayProfile", "gwp_x"), ("captureMethod", "later"),
     ("displayCurrency", "xxx")],
)  # fmt: skip
async def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    field: str, value: str, admin: Person
) -> None:
    before = await _config(admin)
    typed = markup.changed(_form(await admin.see(HERE)), **{"displayCurrency": "eur", field: value})
    page = await admin.is_refused(HERE, typed)
    assert _form(page) == typed
    (wrong,) = [each for each in page if each.attributes.get("aria-invalid")]
    assert wrong.attributes["name"] == field
    assert page.one(id=wrong.attributes["aria-describedby"]).attributes["class"] == "invalid-feedback"
    assert await _config(admin) == before


@pytest.mark.parametrize("delay", ["", "0", "6", "x", "1.5", "9" * 5000])
async def test_a_delay_that_is_none_is_told_at_its_field(delay: str, admin: Person) -> None:
    typed = markup.changed(_form(await admin.see(HERE)), captureMethod="automaticDelayed", captureDelay=delay)
    page = await admin.is_refused(HERE, typed)
    assert page.one(aria_invalid="true").attributes["name"] == "captureDelay"
    assert (await _config(admin))["captureMethod"] == "automatic"


async def test_what_someone_else_changed_meanwhile_is_shown_and_not_overwritten_unseen(admin: Person) -> None:
    shown = _form(await admin.see(HERE))
    await _write(admin, captureMethod="manual", timezone="Asia/Tokyo")
    page = await admin.is_refused(HERE, markup.changed(shown, timezone="Europe/Vienna"), 409)
    assert (await _config(admin))["timezone"] == "Asia/Tokyo"
    told = [each.text for each in page.every("p", class_="theirs")]
    assert told == [
        "Someone else changed this meanwhile to When you say so.",
        "Someone else changed this meanwhile to Asia/Tokyo.",
    ]
    again = dict(_form(page))
    assert (again["captureMethod"], again["timezone"]) == ("manual", "Europe/Vienna")
    await admin.is_led_on(HERE, _form(page))
    config = await _config(admin)
    assert (config["captureMethod"], config["timezone"]) == ("manual", "Europe/Vienna")


async def test_a_change_that_was_taken_back_meanwhile_is_no_hindrance(admin: Person) -> None:
    shown = _form(await admin.see(HERE))
    await _write(admin, timezone="Asia/Tokyo")
    await _write(admin, timezone="UTC")
    await admin.is_led_on(HERE, markup.changed(shown, timezone="Europe/Vienna"))
    assert (await _config(admin))["timezone"] == "Europe/Vienna"


async def test_every_time_zone_can_be_found_by_a_part_of_its_name(admin: Person) -> None:
    page = await admin.see(HERE)
    assert page.one("input", name="timezone").attributes["list"] == "timezones"
    names = [each.attributes["value"] for each in page.one("datalist", id="timezones").every("option")]
    assert {"UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata"} <= set(names)
    assert names == sorted(names)


async def test_a_profile_is_added_and_renamed(admin: Person) -> None:
    fields = _form(await admin.see(f"{PROFILES}/new"), f"{PROFILES}/new")
    assert await admin.is_led_on(f"{PROFILES}/new", markup.changed(fields, title="Second")) == HERE
    profile = (await admin.shop.client.get("/gateway-profiles", params={"title": "Second"})).json()["data"][0]
    at = f"{PROFILES}/{profile['id']}/edit"
    assert at in {each.attributes["href"] for each in (await admin.see(HERE)).every("a")}
    await admin.is_led_on(at, markup.changed(_form(await admin.see(at), at), title="Third"))
    assert "Third" in (await admin.see(HERE)).one("table").text


async def test_a_profile_without_a_title_is_told_at_its_field(admin: Person) -> None:
    at = f"{PROFILES}/new"
    page = await admin.is_refused(at, _form(await admin.see(at), at))
    assert page.one(aria_invalid="true").attributes["name"] == "title"


async def test_a_profile_that_someone_else_renamed_is_not_overwritten_unseen(admin: Person) -> None:
    (profile,) = (await admin.shop.client.get("/gateway-profiles")).json()["data"]
    at = f"{PROFILES}/{profile['id']}/edit"
    shown = _form(await admin.see(at), at)
    await admin.shop.client.post(f"/gateway-profiles/{profile['id']}", json={"title": "Theirs"})
    page = await admin.is_refused(at, markup.changed(shown, title="Mine"), 409)
    assert page.one("p", class_="theirs").text == "Someone else changed this meanwhile to Theirs."
    assert (await admin.shop.client.get(f"/gateway-profiles/{profile['id']}")).json()["title"] == "Theirs"
    await admin.is_led_on(at, _form(page, at))
    assert (await admin.shop.client.get(f"/gateway-profiles/{profile['id']}")).json()["title"] == "Mine"


async def test_a_live_merchant_is_told_that_there_is_no_gateway_yet(app: ASGIApp, database: Database) -> None:
    live = await make.merchants.create(database.write, make.who(""), "Live Shop", "live")
    key = await make.key(database, live.id)
    async with make.client(app, key.value) as client:
        shop = make.Shop(live.id, key.id, key.value, client)
        async with people.signed_in(app, database, shop, "admin") as admin:
            page = await admin.see(HERE)
            assert "There is no gateway for live payments yet." in page.text
            assert f"{PROFILES}/new" not in {each.attributes["href"] for each in page.every("a")}
            fields = {"title": "Sandbox", "integration": "sandbox"}
            refused = await admin.is_refused(f"{PROFILES}/new", fields)
            assert refused.one(aria_invalid="true").attributes["name"] == "integration"
