import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.merchant_configs import queries
from odus.merchants import actions as merchants
from tests import make, operations
from tests.make import Shop

NEW = {
    "captureMethod": "automatic",
    "captureDelay": None,
    "timezone": "UTC",
    "displayCurrency": "usd",
}


async def _config(shop: Shop) -> dict[str, object]:
    (config,) = (await shop.client.get("/merchant-configs")).json()["data"]
    return config


async def _change(shop: Shop, **fields: object) -> dict[str, object]:
    response = await shop.client.post(f"/merchant-configs/{(await _config(shop))['id']}", json=fields)
    assert response.status_code == 200, response.text
    return response.json()


async def _is_refused(shop: Shop, error: tuple[str, str], **fields: object) -> None:
    before = await _config(shop)
    response = await shop.client.post(f"/merchant-configs/{before['id']}", json=fields)
    operations.assert_invalid(response, {error})
    assert await _config(shop) == before


async def test_a_new_test_merchant_takes_payments_at_once_through_its_sandbox(shop: Shop, database: Database) -> None:
    config = await _config(shop)
    (profile,) = (await shop.client.get("/gateway-profiles")).json()["data"]
    assert {name: config[name] for name in NEW} == NEW
    assert config["gatewayProfile"] == profile["id"]
    assert str(config["id"]).startswith("mcfg_")
    (event,) = (await shop.client.get("/events", params={"resource": str(config["id"])})).json()["data"]
    assert (event["eventType"], event["data"]) == ("merchant_config.created", config)
    assert (await queries.of(database.read, shop.merchant_id)).id == config["id"]


async def test_a_new_live_merchant_has_a_configuration_without_a_gateway(app: ASGIApp, database: Database) -> None:
    live = await merchants.create(database.write, make.who(""), "Live Shop", "live")
    key = await make.key(database, live.id)
    async with make.client(app, key.value) as client:
        (config,) = (await client.get("/merchant-configs")).json()["data"]
    assert {name: config[name] for name in NEW} == NEW
    assert config["gatewayProfile"] is None


async def test_there_is_no_configuration_of_a_merchant_that_is_not_there(database: Database) -> None:
    with pytest.raises(LookupError):
        await queries.of(database.read, "mer_x")


async def test_each_field_changes_and_the_others_stay(shop: Shop) -> None:
    second = (await shop.client.post("/gateway-profiles", json={"title": "B", "integration": "sandbox"})).json()
    config = await _config(shop)
    for fields in (
        {"gatewayProfile": second["id"]},
        {"gatewayProfile": None},
        {"captureMethod": "manual"},
        {"timezone": "America/Argentina/Buenos_Aires"},
        {"displayCurrency": "jpy"},
        {"captureMethod": "automaticDelayed", "captureDelay": 5},
    ):
        changed = await _change(shop, **fields)
        assert changed == {**config, **fields, "updatedAt": changed["updatedAt"]}
        assert str(changed["updatedAt"]) > str(config["updatedAt"])
        config = changed
    assert await _config(shop) == config


async def test_the_event_of_a_change_says_from_what_to_what(shop: Shop) -> None:
    config = await _change(shop, timezone="Europe/Vienna")
    events = (await shop.client.get("/events", params={"resource": str(config["id"])})).json()["data"]
    assert [event["eventType"] for event in events] == ["merchant_config.created", "merchant_config.updated"]
    assert events[-1]["changes"] == {"timezone": {"from": "UTC", "to": "Europe/Vienna"}}


async def test_a_delayed_capture_needs_its_delay(shop: Shop) -> None:
    await _is_refused(shop, ("captureDelay", "required"), captureMethod="automaticDelayed")
    await _is_refused(shop, ("captureDelay", "required"), captureMethod="automaticDelayed", captureDelay=None)
    await _change(shop, captureMethod="automaticDelayed", captureDelay=1)
    await _is_refused(shop, ("captureDelay", "required"), captureDelay=None)


async def test_a_delay_that_is_there_already_need_not_be_sent(shop: Shop) -> None:
    await _change(shop, captureMethod="automaticDelayed", captureDelay=3)
    assert (await _change(shop, captureMethod="automaticDelayed"))["captureDelay"] == 3
    assert (await _change(shop, captureDelay=4))["captureDelay"] == 4


@pytest.mark.parametrize("method", ["automatic", "manual"])
async def test_another_method_clears_the_delay_and_takes_none(method: str, shop: Shop) -> None:
    await _is_refused(shop, ("captureDelay", "invalid_value"), captureDelay=2)
    await _change(shop, captureMethod="automaticDelayed", captureDelay=2)
    await _is_refused(shop, ("captureDelay", "invalid_value"), captureMethod=method, captureDelay=2)
    assert (await _change(shop, captureMethod=method))["captureDelay"] is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"gatewayProfile": "gwp_x"}, "invalid_value"),
        ({"gatewayProfile": ""}, "invalid_value"),
        ({"gatewayProfile": "x\x00"}, "invalid_value"),
        ({"gatewayProfile": 1}, "invalid_type"),
        ({"captureMethod": "later"}, "invalid_value"),
        ({"captureMethod": None}, "invalid_type"),
        ({"captureDelay": 0}, "out_of_range"),
        ({"captureDelay": 6}, "out_of_range"),
        ({"captureDelay": "1"}, "invalid_type"),
        ({"timezone": "Vienna"}, "invalid_format"),
        ({"timezone": "europe/vienna"}, "invalid_format"),
        ({"timezone": "localtime"}, "invalid_format"),
        ({"timezone": "../../etc/passwd"}, "invalid_format"),
        ({"timezone": ""}, "invalid_format"),
        ({"timezone": None}, "invalid_type"),
        ({"displayCurrency": "USD"}, "invalid_format"),
        ({"displayCurrency": "xxx"}, "invalid_format"),
        ({"displayCurrency": None}, "invalid_type"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(fields: dict[str, object], code: str, shop: Shop) -> None:
    await _is_refused(shop, (next(iter(fields)), code), **fields)


async def test_another_merchants_gateway_profile_is_an_unknown_one(
    shop: Shop, app: ASGIApp, database: Database
) -> None:
    async with make.shop(app, database) as other:
        (profile,) = (await other.client.get("/gateway-profiles")).json()["data"]
    await _is_refused(shop, ("gatewayProfile", "invalid_value"), gatewayProfile=profile["id"])


async def test_a_refused_gateway_profile_leaves_the_idempotency_key_free(shop: Shop) -> None:
    at, headers = f"/merchant-configs/{(await _config(shop))['id']}", {"Idempotency-Key": "once"}
    refused = await shop.client.post(at, json={"gatewayProfile": "gwp_x"}, headers=headers)
    taken = await shop.client.post(at, json={"gatewayProfile": None}, headers=headers)
    assert (refused.status_code, taken.status_code) == (400, 200)
    assert taken.json()["gatewayProfile"] is None


async def test_an_update_that_changes_nothing_writes_nothing(shop: Shop, database: Database) -> None:
    config = await _config(shop)
    before = await make.snapshot(database)
    for body in ({}, {"timezone": "UTC"}, {"captureMethod": "automatic", "captureDelay": None}):
        assert await _change(shop, **body) == config
    assert await make.snapshot(database) == before


async def test_a_merchant_is_made_with_all_that_belongs_to_it_or_not_at_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("no")

    before = await make.snapshot(database)
    monkeypatch.setattr("odus.merchant_configs.actions.create", fail)
    with pytest.raises(RuntimeError):
        await merchants.create(database.write, make.who(""), "Half a Shop", "test")
    assert await make.snapshot(database) == before
