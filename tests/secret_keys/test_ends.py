"""How a key's values end: by rotation, by revocation, by expiry."""

from datetime import timedelta

import httpx
import pytest

from odus.kit.db import Database
from odus.kit.times import Moment, now
from odus.secret_keys.keyring import REMEMBERED_SECONDS
from tests import make, operations
from tests.make import Shop
from tests.secret_keys.test_api import created, later, works


async def rotated(client: httpx.AsyncClient, key_id: str, **fields: object) -> dict[str, str]:
    response = await client.post(f"/secret-keys/{key_id}/rotate", json=fields)
    assert response.status_code == 200, response.text
    return response.json()


async def pass_time(database: Database, **ahead: float) -> None:
    """Let every moment of the keys lie further back."""
    by = timedelta(**ahead)
    await database.write.run("update secret_key_values set expires_at = expires_at - $1::interval", by)
    await database.write.run("update secret_keys set expires_at = expires_at - $1::interval", by)


async def test_a_rotation_gives_a_new_value_and_keeps_the_key(client: httpx.AsyncClient) -> None:
    made = await created(client)
    shown = await rotated(client, made["id"])
    assert shown == {
        **made,
        "value": shown["value"],
        "maskedValue": f"skey_••••{shown['value'][-4:]}",
        "updatedAt": shown["updatedAt"],
    }
    assert shown["value"] != made["value"]
    assert shown["updatedAt"] > made["updatedAt"]
    del shown["value"]
    assert (await client.get(f"/secret-keys/{made['id']}")).json() == shown


@pytest.mark.parametrize("body", [b"", b"{}", b'{"expireCurrentAt": null}'])
async def test_a_rotation_ends_the_old_value_at_once(
    client: httpx.AsyncClient, database: Database, body: bytes
) -> None:
    made = await created(client)
    headers = {"Content-Type": "application/json"} if body else {}
    response = await client.post(f"/secret-keys/{made['id']}/rotate", content=body, headers=headers)
    assert await works(database, response.json()["value"])
    assert not await works(database, made["value"])


async def test_the_old_value_works_until_the_moment_that_was_asked_for(
    client: httpx.AsyncClient, database: Database
) -> None:
    made = await created(client)
    shown = await rotated(client, made["id"], expireCurrentAt=later(hours=1))
    assert await works(database, made["value"])
    assert await works(database, shown["value"])
    await pass_time(database, minutes=59)
    assert await works(database, made["value"])
    await pass_time(database, minutes=2)
    assert not await works(database, made["value"])
    assert await works(database, shown["value"])


async def test_an_overlap_has_at_most_7_days(client: httpx.AsyncClient, database: Database) -> None:
    made = await created(client)
    before = await make.snapshot(database)
    for moment in (later(days=7, seconds=30), later(days=-1), later(seconds=-30), "9999-12-31T23:59:59.999Z"):
        response = await client.post(f"/secret-keys/{made['id']}/rotate", json={"expireCurrentAt": moment})
        operations.assert_invalid(response, {("expireCurrentAt", "out_of_range")})
    assert await make.snapshot(database) == before
    await rotated(client, made["id"], expireCurrentAt=later(days=7, seconds=-5))
    assert await works(database, made["value"])


async def test_a_second_rotation_does_not_lengthen_the_first_ones_overlap(
    client: httpx.AsyncClient, database: Database
) -> None:
    first = await created(client)
    second = await rotated(client, first["id"], expireCurrentAt=later(hours=1))
    third = await rotated(client, first["id"], expireCurrentAt=later(days=1))
    assert [await works(database, key["value"]) for key in (first, second, third)] == [True, True, True]
    await pass_time(database, hours=2)
    assert [await works(database, key["value"]) for key in (first, second, third)] == [False, True, True]


async def test_a_rotation_at_once_ends_an_overlap_too(client: httpx.AsyncClient, database: Database) -> None:
    first = await created(client)
    second = await rotated(client, first["id"], expireCurrentAt=later(hours=1))
    third = await rotated(client, first["id"])
    assert [await works(database, key["value"]) for key in (first, second, third)] == [False, False, True]


async def test_a_key_can_rotate_itself(shop: Shop, database: Database) -> None:
    shown = await rotated(shop.client, shop.key_id)
    assert await works(database, shown["value"])
    assert not await works(database, shop.value)


async def test_a_revocation_ends_all_values(client: httpx.AsyncClient, database: Database) -> None:
    first = await created(client)
    second = await rotated(client, first["id"], expireCurrentAt=later(hours=1))
    response = await client.post(f"/secret-keys/{first['id']}/revoke")
    assert response.status_code == 200
    assert response.json()["revokedAt"] == response.json()["updatedAt"]
    assert not await works(database, first["value"])
    assert not await works(database, second["value"])


async def test_revoking_a_key_again_changes_nothing(client: httpx.AsyncClient, database: Database) -> None:
    made = await created(client)
    first = await client.post(f"/secret-keys/{made['id']}/revoke")
    before = await make.snapshot(database)
    again = await client.post(f"/secret-keys/{made['id']}/revoke")
    assert again.status_code == 200
    assert again.json() == first.json()
    assert await make.snapshot(database) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [("", {"note": "x"}), ("", {"permissions": ["CUSTOMER_READ"]}), ("", {}), ("/rotate", {})],
    ids=str,
)
async def test_a_revoked_key_is_not_changed(
    client: httpx.AsyncClient, database: Database, path: str, body: dict[str, object]
) -> None:
    made = await created(client)
    await client.post(f"/secret-keys/{made['id']}/revoke")
    before = await make.snapshot(database)
    response = await client.post(f"/secret-keys/{made['id']}{path}", json=body)
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert await make.snapshot(database) == before


async def test_a_key_can_revoke_itself(shop: Shop, database: Database) -> None:
    assert (await shop.client.post(f"/secret-keys/{shop.key_id}/revoke")).status_code == 200
    assert not await works(database, shop.value)


async def test_an_expired_key_ends_by_itself_and_cannot_be_rotated(
    client: httpx.AsyncClient, database: Database
) -> None:
    made = await created(client, expiresAt=later(hours=1))
    assert await works(database, made["value"])
    await pass_time(database, hours=2)
    assert not await works(database, made["value"])
    response = await client.post(f"/secret-keys/{made['id']}/rotate", json={})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


async def test_a_rotation_does_not_move_the_keys_expiry(client: httpx.AsyncClient, database: Database) -> None:
    made = await created(client, expiresAt=later(hours=1))
    shown = await rotated(client, made["id"], expireCurrentAt=later(days=2))
    assert shown["expiresAt"] == made["expiresAt"]
    await pass_time(database, hours=2)
    assert not await works(database, made["value"])
    assert not await works(database, shown["value"])


async def test_an_ended_key_is_served_for_a_second_at_most(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await created(shop.client)
    clock = [1000.0]
    monkeypatch.setattr("odus.secret_keys.keyring.time.monotonic", lambda: clock[0])
    async with make.client(make.another_process(database), made["value"]) as client:
        assert (await client.get("/customers/x")).status_code == 404
        await shop.client.post(f"/secret-keys/{made['id']}/revoke")
        clock[0] += REMEMBERED_SECONDS + 0.001
        assert (await client.get("/customers/x")).status_code == 401
    assert REMEMBERED_SECONDS <= 1


@pytest.mark.parametrize("end", ["", "/rotate", "/revoke"])
async def test_a_change_of_a_key_has_one_event_that_never_holds_a_value(client: httpx.AsyncClient, end: str) -> None:
    made = await created(client)
    response = await client.post(f"/secret-keys/{made['id']}{end}", json={"note": "x"} if not end else {})
    events = (await client.get("/events", params={"pageSize": "100"})).json()["data"]
    mine = [event for event in events if event["resource"] == made["id"]]
    names = {"": "updated", "/rotate": "rotated", "/revoke": "revoked"}
    assert [event["eventType"] for event in mine] == ["secret_key.created", f"secret_key.{names[end]}"]
    shown = response.json()
    expected = {
        "": {"note": {"from": "Billing server", "to": "x"}},
        "/rotate": {"maskedValue": {"from": made["maskedValue"], "to": shown["maskedValue"]}},
        "/revoke": {"revokedAt": {"from": None, "to": shown["revokedAt"]}},
    }
    assert mine[1]["changes"] == expected[end]
    for event in mine:
        assert "value" not in event["data"]
        assert made["value"] not in str(event)


async def test_moments_are_to_the_millisecond(client: httpx.AsyncClient) -> None:
    made = await created(client, expiresAt=later(hours=1))
    for name in ("createdAt", "updatedAt", "expiresAt"):
        assert str(Moment.parse(made[name])) == made[name]
    assert now() - Moment.parse(made["createdAt"]) < timedelta(minutes=1)
