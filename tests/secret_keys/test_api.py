import re
from datetime import timedelta

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.permissions import Permission
from odus.kit.times import Moment, now
from tests import make, operations
from tests.make import Shop

BODY = {"note": "Billing server", "permissions": ["CUSTOMER_UPDATE"]}


def later(**ahead: float) -> str:
    """Return a moment ahead, or behind, as a client sends it."""
    return str(Moment.of(now() + timedelta(**ahead)))


async def created(client: httpx.AsyncClient, **fields: object) -> dict[str, str]:
    response = await client.post("/secret-keys", json=BODY | fields)
    assert response.status_code == 201, response.text
    return response.json()


async def works(database: Database, value: str) -> bool:
    """Tell whether a value is let in, by a process that has not looked it up before."""
    async with make.client(make.another_process(database), value) as client:
        response = await client.get("/customers/cus_000000000000000000000000000")
    assert response.status_code in (401, 403, 404)
    return response.status_code != 401


async def test_a_new_key_is_shown_with_its_value(shop: Shop) -> None:
    shown = await created(shop.client)
    assert shown == {
        "id": shown["id"],
        "note": "Billing server",
        "permissions": ["CUSTOMER_UPDATE"],
        "maskedValue": f"skey_••••{shown['value'][-4:]}",
        "lastUsedAt": None,
        "expiresAt": None,
        "revokedAt": None,
        "createdAt": shown["createdAt"],
        "updatedAt": shown["createdAt"],
        "value": shown["value"],
    }
    assert re.fullmatch(r"key_[0-9A-Za-z]{27}", shown["id"])
    assert re.fullmatch(r"skey_[0-9A-Za-z_-]{43}", shown["value"])


async def test_a_value_is_shown_at_creation_alone(client: httpx.AsyncClient) -> None:
    shown = await created(client)
    value = shown.pop("value")
    address = f"/secret-keys/{shown['id']}"
    assert (await client.get(address)).json() == shown
    assert shown in (await client.get("/secret-keys")).json()["data"]
    answers = [
        await client.get(address),
        await client.get("/secret-keys"),
        await client.get("/events", params={"pageSize": "100"}),
        await client.post(address, json={"note": "Till"}),
        await client.post(f"{address}/revoke"),
        await client.get(address),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert value not in answer.text
        assert value[5:-4] not in answer.text


async def test_values_are_never_alike(client: httpx.AsyncClient) -> None:
    values = {(await created(client))["value"] for _ in range(20)}
    assert len(values) == 20


async def test_a_key_works_for_its_merchant_with_its_permissions(app: ASGIApp, shop: Shop) -> None:
    shown = await created(shop.client, permissions=["CUSTOMER_READ"])
    mine = await make.customer(shop.client)
    async with make.client(app, shown["value"]) as client:
        assert (await client.get(f"/customers/{mine['id']}")).json() == mine
        assert (await client.post("/customers", json={"email": "a@example.com"})).status_code == 403


async def test_no_value_is_anywhere_in_the_database(shop: Shop, database: Database) -> None:
    retry = {"Idempotency-Key": "once"}
    made = (await shop.client.post("/secret-keys", json=BODY, headers=retry)).json()
    rotated = (
        await shop.client.post(f"/secret-keys/{made['id']}/rotate", json={}, headers={"Idempotency-Key": "twice"})
    ).json()
    assert made["value"] != rotated["value"]
    rows = "\n".join(row for rows in (await make.snapshot(database)).values() for row in rows)
    assert made["id"] in rows
    for value in (made["value"], rotated["value"], shop.value):
        for secret in (value, value.removeprefix("skey_"), value[5:-4]):
            assert secret not in rows
            assert secret.encode().hex() not in rows


async def test_a_retry_shows_the_same_value_to_the_value_that_asked(shop: Shop, database: Database) -> None:
    first, again = [await shop.client.post("/secret-keys", json=BODY, headers={"Idempotency-Key": "x"}) for _ in "ab"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert await works(database, again.json()["value"])


async def test_a_retry_by_the_callers_next_value_is_refused(shop: Shop, app: ASGIApp, database: Database) -> None:
    retry = {"Idempotency-Key": "once"}
    made = (await shop.client.post("/secret-keys", json=BODY, headers=retry)).json()
    overlap = {"expireCurrentAt": later(hours=1)}
    mine = (await shop.client.post(f"/secret-keys/{shop.key_id}/rotate", json=overlap)).json()
    before = await make.snapshot(database)
    async with make.client(app, mine["value"]) as client:
        response = await client.post("/secret-keys", json=BODY, headers=retry)
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert made["value"] not in response.text
    assert await make.snapshot(database) == before
    again = await shop.client.post("/secret-keys", json=BODY, headers=retry)
    assert again.json() == made


@pytest.mark.parametrize("field", ["note", "permissions"])
async def test_a_note_and_permissions_are_required(client: httpx.AsyncClient, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    operations.assert_invalid(await client.post("/secret-keys", json=body), {(field, "required")})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"note": ""}, ("note", "too_short")),
        ({"note": "x" * 256}, ("note", "too_long")),
        ({"note": "\x00"}, ("note", "invalid_value")),
        ({"note": None}, ("note", "invalid_type")),
        ({"permissions": []}, ("permissions", "too_short")),
        ({"permissions": None}, ("permissions", "invalid_type")),
        ({"permissions": "CUSTOMER_READ"}, ("permissions", "invalid_type")),
        ({"permissions": ["CUSTOMER_READ", "CUSTOMER_PAINT"]}, ("permissions[1]", "invalid_value")),
        ({"permissions": ["customer_read"]}, ("permissions[0]", "invalid_value")),
        ({"permissions": ["EVENT_UPDATE"]}, ("permissions[0]", "invalid_value")),
        ({"permissions": [1]}, ("permissions[0]", "invalid_type")),
        ({"permissions": ["CUSTOMER_READ"] * 1000}, ("permissions", "too_many")),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_field_that_cannot_be_is_named(
    client: httpx.AsyncClient, fields: dict[str, object], wrong: tuple[str, str]
) -> None:
    made = await created(client)
    operations.assert_invalid(await client.post("/secret-keys", json=BODY | fields), {wrong})
    operations.assert_invalid(await client.post(f"/secret-keys/{made['id']}", json=fields), {wrong})


@pytest.mark.parametrize("note", ["x", "\U0001f600" * 255, " x ", "<b>'\"", "00123"], ids=ascii)
async def test_a_note_is_kept_as_typed(client: httpx.AsyncClient, note: str) -> None:
    made = await created(client, note=note)
    assert made["note"] == note
    assert (await client.get(f"/secret-keys/{made['id']}")).json()["note"] == note


async def test_permissions_are_kept_once_each(client: httpx.AsyncClient) -> None:
    made = await created(client, permissions=["PAYMENT_READ", "CUSTOMER_READ", "PAYMENT_READ"])
    assert sorted(made["permissions"]) == ["CUSTOMER_READ", "PAYMENT_READ"]


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00.000Z", "NOW", "0001-01-01T00:00:00Z"])
async def test_an_expiry_that_is_not_ahead_is_refused(client: httpx.AsyncClient, moment: str) -> None:
    body = {**BODY, "expiresAt": moment.replace("NOW", str(now()))}
    operations.assert_invalid(await client.post("/secret-keys", json=body), {("expiresAt", "out_of_range")})


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("tomorrow", "invalid_format"),
        ("2099-01-01", "invalid_format"),
        ("2099-01-01T00:00:00", "invalid_format"),
        ("2099-02-30T00:00:00Z", "invalid_format"),
        ("9999-12-31T23:59:59.999-23:00", "invalid_format"),
        ("2099-01-01T00:00:00\x00Z", "invalid_format"),
        ("", "invalid_format"),
        (4070908800, "invalid_type"),
        (True, "invalid_type"),
        ([], "invalid_type"),
    ],
)
async def test_what_is_no_timestamp_is_refused(client: httpx.AsyncClient, typed: object, code: str) -> None:
    made = await created(client)
    response = await client.post("/secret-keys", json={**BODY, "expiresAt": typed})
    operations.assert_invalid(response, {("expiresAt", code)})
    response = await client.post(f"/secret-keys/{made['id']}/rotate", json={"expireCurrentAt": typed})
    operations.assert_invalid(response, {("expireCurrentAt", code)})


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("2099-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"),
        ("2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000Z"),
        ("2099-01-01T01:30:00.123456+01:30", "2099-01-01T00:00:00.123Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        (None, None),
    ],
)
async def test_an_expiry_is_shown_in_utc_with_milliseconds(
    client: httpx.AsyncClient, typed: str | None, shown: str | None
) -> None:
    made = await created(client, expiresAt=typed)
    assert made["expiresAt"] == shown
    assert (await client.get(f"/secret-keys/{made['id']}")).json()["expiresAt"] == shown


async def test_all_that_is_wrong_with_a_new_key_is_named_at_once(client: httpx.AsyncClient) -> None:
    body = {"note": "", "permissions": ["PAINT"], "expiresAt": "x", "value": "skey_x"}
    named = {("note", "too_short"), ("permissions[0]", "invalid_value"), ("expiresAt", "invalid_format")}
    operations.assert_invalid(await client.post("/secret-keys", json=body), named | {("value", "unknown_field")})


async def test_a_permission_that_lacks_and_a_past_expiry_are_named_at_once(
    app: ASGIApp, shop: Shop, database: Database
) -> None:
    key = await make.key(database, shop.merchant_id, [Permission.SECRET_KEY_UPDATE])
    async with make.client(app, key.value) as client:
        response = await client.post("/secret-keys", json={**BODY, "expiresAt": later(days=-1)})
    operations.assert_invalid(response, {("permissions", "invalid_value"), ("expiresAt", "out_of_range")})


async def test_an_update_changes_the_note_or_all_permissions(client: httpx.AsyncClient) -> None:
    made = await created(client)
    del made["value"]
    address = f"/secret-keys/{made['id']}"
    renamed = (await client.post(address, json={"note": "Till"})).json()
    assert renamed == {**made, "note": "Till", "updatedAt": renamed["updatedAt"]}
    granted = (await client.post(address, json={"permissions": ["PAYMENT_READ"]})).json()
    assert granted == {**renamed, "permissions": ["PAYMENT_READ"], "updatedAt": granted["updatedAt"]}
    assert made["updatedAt"] < renamed["updatedAt"] < granted["updatedAt"]
    assert (await client.get(address)).json() == granted


@pytest.mark.parametrize(
    "same",
    [{}, {"note": "Billing server"}, {"permissions": ["CUSTOMER_UPDATE"]}, {"permissions": ["CUSTOMER_UPDATE"] * 2}],
    ids=str,
)
async def test_an_update_that_changes_nothing_has_no_event(client: httpx.AsyncClient, same: dict[str, object]) -> None:
    made = await created(client)
    del made["value"]
    count = (await client.get("/events")).json()["pagination"]["itemCount"]
    assert (await client.post(f"/secret-keys/{made['id']}", json=same)).json() == made
    assert (await client.get("/events")).json()["pagination"]["itemCount"] == count


async def test_keys_are_listed_oldest_first_ended_ones_too(shop: Shop) -> None:
    made = [await created(shop.client, note=str(number)) for number in range(3)]
    await shop.client.post(f"/secret-keys/{made[1]['id']}/revoke")
    keys = (await shop.client.get("/secret-keys")).json()["data"]
    assert [key["id"] for key in keys] == [shop.key_id, *(key["id"] for key in made)]
    assert [key["revokedAt"] is not None for key in keys] == [False, False, True, False]


@pytest.mark.parametrize(
    ("params", "notes"),
    [
        ({"note[like]": "STRASSE"}, ["Straße", "strasse"]),
        ({"note[contains]": "stra"}, ["strasse"]),
        ({"note": "Straße"}, ["Straße"]),
        ({"note[in]": "Straße,Till"}, ["Straße", "Till"]),
        ({"note[nin]": "Straße,Till", "note[ne]": "Test"}, ["strasse"]),
        ({"expiresAt[exists]": "true"}, ["Till"]),
        ({"expiresAt[gt]": "2020-01-01"}, ["Till"]),
        ({"expiresAt[lt]": "2020-01-01"}, []),
        ({"revokedAt[exists]": "true"}, ["strasse"]),
        ({"lastUsedAt[exists]": "false", "note[ne]": "Test"}, ["Straße", "Till", "strasse"]),
        ({"expiresAt[ne]": "2020-01-01", "createdAt[gte]": "2020-01-01"}, ["Straße", "Test", "Till", "strasse"]),
        ({"updatedAt[lt]": "2020-01-01"}, []),
        ({"id[like]": "KEY_"}, ["Straße", "Test", "Till", "strasse"]),
    ],
    ids=str,
)
async def test_keys_are_found_by_their_fields(
    client: httpx.AsyncClient, params: dict[str, str], notes: list[str]
) -> None:
    await _keys(client)
    answer = (await client.get("/secret-keys", params=params)).json()
    assert sorted(key["note"] for key in answer["data"]) == sorted(notes)
    assert answer["pagination"]["itemCount"] == len(notes)


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["id", "note", "createdAt", "updatedAt", "lastUsedAt", "expiresAt", "revokedAt"])
async def test_keys_are_sorted_by_each_of_their_fields_and_null_is_the_greatest(
    client: httpx.AsyncClient, sort: str, direction: str
) -> None:
    await _keys(client)
    params = {"sortBy": sort, "sortDirection": direction}
    keys = (await client.get("/secret-keys", params=params)).json()["data"]
    ranks = [
        (key[sort] is None, (key[sort] or "").casefold() if sort == "note" else key[sort] or "", key["id"])
        for key in keys
    ]
    assert ranks == sorted(ranks, reverse=direction == "desc")
    assert len(ranks) == 4
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        step = (await client.get("/secret-keys", params={**params, "cursor": cursor, "pageSize": "1"})).json()
        walked += [key["id"] for key in step["data"]]
        cursor = step["pagination"]["nextCursor"]
    assert walked == [key["id"] for key in keys]


async def _keys(client: httpx.AsyncClient) -> None:
    """Make three keys beside the caller's own: one of them ends some day, one is revoked."""
    await created(client, note="Till", expiresAt=later(days=1))
    await created(client, note="Straße")
    revoked = await created(client, note="strasse")
    await client.post(f"/secret-keys/{revoked['id']}/revoke")


async def test_another_merchants_keys_are_not_listed(shop: Shop, other_shop: Shop) -> None:
    await created(other_shop.client)
    assert [key["id"] for key in (await shop.client.get("/secret-keys")).json()["data"]] == [shop.key_id]


async def test_last_used_is_kept_to_the_minute(shop: Shop, database: Database) -> None:
    made = await created(shop.client)
    address = f"/secret-keys/{made['id']}"
    before = now()
    assert await works(database, made["value"])
    used = (await shop.client.get(address)).json()["lastUsedAt"]
    assert used in {f"{str(moment)[:16]}:00.000Z" for moment in (before, now())}


async def test_use_moves_last_used_but_not_the_version(shop: Shop, database: Database) -> None:
    made = await created(shop.client)
    address = f"/secret-keys/{made['id']}"
    tag = (await shop.client.get(address)).headers["ETag"]
    await database.write.run("update secret_keys set last_used_at = '2024-02-29T12:34:00Z' where id = $1", made["id"])
    old = (await shop.client.get(address)).json()
    assert old["lastUsedAt"] == "2024-02-29T12:34:00.000Z"
    assert await works(database, made["value"])
    response = await shop.client.get(address)
    assert response.json()["lastUsedAt"] > old["lastUsedAt"]
    assert response.json()["updatedAt"] == made["updatedAt"]
    assert response.headers["ETag"] == tag


async def test_a_refused_value_is_no_use(shop: Shop, database: Database) -> None:
    made = await created(shop.client)
    await shop.client.post(f"/secret-keys/{made['id']}/revoke")
    assert not await works(database, made["value"])
    assert (await shop.client.get(f"/secret-keys/{made['id']}")).json()["lastUsedAt"] is None
