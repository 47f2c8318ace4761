import pytest
from litestar.types import ASGIApp

from odus.gateways import queries
from odus.kit.db import Database
from odus.merchants import actions as merchants
from tests import make, operations
from tests.make import Shop

SECOND = {"title": "Second", "integration": "sandbox"}


async def _only(shop: Shop) -> dict[str, object]:
    (profile,) = (await shop.client.get("/gateway-profiles")).json()["data"]
    return profile


async def _live(database: Database) -> str:
    return (await merchants.create(database.write, make.who(""), "Live Shop", "live")).id


async def test_a_new_test_merchant_has_a_sandbox(shop: Shop) -> None:
    profile = await _only(shop)
    assert {name: profile[name] for name in ("title", "integration", "environment")} == {
        "title": "Sandbox",
        "integration": "sandbox",
        "environment": "test",
    }
    assert str(profile["id"]).startswith("gwp_")
    (event,) = (await shop.client.get("/events", params={"resource": str(profile["id"])})).json()["data"]
    assert (event["eventType"], event["data"]) == ("gateway_profile.created", profile)


async def test_a_new_live_merchant_has_none_and_can_make_none(app: ASGIApp, database: Database) -> None:
    key = await make.key(database, await _live(database))
    async with make.client(app, key.value) as client:
        assert (await client.get("/gateway-profiles")).json()["data"] == []
        response = await client.post("/gateway-profiles", json=SECOND)
        operations.assert_invalid(response, {("integration", "invalid_value")})
        response = await client.post("/gateway-profiles", json={**SECOND, "environment": "test"})
        operations.assert_invalid(response, {("environment", "invalid_value")})
        assert (await client.get("/gateway-profiles")).json()["data"] == []


@pytest.mark.parametrize("said", [{}, {"environment": "test"}])
async def test_a_profile_is_of_the_merchants_environment_said_or_not(said: dict[str, str], shop: Shop) -> None:
    response = await shop.client.post("/gateway-profiles", json={**SECOND, **said})
    assert response.status_code == 201
    assert response.json()["environment"] == "test"


async def test_a_live_profile_of_a_test_merchant_is_refused(shop: Shop, database: Database) -> None:
    before = await make.snapshot(database)
    response = await shop.client.post("/gateway-profiles", json={**SECOND, "environment": "live"})
    operations.assert_invalid(response, {("environment", "invalid_value")})
    assert await make.snapshot(database) == before


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {("title", "required"), ("integration", "required")}),
        ({**SECOND, "title": ""}, {("title", "too_short")}),
        ({**SECOND, "title": "x" * 256}, {("title", "too_long")}),
        ({**SECOND, "title": None}, {("title", "invalid_type")}),
        ({**SECOND, "integration": "stripe"}, {("integration", "invalid_value")}),
        ({**SECOND, "environment": "moon"}, {("environment", "invalid_value")}),
        ({**SECOND, "secret": "x"}, {("secret", "unknown_field")}),
    ],
)
async def test_what_is_wrong_is_named(body: dict[str, object], errors: set[tuple[str, str]], shop: Shop) -> None:
    operations.assert_invalid(await shop.client.post("/gateway-profiles", json=body), errors)


async def test_only_the_title_changes(shop: Shop) -> None:
    before = await _only(shop)
    response = await shop.client.post(f"/gateway-profiles/{before['id']}", json={"title": "Main"})
    changed = response.json()
    assert changed == {**before, "title": "Main", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > before["updatedAt"]
    for body in ({"environment": "live"}, {"integration": "sandbox"}):
        response = await shop.client.post(f"/gateway-profiles/{before['id']}", json=body)
        operations.assert_invalid(response, {(next(iter(body)), "unknown_field")})
    assert await _only(shop) == changed


async def test_an_update_that_changes_nothing_writes_nothing(shop: Shop, database: Database) -> None:
    profile = await _only(shop)
    before = await make.snapshot(database)
    for body in ({}, {"title": "Sandbox"}):
        assert (await shop.client.post(f"/gateway-profiles/{profile['id']}", json=body)).json() == profile
    assert await make.snapshot(database) == before


async def test_the_secret_is_of_each_profile_alone_and_leaves_the_database_in_no_answer_and_no_event(
    shop: Shop, database: Database
) -> None:
    second = (await shop.client.post("/gateway-profiles", json=SECOND)).json()
    first = await _only_first(shop)
    secrets = {await queries.secret(database.read, shop.merchant_id, str(each["id"])) for each in (first, second)}
    assert {len(secret) for secret in secrets} == {32}
    assert len(secrets) == 2
    names = {"id", "title", "integration", "environment", "createdAt", "updatedAt"}
    assert set(first) == set(second) == names
    for event in (await shop.client.get("/events", params={"pageSize": "100"})).json()["data"]:
        if event["eventType"].startswith("gateway_profile."):
            assert set(event["data"]) == names


async def _only_first(shop: Shop) -> dict[str, object]:
    return (await shop.client.get("/gateway-profiles")).json()["data"][0]


async def test_a_secret_outlasts_a_new_title(shop: Shop, database: Database) -> None:
    profile_id = str((await _only(shop))["id"])
    before = await queries.secret(database.read, shop.merchant_id, profile_id)
    await shop.client.post(f"/gateway-profiles/{profile_id}", json={"title": "Main"})
    assert await queries.secret(database.read, shop.merchant_id, profile_id) == before


async def test_the_secret_of_a_profile_that_is_not_there_is_a_fault(shop: Shop, database: Database) -> None:
    with pytest.raises(LookupError):
        await queries.secret(database.read, shop.merchant_id, "gwp_x")


async def test_profiles_are_found_by_what_they_are(shop: Shop) -> None:
    await shop.client.post("/gateway-profiles", json={**SECOND, "title": "STRAẞE"})
    for query, titles in (
        ({"title[like]": "strasse"}, ["STRAẞE"]),
        ({"title": "Sandbox"}, ["Sandbox"]),
        ({"integration": "sandbox", "sortBy": "title", "sortDirection": "desc"}, ["STRAẞE", "Sandbox"]),
        ({"environment": "live"}, []),
        ({"environment[in]": "test,live", "sortBy": "title"}, ["Sandbox", "STRAẞE"]),
    ):
        response = await shop.client.get("/gateway-profiles", params=query)
        assert [profile["title"] for profile in response.json()["data"]] == titles, (query, response.text)
