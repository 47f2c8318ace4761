"""What every endpoint does with an `Idempotency-Key` (api.md §7)."""

from datetime import timedelta

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.kit.permissions import Permission
from tests import make, operations
from tests.make import Shop
from tests.operations import SAMPLES, Call, changes, gets, posts, posts_with_id, showing_a_secret

JSON = {"Content-Type": "application/json"}

call = pytest.fixture(operations.call)


@posts
async def test_a_request_that_is_sent_again_is_answered_again_and_done_once(call: Call, database: Database) -> None:
    first = await call.send(headers={"Idempotency-Key": "once"})
    before = await make.snapshot(database)
    again = await call.send(headers={"Idempotency-Key": "once"})
    assert first.status_code == again.status_code == call.operation.status
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert again.headers.get("ETag") == first.headers.get("ETag")
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert await make.snapshot(database) == before


@posts
async def test_another_body_with_the_same_idempotency_key_is_422(call: Call, database: Database) -> None:
    await call.send(headers={"Idempotency-Key": "once"})
    before = await make.snapshot(database)
    response = await call.send(
        content=operations.as_json(call.body) + b" ", headers={**JSON, "Idempotency-Key": "once"}
    )
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_mismatch")
    assert await make.snapshot(database) == before


@posts_with_id
async def test_another_object_with_the_same_idempotency_key_is_422(call: Call, shop: Shop, database: Database) -> None:
    other = await operations.call(call.operation, shop, database)
    await call.send(headers={"Idempotency-Key": "once"})
    named = other.id if other.id != call.id else new_id("x")  # what each merchant has one of has no other
    response = await other.send(headers={"Idempotency-Key": "once"}, named=named)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_mismatch")


@posts
async def test_the_same_idempotency_key_at_another_address_is_422(call: Call) -> None:
    await call.send(headers={"Idempotency-Key": "once"})
    elsewhere = "/customers" if call.operation.path != "/customers" else "/secret-keys"
    body = SAMPLES["create_customer" if elsewhere == "/customers" else "create_secret_key"].body
    response = await call.client.post(elsewhere, json=body, headers={"Idempotency-Key": "once"})
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_mismatch")


@posts
async def test_an_idempotency_key_that_is_not_printable_ascii_is_400(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    for key in ("", "é", "a\x7f", "\xff", "a\tb", "\x00", "a" * 256, "a" * 100_000):
        response = await call.send(headers=[(b"Idempotency-Key", key.encode("latin-1"))])
        operations.assert_invalid(response, {("Idempotency-Key", "invalid_format")})
    assert await make.snapshot(database) == before


@posts
@pytest.mark.parametrize(
    "key", ["a", "a b", "~" * 255, "'; drop table customers --", '"a, b"', "\\"], ids=lambda key: key[:9]
)
async def test_an_idempotency_key_is_any_printable_ascii(call: Call, key: str) -> None:
    first, again = [await call.send(headers={"Idempotency-Key": key}) for _ in range(2)]
    assert first.status_code == call.operation.status
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"


@posts
async def test_a_request_that_was_wrong_may_be_put_right_with_its_idempotency_key(call: Call) -> None:
    key = {"Idempotency-Key": "once"}
    wrong = await call.send(json={"favouriteColour": "green"}, headers=key)
    garbled = await call.send(content=b"{", headers={**JSON, **key})
    unlabelled = await call.send(content=b"{}", headers={"Content-Type": "text/plain", **key})
    right = await call.send(headers=key)
    assert [wrong.status_code, garbled.status_code, unlabelled.status_code] == [400, 400, 415]
    assert right.status_code == call.operation.status
    assert "Idempotent-Replayed" not in right.headers


@posts
async def test_a_request_without_permission_may_be_sent_again_with_it(
    call: Call, app: ASGIApp, shop: Shop, database: Database
) -> None:
    key = await make.key(database, shop.merchant_id, [Permission.PAYMENT_READ])
    headers = {"Idempotency-Key": "once"}
    async with make.client(app, key.value) as client:
        assert (await call.send(client=client, headers=headers)).status_code == 403
    granted = [Permission.PAYMENT_READ, call.operation.permission]
    await database.write.run("update secret_keys set permissions = $1 where id = $2", granted, key.id)
    async with make.client(make.another_process(database), key.value) as client:
        response = await call.send(client=client, headers=headers)
    assert response.status_code == call.operation.status
    assert "Idempotent-Replayed" not in response.headers


@posts_with_id
async def test_a_404_is_answered_again_too(call: Call) -> None:
    named = new_id((call.id or "").split("_")[0])
    first, again = [await call.send(named=named, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert first.status_code == again.status_code == 404
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"


@changes
async def test_a_412_is_answered_again_too(call: Call, database: Database) -> None:
    headers = {"Idempotency-Key": "once", "If-Match": '"other"'}
    first = await call.send(headers=headers)
    before = await make.snapshot(database)
    again = await call.send(headers=headers)
    assert first.status_code == again.status_code == 412
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await make.snapshot(database) == before


@posts
async def test_an_idempotency_key_counts_for_the_key_that_sent_it_alone(
    call: Call, app: ASGIApp, shop: Shop, other_shop: Shop, database: Database
) -> None:
    headers = {"Idempotency-Key": "once"}
    await call.send(headers=headers)
    theirs = await operations.call(call.operation, other_shop, database)
    assert "Idempotent-Replayed" not in (await theirs.send(headers=headers)).headers
    mine = await operations.call(call.operation, shop, database)
    key = await make.key(database, shop.merchant_id)
    async with make.client(app, key.value) as client:
        response = await mine.send(client=client, headers=headers)
    assert response.status_code == call.operation.status
    assert "Idempotent-Replayed" not in response.headers


@posts
@pytest.mark.parametrize(("days", "replayed"), [(29, True), (31, False)])
async def test_an_idempotency_key_counts_for_30_days(call: Call, database: Database, days: int, replayed: bool) -> None:  # noqa: FBT001 - the expectation
    headers = {"Idempotency-Key": "once"}
    await call.send(headers=headers)
    age = timedelta(days=days)
    await database.write.run("update idempotency_records set created_at = created_at - $1::interval", age)
    response = await call.send(headers=headers)
    sample = SAMPLES[call.operation.name]
    refusal = 409 if sample.unique is not None or sample.once else 400 if sample.later is not None else None
    assert response.status_code == (call.operation.status if replayed else refusal or call.operation.status)
    assert ("Idempotent-Replayed" in response.headers) == replayed


@posts
async def test_a_replay_needs_a_key_and_the_permission_like_any_request(
    call: Call, shop: Shop, anonymous: httpx.AsyncClient, database: Database
) -> None:
    headers = {"Idempotency-Key": "once"}
    await call.send(headers=headers)
    assert (await call.send(client=anonymous, headers=headers)).status_code == 401
    await database.write.run("update secret_keys set permissions = '{PAYMENT_READ}' where id = $1", shop.key_id)
    async with make.client(make.another_process(database), shop.value) as client:
        assert (await call.send(client=client, headers=headers)).status_code == 403


@gets
async def test_an_idempotency_key_means_nothing_to_a_read(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    for _ in range(2):
        response = await call.send(headers={"Idempotency-Key": "once"})
        assert response.status_code == 200
        assert "Idempotent-Replayed" not in response.headers
    assert await make.snapshot(database) == before


@showing_a_secret
async def test_a_secret_in_a_kept_answer_is_sealed(call: Call, database: Database) -> None:
    value = (await call.send(headers={"Idempotency-Key": "once"})).json()["value"]
    (body,) = [row["body"] for row in await database.read.rows("select body from idempotency_records")]
    assert value.encode() not in body
    assert value[-20:].encode() not in body
