"""Passwords: Argon2id in one column of one table, and nowhere else."""

import json
from hashlib import sha256

import argon2
import pytest
import structlog

import odus.app
from odus.app import create_app
from odus.kit import observe
from odus.kit.db import Database
from odus.settings import Settings
from odus.users import sessions
from tests import make
from tests.make import Shop

SECRET = "Zebra-sesame-9-unlikely"  # noqa: S105 - opens nothing
BODY = {"email": "ada@example.com", "password": SECRET, "role": "admin"}


async def _hashes(database: Database) -> list[str]:
    return [row["password_hash"] for row in await database.read.rows("select password_hash from users")]


pytestmark = pytest.mark.usefixtures("real_hashes")


# ASVS 5.0 V11.4.2: passwords are stored with a function that is slow and takes memory, at the OWASP minimum or above.
async def test_a_password_is_stored_with_argon2id_and_a_salt_of_its_own(shop: Shop, database: Database) -> None:
    for email in ("ada@example.com", "bob@example.com"):
        await make.user(shop.client, email=email, password=SECRET)
    first, second = await _hashes(database)
    assert first != second
    for each in (first, second):
        found = argon2.extract_parameters(each)
        assert found.type is argon2.Type.ID
        assert found.memory_cost >= 19 * 1024
        assert found.time_cost >= 2
        assert found.salt_len >= 16
        assert found.hash_len >= 32
        assert argon2.PasswordHasher().verify(each, SECRET)


# ASVS 5.0 V14.2, V16.2.5: no table has a password, or anything that a password could be tried on but its hash.
async def test_no_table_holds_a_password_but_for_its_hash(shop: Shop, database: Database) -> None:
    user = (await shop.client.post("/users", json=BODY, headers={"Idempotency-Key": "1"})).json()
    entered = await sessions.sign_in(database, "ada@example.com", SECRET, "192.0.2.1")
    assert entered is not None
    await sessions.sign_in(database, SECRET, SECRET, "192.0.2.1")
    path = f"/users/{user['id']}"
    changed = await shop.client.post(
        path, json={"password": SECRET, "firstName": "Ada"}, headers={"Idempotency-Key": "2"}
    )
    assert changed.status_code == 200
    assert (await shop.client.post("/users", json={**BODY, "role": "x"})).status_code == 400
    tables = await make.snapshot(database)
    rows = {table: "\n".join(of_it) for table, of_it in tables.items()}
    assert {table for table, text in rows.items() if "$argon2id$" in text} == {"users"}
    for table, text in rows.items():
        for secret in (SECRET, SECRET[:-3], SECRET.encode().hex(), entered.token, entered.token.encode().hex()):
            assert secret not in text, table


async def test_what_is_kept_for_a_retry_is_no_hash_that_a_password_can_be_tried_on(
    shop: Shop, other_shop: Shop, database: Database
) -> None:
    body = json.dumps(BODY).encode()
    for each in (shop, other_shop):
        headers = {"Idempotency-Key": "once", "Content-Type": "application/json"}
        assert (await each.client.post("/users", content=body, headers=headers)).status_code in (201, 409)
    rows = await database.read.rows("select fingerprint from idempotency_records")
    mine, theirs = [row["fingerprint"] for row in rows]
    assert mine != theirs
    assert sha256(b"POST\n/users\n" + body).digest() not in (mine, theirs)


async def test_the_log_holds_no_password_no_email_and_no_token(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    fresh = structlog.stdlib.get_logger("odus")
    monkeypatch.setattr(observe, "log", fresh)
    monkeypatch.setattr(odus.app, "log", fresh)
    app = create_app(Settings(log_level="debug"), database)
    async with make.client(app, shop.value) as client:
        await client.post("/users", json=BODY)
        await client.post("/users", json={**BODY, "email": SECRET, "role": SECRET})
        form = {"email": "ada@example.com", "password": SECRET, "next": f"/dashboard?{SECRET}"}
        answers = [
            await client.post("/dashboard/login", data=form),
            await client.post("/dashboard/login", data={**form, "password": SECRET + "x"}),
            await client.get(f"/dashboard/login?next={SECRET}"),
        ]
    assert [answer.status_code for answer in answers] == [303, 400, 200]
    log = capsysbinary.readouterr().err.decode()
    assert len(log.splitlines()) >= 5
    token = answers[0].cookies["odus_session"]
    for told in (SECRET, "ada@example.com", token):
        assert told not in log


# ASVS 5.0 V16.5.1: a fault tells nobody, and no log, what was typed.
async def test_a_fault_while_signing_in_tells_no_password(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("odd")

    fresh = structlog.stdlib.get_logger("odus")
    monkeypatch.setattr(observe, "log", fresh)
    monkeypatch.setattr(odus.app, "log", fresh)
    monkeypatch.setattr(sessions, "sign_in", fails)
    app = create_app(Settings(log_level="error"), database)
    async with make.client(app, shop.value) as client:
        response = await client.post("/dashboard/login", data={"email": "ada@example.com", "password": SECRET})
    log = capsysbinary.readouterr().err.decode()
    assert response.status_code == 500
    assert SECRET not in response.text
    assert "RuntimeError: odd" in log
    assert SECRET not in log
