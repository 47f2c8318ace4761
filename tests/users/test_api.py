"""Users over the API: who they are, what they may be, and that the last admin stays."""

import re

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.permissions import Permission
from tests import make, operations
from tests.make import PASSWORD, Shop

ANOTHER = "Another-horse-8"
BODY = {"email": "Ada@Example.com", "password": PASSWORD, "role": "supportAgent"}


async def changed(client: httpx.AsyncClient, user: dict[str, object], **fields: object) -> dict[str, object]:
    response = await client.post(f"/users/{user['id']}", json=fields)
    assert response.status_code == 200, response.text
    return response.json()


async def removed(client: httpx.AsyncClient, user: dict[str, object]) -> dict[str, object]:
    response = await client.post(f"/users/{user['id']}/remove")
    assert response.status_code == 200, response.text
    return response.json()


async def events(client: httpx.AsyncClient, user: dict[str, object]) -> list[dict[str, object]]:
    return (await client.get("/events", params={"resource": str(user["id"])})).json()["data"]


def assert_conflict(response: httpx.Response, word: str) -> None:
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert word in response.json()["detail"]


# Making a user -------------------------------------------------------------------------------------------------------


async def test_a_new_user_is_shown_with_all_fields_but_the_password(client: httpx.AsyncClient) -> None:
    response = await client.post("/users", json=BODY)
    shown = response.json()
    assert response.status_code == 201
    assert shown == {
        "id": shown["id"],
        "email": "Ada@Example.com",
        "role": "supportAgent",
        "firstName": None,
        "lastName": None,
        "username": None,
        "passwordChangedAt": shown["createdAt"],
        "removedAt": None,
        "createdAt": shown["createdAt"],
        "updatedAt": shown["createdAt"],
    }
    assert re.fullmatch(r"usr_[0-9A-Za-z]{27}", shown["id"])
    assert (await client.get(f"/users/{shown['id']}")).json() == shown


@pytest.mark.parametrize("role", ["admin", "developer", "supportAgent"])
async def test_a_user_has_one_of_the_three_roles(client: httpx.AsyncClient, role: str) -> None:
    user = await make.user(client, role=role, firstName="Ada", lastName="Lovelace", username="a" * 20)
    assert (user["role"], user["firstName"], user["lastName"], user["username"]) == (role, "Ada", "Lovelace", "a" * 20)


@pytest.mark.parametrize("field", ["email", "password", "role"])
async def test_an_email_a_password_and_a_role_are_required(client: httpx.AsyncClient, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    operations.assert_invalid(await client.post("/users", json=body), {(field, "required")})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email": "ada"}, ("email", "invalid_format")),
        ({"email": "a" * 250 + "@example.com"}, ("email", "too_long")),
        ({"email": None}, ("email", "invalid_type")),
        ({"role": "owner"}, ("role", "invalid_value")),
        ({"role": "Admin"}, ("role", "invalid_value")),
        ({"role": None}, ("role", "invalid_type")),
        ({"role": ["admin"]}, ("role", "invalid_type")),
        ({"username": ""}, ("username", "too_short")),
        ({"username": "x" * 21}, ("username", "too_long")),
        ({"username": "\x00"}, ("username", "invalid_value")),
        ({"firstName": "x" * 256}, ("firstName", "too_long")),
        ({"lastName": "\x00"}, ("lastName", "invalid_value")),
        ({"password": None}, ("password", "invalid_type")),
        ({"password": 12345678}, ("password", "invalid_type")),
        ({"password": "Aa1!" * 65}, ("password", "too_long")),
        # API3:2023: what the server alone decides cannot be assigned.
        ({"passwordHash": "x"}, ("passwordHash", "unknown_field")),
        ({"merchantId": "mer_x"}, ("merchantId", "unknown_field")),
        ({"removedAt": None}, ("removedAt", "unknown_field")),
        ({"permissions": ["CUSTOMER_READ"]}, ("permissions", "unknown_field")),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_field_that_cannot_be_is_named(
    client: httpx.AsyncClient, fields: dict[str, object], wrong: tuple[str, str]
) -> None:
    user = await make.user(client)
    operations.assert_invalid(await client.post("/users", json={**BODY, **fields}), {wrong})
    operations.assert_invalid(await client.post(f"/users/{user['id']}", json=fields), {wrong})


SHORT, UPPER, LOWER, DIGIT, SPECIAL = (
    "at least 8 characters",
    "an upper case letter",
    "a lower case letter",
    "a digit",
    "a special character",
)


@pytest.mark.parametrize(
    ("password", "lacking"),
    [
        ("Aa1!aaa", {SHORT}),
        ("aa1!aaaa", {UPPER}),
        ("AA1!AAAA", {LOWER}),
        ("Aaa!aaaa", {DIGIT}),
        ("Aa1aaaaa", {SPECIAL}),
        ("aaaaaaaa", {UPPER, DIGIT, SPECIAL}),
        ("        ", {UPPER, LOWER, DIGIT}),
        ("aaa", {SHORT, UPPER, DIGIT, SPECIAL}),
        ("", {SHORT, UPPER, LOWER, DIGIT, SPECIAL}),
    ],
)
async def test_all_that_a_password_lacks_is_named_at_once_and_the_password_is_not(
    client: httpx.AsyncClient, password: str, lacking: set[str]
) -> None:
    user = await make.user(client)
    for response in (
        await client.post("/users", json={**BODY, "password": password}),
        await client.post(f"/users/{user['id']}", json={"password": password}),
    ):
        operations.assert_invalid(response, {("password", "invalid_format")})
        message = response.json()["errors"][0]["message"]
        assert {each for each in (SHORT, UPPER, LOWER, DIGIT, SPECIAL) if each in message} == lacking
        assert not password.strip() or password not in response.text


# ASVS 5.0 V6.2.9, V6.2.8: long passwords and all characters are possible, and nothing is cut off or changed.
@pytest.mark.parametrize("password", ["Aa1!" * 64, "Ünï1 çode🔑", "Aa1 aaaa", "Aa1!\x00aaa", " Aa1!aaa "], ids=ascii)
async def test_a_password_may_be_long_and_have_any_characters(client: httpx.AsyncClient, password: str) -> None:
    assert (await client.post("/users", json={**BODY, "password": password})).status_code == 201


async def test_all_that_is_wrong_with_a_new_user_is_named_at_once(client: httpx.AsyncClient) -> None:
    body = {"email": "ada", "password": "x", "role": "owner", "username": "x" * 21, "hash": "x"}
    response = await client.post("/users", json=body)
    wrong = {
        ("email", "invalid_format"),
        ("password", "invalid_format"),
        ("role", "invalid_value"),
        ("username", "too_long"),
    }
    operations.assert_invalid(response, wrong | {("hash", "unknown_field")})


# Emails --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.com"])
async def test_an_email_is_taken_whatever_its_case_also_for_another_merchant(
    client: httpx.AsyncClient, other_shop: Shop, database: Database, again: str
) -> None:
    await client.post("/users", json=BODY)
    before = await make.snapshot(database)
    for caller in (client, other_shop.client):
        assert_conflict(await caller.post("/users", json={**BODY, "email": again}), "email")
    assert await make.snapshot(database) == before


async def test_an_email_beyond_ascii_is_taken_whatever_its_case(client: httpx.AsyncClient) -> None:
    await make.user(client, email="ÄDA@example.com")
    assert_conflict(await client.post("/users", json={**BODY, "email": "äda@example.com"}), "email")


async def test_a_user_cannot_take_anothers_email_but_may_write_its_own_otherwise(
    client: httpx.AsyncClient, database: Database
) -> None:
    await make.user(client, email="ada@example.com")
    other = await make.user(client, email="bob@example.com")
    before = await make.snapshot(database)
    assert_conflict(await client.post(f"/users/{other['id']}", json={"email": "ADA@example.com"}), "email")
    assert await make.snapshot(database) == before
    assert (await changed(client, other, email="BOB@example.com"))["email"] == "BOB@example.com"


async def test_the_email_of_a_removed_user_can_be_used_again(client: httpx.AsyncClient, other_shop: Shop) -> None:
    first = await make.user(client, email="ada@example.com")
    await removed(client, first)
    second = await make.user(other_shop.client, email="ada@example.com")
    assert second["id"] != first["id"]
    assert_conflict(await client.post("/users", json=BODY), "email")


# Changing a user -----------------------------------------------------------------------------------------------------


async def test_an_update_changes_what_it_names_and_null_clears(client: httpx.AsyncClient) -> None:
    user = await make.user(client, firstName="Ada", lastName="Lovelace", username="ada")
    after = await changed(client, user, firstName="Augusta", username=None)
    assert after == {**user, "firstName": "Augusta", "username": None, "updatedAt": after["updatedAt"]}
    assert str(after["updatedAt"]) > str(user["updatedAt"])
    assert (await client.get(f"/users/{user['id']}")).json() == after


@pytest.mark.parametrize("same", [{}, {"role": "developer"}, {"firstName": "Ada", "username": None}], ids=str)
async def test_an_update_of_nothing_writes_nothing(
    client: httpx.AsyncClient, database: Database, same: dict[str, object]
) -> None:
    user = await make.user(client, firstName="Ada")
    before = await make.snapshot(database)
    assert await changed(client, user, **same) == user
    assert await make.snapshot(database) == before


async def test_a_new_password_moves_the_moment_of_its_change_and_another_field_does_not(
    client: httpx.AsyncClient,
) -> None:
    user = await make.user(client)
    renamed = await changed(client, user, firstName="Ada")
    assert renamed["passwordChangedAt"] == user["passwordChangedAt"]
    after = await changed(client, user, password=ANOTHER)
    assert after["passwordChangedAt"] == after["updatedAt"]
    assert str(after["passwordChangedAt"]) > str(user["passwordChangedAt"])


async def test_a_password_that_is_sent_again_counts_as_new_as_nobody_can_tell(client: httpx.AsyncClient) -> None:
    user = await make.user(client)
    after = await changed(client, user, password=PASSWORD)
    assert str(after["passwordChangedAt"]) > str(user["passwordChangedAt"])


async def test_a_removed_user_stays_as_a_record_that_nothing_changes(
    client: httpx.AsyncClient, database: Database
) -> None:
    user = await make.user(client)
    gone = await removed(client, user)
    assert gone == {**user, "removedAt": gone["updatedAt"], "updatedAt": gone["updatedAt"]}
    before = await make.snapshot(database)
    assert await removed(client, user) == gone
    assert_conflict(await client.post(f"/users/{user['id']}", json={"firstName": "Ada"}), "removed")
    assert_conflict(await client.post(f"/users/{user['id']}", json={"password": PASSWORD}), "removed")
    assert await make.snapshot(database) == before


# The last admin ------------------------------------------------------------------------------------------------------


async def test_the_last_admin_can_be_neither_demoted_nor_removed(
    client: httpx.AsyncClient, other_shop: Shop, database: Database
) -> None:
    admin = await make.user(client, role="admin")
    await make.user(client)
    await make.user(other_shop.client, role="admin")
    await removed(client, await make.user(client, role="admin"))
    before = await make.snapshot(database)
    for role in ("developer", "supportAgent"):
        assert_conflict(await client.post(f"/users/{admin['id']}", json={"role": role}), "last admin")
    assert_conflict(await client.post(f"/users/{admin['id']}/remove"), "last admin")
    assert await make.snapshot(database) == before
    assert (await changed(client, admin, firstName="Ada", role="admin"))["firstName"] == "Ada"


async def test_an_admin_can_go_once_there_is_another(client: httpx.AsyncClient) -> None:
    first, second = await make.user(client, role="admin"), await make.user(client)
    await changed(client, second, role="admin")
    assert (await changed(client, first, role="supportAgent"))["role"] == "supportAgent"
    assert_conflict(await client.post(f"/users/{second['id']}/remove"), "last admin")


# Events --------------------------------------------------------------------------------------------------------------


async def test_events_tell_of_each_change_and_of_no_password(client: httpx.AsyncClient) -> None:
    user = await make.user(client, role="developer")
    await changed(client, user, role="supportAgent", password=ANOTHER)
    gone = await removed(client, user)
    created, updated, ended = await events(client, user)
    assert [each["eventType"] for each in (created, updated, ended)] == ["user.created", "user.updated", "user.removed"]
    assert created["data"] == user
    assert ended["data"] == gone
    assert ended["changes"] == {"removedAt": {"from": None, "to": gone["removedAt"]}}
    assert updated["changes"] == {
        "role": {"from": "developer", "to": "supportAgent"},
        "passwordChangedAt": {"from": user["passwordChangedAt"], "to": gone["passwordChangedAt"]},
    }


# API3:2023 Broken object property level authorization: no answer and no event has the password or its hash.
async def test_no_answer_holds_a_password_or_its_hash(client: httpx.AsyncClient) -> None:
    user = await make.user(client)
    answers = [
        await client.get(f"/users/{user['id']}"),
        await client.get("/users"),
        await client.get("/events"),
        await client.post(f"/users/{user['id']}", json={"password": PASSWORD, "firstName": "Ada"}),
        await client.post("/users", json={**BODY, "email": user["email"]}),
        await client.post(f"/users/{user['id']}/remove"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 409, 200]
    for answer in answers:
        assert PASSWORD not in answer.text
        assert "argon2" not in answer.text
        assert "hash" not in answer.text.lower()


# Retries -------------------------------------------------------------------------------------------------------------


async def test_a_retry_by_the_callers_next_value_is_another_request(
    shop: Shop, app: ASGIApp, database: Database
) -> None:
    retry = {"Idempotency-Key": "once"}
    made = await shop.client.post("/users", json=BODY, headers=retry)
    rotated = (await shop.client.post(f"/secret-keys/{shop.key_id}/rotate", json={})).json()
    before = await make.snapshot(database)
    async with make.client(app, rotated["value"]) as client:
        again = await client.post("/users", json=BODY, headers=retry)
    assert made.status_code == 201
    assert (again.status_code, again.json()["code"]) == (422, "idempotency_mismatch")
    assert await make.snapshot(database) == before


async def test_a_retry_with_another_password_is_another_request(client: httpx.AsyncClient) -> None:
    retry = {"Idempotency-Key": "once"}
    await client.post("/users", json=BODY, headers=retry)
    again = await client.post("/users", json={**BODY, "password": PASSWORD + "x"}, headers=retry)
    assert (again.status_code, again.json()["code"]) == (422, "idempotency_mismatch")


# Lists ---------------------------------------------------------------------------------------------------------------


async def _people(client: httpx.AsyncClient) -> None:
    """Make three users, one of them removed."""
    await make.user(client, email="Zoe@example.com", role="admin")
    await make.user(client, email="ada@Example.com", role="developer")
    await removed(client, await make.user(client, email="bob@test.com", role="supportAgent"))


@pytest.mark.parametrize(
    ("params", "emails"),
    [
        ({}, ["Zoe", "ada", "bob"]),
        ({"email": "ADA@example.com"}, ["ada"]),
        ({"email[like]": "EXAMPLE"}, ["Zoe", "ada"]),
        ({"email[in]": "zoe@example.com,bob@test.com"}, ["Zoe", "bob"]),
        ({"role": "admin"}, ["Zoe"]),
        ({"role[ne]": "admin"}, ["ada", "bob"]),
        ({"role[in]": "admin,supportAgent"}, ["Zoe", "bob"]),
        ({"removedAt[exists]": "true"}, ["bob"]),
        ({"removedAt[exists]": "false", "role[ne]": "admin"}, ["ada"]),
        ({"createdAt[lt]": "2020-01-01"}, []),
        ({"updatedAt[gte]": "2020-01-01"}, ["Zoe", "ada", "bob"]),
        ({"id[like]": "USR_"}, ["Zoe", "ada", "bob"]),
    ],
    ids=str,
)
async def test_users_are_found_by_their_fields(
    client: httpx.AsyncClient, other_shop: Shop, params: dict[str, str], emails: list[str]
) -> None:
    await _people(client)
    await make.user(other_shop.client, email="adaline@example.com", role="admin")
    answer = (await client.get("/users", params=params)).json()
    assert [user["email"].partition("@")[0] for user in answer["data"]] == emails
    assert answer["pagination"]["itemCount"] == len(emails)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"role": "owner"}, "role"),
        ({"password": "x"}, "password"),
        ({"passwordHash[like]": "argon2"}, "passwordHash[like]"),
        ({"sortBy": "passwordHash"}, "sortBy"),
    ],
    ids=str,
)
async def test_users_are_not_found_by_what_is_not_shown(
    client: httpx.AsyncClient, params: dict[str, str], field: str
) -> None:
    response = await client.get("/users", params=params)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["id", "email", "removedAt", "createdAt", "updatedAt"])
async def test_users_are_sorted_by_each_of_their_fields_and_null_is_the_greatest(
    client: httpx.AsyncClient, sort: str, direction: str
) -> None:
    await _people(client)
    params = {"sortBy": sort, "sortDirection": direction}
    users = (await client.get("/users", params=params)).json()["data"]
    ranks = [
        (user[sort] is None, (user[sort] or "").casefold() if sort == "email" else user[sort] or "", user["id"])
        for user in users
    ]
    assert len(ranks) == 3
    assert ranks == sorted(ranks, reverse=direction == "desc")


# API5:2023 Broken function level authorization: users are for keys that may, whatever else these may.
async def test_a_key_that_may_all_but_users_sees_none(app: ASGIApp, shop: Shop, database: Database) -> None:
    user = await make.user(shop.client)
    others = [each for each in Permission if each not in (Permission.USER_READ, Permission.USER_UPDATE)]
    key = await make.key(database, shop.merchant_id, others)
    async with make.client(app, key.value) as client:
        answers = [
            await client.get("/users"),
            await client.get(f"/users/{user['id']}"),
            await client.post("/users", json=BODY),
            await client.post(f"/users/{user['id']}", json={"role": "admin"}),
            await client.post(f"/users/{user['id']}/remove"),
        ]
    assert [answer.status_code for answer in answers] == [403] * 5


# API1:2023 Broken object level authorization: an email or a password of another merchant's user is out of reach.
async def test_another_merchants_users_are_unknown(client: httpx.AsyncClient, other_shop: Shop) -> None:
    theirs = await make.user(other_shop.client)
    assert (await client.get("/users")).json()["data"] == []
    for path, body in ((f"/users/{theirs['id']}", {"password": PASSWORD}), (f"/users/{theirs['id']}/remove", {})):
        assert (await client.post(path, json=body)).status_code == 404
    assert (await other_shop.client.get(f"/users/{theirs['id']}")).json() == theirs
