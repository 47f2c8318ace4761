"""Who may call an endpoint, at which address, by which method: a new endpoint is under these rules from its birth."""

from datetime import timedelta

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.endpoints import Operation
from odus.kit.ids import new_id
from odus.kit.permissions import Permission
from odus.kit.times import Moment, now
from odus.kit.versions import IfMatch
from odus.secret_keys import actions as secret_keys
from odus.secret_keys.model import SecretKeyCreate, SecretKeyRotate
from tests import make, operations
from tests.make import Shop
from tests.operations import DOCUMENT, OPERATIONS, SAMPLES, Call, every, gets, posts, with_id

JSON = {"Content-Type": "application/json"}
PATHS = {path: {each.method for each in OPERATIONS if each.path == path} for path in DOCUMENT["paths"]}
every_path = pytest.mark.parametrize("path", PATHS)

call = pytest.fixture(operations.call)


def test_every_operation_has_a_sample_and_every_sample_an_operation() -> None:
    assert set(SAMPLES) == {operation.name for operation in OPERATIONS}


@every
def test_a_sample_has_what_its_operation_needs(operation: Operation) -> None:
    sample = SAMPLES[operation.name]
    assert (sample.made is not None) == (operation.has_id or sample.names is not None)
    assert (sample.body is not None) == (operation.method == "POST")
    assert (sample.event is not None) == (operation.method == "POST" and operation.has_version)


@every
async def test_a_valid_call_is_answered_as_documented(call: Call) -> None:
    assert (await call.send()).status_code == call.operation.status


@posts
async def test_the_example_of_the_reference_is_accepted(call: Call) -> None:
    assert call.operation.example is not None
    assert (await call.send(json=call.example())).status_code == call.operation.status


NOT_A_KEY = (
    [],
    [""],
    ["garbage"],
    ["Bearer"],
    ["Bearer "],
    ["Bearer garbage"],
    ["Bearer skey_"],
    ["Bearer skey_" + "a" * 43],
    ["Bearer skey_" + "a" * 100_000],
    ["Bearer \xff\xfe"],
    ["Bearer skey_\xe9"],
    ["Bearer\tVALUE"],
    ["VALUE"],
    ["Bearer VALUEx"],
    ["Bearer x VALUE"],
    ["Bearer VALUE VALUE"],
    ["Bearer SHORTENED"],
    ["Bearer UPPER"],
    ["Basic VALUE"],
    ["Digest VALUE"],
    ["Token VALUE"],
    ["BearerVALUE"],
    ["Bearer VALUE, Bearer VALUE"],
    ["Bearer VALUE", "Bearer VALUE"],
    ["Bearer VALUE", "Bearer garbage"],
    ["Bearer garbage", "Bearer VALUE"],
    ["Bearer VALUE", "Basic dTpw"],
    ["Bearer VALUE", ""],
)
"""What may stand in `Authorization`, header by header, without being one proper key; VALUE is one."""


@every
async def test_without_one_proper_key_there_is_401_and_nothing_happens(
    call: Call, shop: Shop, database: Database, anonymous: httpx.AsyncClient
) -> None:
    before = await make.snapshot(database)
    put_in = {"SHORTENED": shop.value[:-1], "UPPER": shop.value.upper(), "VALUE": shop.value}
    for authorization in NOT_A_KEY:
        headers = [(b"Authorization", operations.filled(header, put_in).encode("latin-1")) for header in authorization]
        _assert_unauthorized(await call.send(client=anonymous, headers=headers))
    assert await make.snapshot(database) == before


@every
@pytest.mark.parametrize("fate", ["revoked", "expired", "rotated", "of an expired overlap"])
async def test_a_key_that_has_ended_is_401_and_nothing_happens(
    call: Call, app: ASGIApp, shop: Shop, database: Database, fate: str
) -> None:
    who = make.who(shop.merchant_id)
    expires_at = Moment.of(now() + timedelta(days=1)) if fate == "expired" else None
    data = SecretKeyCreate(note="Ended", permissions=list(Permission), expires_at=expires_at)
    key = await secret_keys.create(database.write, who, data)
    match fate:
        case "revoked":
            await secret_keys.revoke(database.write, who, key.id, IfMatch())
        case "expired":
            past = now() - timedelta(seconds=1)
            await database.write.run("update secret_keys set expires_at = $1 where id = $2", past, key.id)
        case "rotated":
            await secret_keys.rotate(database.write, who, key.id, SecretKeyRotate(), IfMatch())
        case _:
            overlap = SecretKeyRotate(expire_current_at=Moment.of(now() + timedelta(hours=1)))
            await secret_keys.rotate(database.write, who, key.id, overlap, IfMatch())
            past = now() - timedelta(seconds=1)
            await database.write.run("update secret_key_values set expires_at = $1 where expires_at is not null", past)
    before = await make.snapshot(database)
    async with make.client(app, key.value) as client:
        _assert_unauthorized(await call.send(client=client))
    assert await make.snapshot(database) == before


def _assert_unauthorized(response: httpx.Response) -> None:
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert operations.without_request_id(response) == {
        "type": "/docs/errors#unauthorized",
        "title": "Unauthorized",
        "status": 401,
        "code": "unauthorized",
        "detail": "A valid secret key is needed: Authorization: Bearer skey_…",
    }


@every
@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_the_scheme_is_read_in_any_case_and_spacing(
    call: Call, shop: Shop, anonymous: httpx.AsyncClient, scheme: str
) -> None:
    response = await call.send(client=anonymous, headers={"Authorization": f"{scheme} {shop.value}"})
    assert response.status_code == call.operation.status


@every
async def test_a_key_with_all_but_the_permission_gets_403_and_nothing_happens(
    call: Call, app: ASGIApp, shop: Shop, database: Database
) -> None:
    needed = call.operation.permission
    grants_it = {needed, needed.replace("_READ", "_UPDATE")}
    key = await make.key(database, shop.merchant_id, [each for each in Permission if each not in grants_it])
    before = await make.snapshot(database)
    async with make.client(app, key.value) as client:
        response = await call.send(client=client)
        unknown = await call.send(client=client, named=new_id("cus"))
        malformed = await call.send(client=client, content=b"{", headers=JSON)
    assert response.status_code == 403
    assert response.json()["code"] == "missing_permission"
    assert needed in response.json()["detail"].replace(".", "").split()
    assert (
        operations.without_request_id(unknown)
        == operations.without_request_id(malformed)
        == operations.without_request_id(response)
    )
    assert await make.snapshot(database) == before


@every
async def test_the_permission_alone_is_enough(call: Call, app: ASGIApp, shop: Shop, database: Database) -> None:
    key = await make.key(database, shop.merchant_id, [call.operation.permission])
    async with make.client(app, key.value) as client:
        assert (await call.send(client=client)).status_code == call.operation.status


@gets
async def test_the_permission_to_update_is_enough_to_read(
    call: Call, app: ASGIApp, shop: Shop, database: Database
) -> None:
    implying = call.operation.permission.replace("_READ", "_UPDATE")
    if implying not in set(Permission):
        assert call.operation.permission is Permission.EVENT_READ
        return
    key = await make.key(database, shop.merchant_id, [Permission(implying)])
    async with make.client(app, key.value) as client:
        assert (await call.send(client=client)).status_code == call.operation.status


@with_id
async def test_what_is_another_merchants_looks_unknown_and_nothing_happens(
    call: Call, other_shop: Shop, database: Database
) -> None:
    before = await make.snapshot(database)
    theirs = await call.send(client=other_shop.client)
    unknown = await call.send(client=other_shop.client, named=new_id((call.id or "").split("_")[0]))
    assert theirs.status_code == 404
    assert operations.without_request_id(theirs) == operations.without_request_id(unknown)
    assert [*theirs.json()] == [*unknown.json()]
    assert operations.headers(theirs) == operations.headers(unknown)
    assert await make.snapshot(database) == before


MALFORMED_IDS = (
    *(
        "x",
        "KIND_",
        "KIND_1",
        "KSUID",
        "KIND_KSUID0",
        "CUS_KSUID",
        "mer_KSUID",
        "*",
        "null",
        "'%20or%201=1--",
        "%2e%2e",
    ),
    *(
        "%00",
        "KIND_%00",
        "KIND_KSUID%00",
        "KIND_KSUID%0A",
        "KIND_KSUID%20",
        "%20KIND_KSUID",
        "KIND-KSUID",
        "kind_KSUID",
    ),
    *("%F0%9F%98%80", "%ff", "%C0%80", "%ED%A0%80", "a" * 10_000, "KIND_KSUID;", "KIND_KSUID.json", "KIND__KSUID"),
)
"""Ids, percent-encoded, that nothing has; KIND and KSUID are the parts of one that something has."""


@with_id
async def test_a_malformed_id_looks_unknown(call: Call, database: Database) -> None:
    kind, ksuid = (call.id or "").split("_")
    unknown = await call.send(named=new_id(kind))
    before = await make.snapshot(database)
    for malformed in MALFORMED_IDS:
        response = await call.send(named=operations.filled(malformed, {"KIND": kind, "KSUID": ksuid}))
        assert response.status_code == 404, malformed
        assert operations.without_request_id(response) == operations.without_request_id(unknown), malformed
        assert operations.headers(response) == operations.headers(unknown), malformed
    assert await make.snapshot(database) == before


@every_path
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "LINK"])
async def test_a_wrong_method_is_405_and_says_which_are_right(
    shop: Shop, database: Database, path: str, method: str
) -> None:
    address = path.replace("{id}", new_id("cus"))
    before = await make.snapshot(database)
    response = await shop.client.request(method, address)
    if method in PATHS[path]:
        assert response.status_code != 405
        return
    operations.assert_well_formed(response)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert _allow(response) == _methods(path)
    assert await make.snapshot(database) == before


@every_path
async def test_options_says_all_methods_of_the_address(anonymous: httpx.AsyncClient, path: str) -> None:
    response = await anonymous.options(path.replace("{id}", new_id("cus")))
    operations.assert_well_formed(response)
    assert response.status_code == 204
    assert _allow(response) == _methods(path)


@every_path
async def test_head_where_there_is_no_get_is_405_without_a_body(shop: Shop, path: str) -> None:
    response = await shop.client.head(path.replace("{id}", new_id("cus")))
    operations.assert_well_formed(response)
    assert (response.status_code == 405) == ("GET" not in PATHS[path])


def _methods(path: str) -> set[str]:
    return PATHS[path] | {"OPTIONS"} | ({"HEAD"} if "GET" in PATHS[path] else set())


def _allow(response: httpx.Response) -> set[str]:
    methods = response.headers["Allow"].split(", ")
    assert len(set(methods)) == len(methods)
    return set(methods)


@gets
async def test_head_is_get_without_the_body(call: Call, anonymous: httpx.AsyncClient) -> None:
    for client in (call.client, anonymous):
        got = await call.send(client=client)
        head = await call.send(client=client, method="HEAD")
        assert head.status_code == got.status_code
        assert operations.headers(head) == operations.headers(got)
        assert int(head.headers["Content-Length"]) == len(got.content)
