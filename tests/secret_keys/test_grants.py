from collections.abc import AsyncIterator

import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.permissions import Permission
from tests import make, operations
from tests.make import Shop

HELD = [Permission.SECRET_KEY_UPDATE, Permission.CUSTOMER_UPDATE, Permission.EVENT_READ]
GRANTABLE = {*HELD, Permission.SECRET_KEY_READ, Permission.CUSTOMER_READ}


@pytest.fixture
async def manager(app: ASGIApp, shop: Shop, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client whose key holds some permissions."""
    key = await make.key(database, shop.merchant_id, HELD)
    async with make.client(app, key.value) as client:
        yield client


@pytest.mark.parametrize("permission", Permission)
async def test_a_key_can_grant_no_permission_that_it_lacks(
    manager: httpx.AsyncClient, shop: Shop, database: Database, permission: Permission
) -> None:
    plain = await make.key(database, shop.merchant_id, [Permission.CUSTOMER_READ])
    before = await make.snapshot(database)
    create = await manager.post("/secret-keys", json={"note": "x", "permissions": ["CUSTOMER_READ", permission]})
    update = await manager.post(f"/secret-keys/{plain.id}", json={"permissions": ["CUSTOMER_READ", permission]})
    if permission in GRANTABLE:
        assert create.status_code == 201
        assert update.status_code == 200
        return
    for response in (create, update):
        operations.assert_invalid(response, {("permissions", "invalid_value")})
        assert permission in response.json()["errors"][0]["message"]
    assert await make.snapshot(database) == before


@pytest.mark.parametrize("permission", Permission)
async def test_a_key_can_rotate_no_key_that_holds_more(
    manager: httpx.AsyncClient, shop: Shop, database: Database, permission: Permission
) -> None:
    powerful = await make.key(database, shop.merchant_id, [Permission.CUSTOMER_READ, permission])
    before = await make.snapshot(database)
    response = await manager.post(f"/secret-keys/{powerful.id}/rotate", json={})
    if permission in GRANTABLE:
        assert response.status_code == 200
        return
    assert response.status_code in (400, 403)
    assert permission in response.text
    assert "value" not in response.json()
    assert await make.snapshot(database) == before


async def test_the_permission_to_update_customers_is_enough_to_read_them(
    app: ASGIApp, shop: Shop, database: Database
) -> None:
    mine = await make.customer(shop.client)
    key = await make.key(database, shop.merchant_id, [Permission.CUSTOMER_UPDATE])
    async with make.client(app, key.value) as client:
        assert (await client.get(f"/customers/{mine['id']}")).json() == mine
        assert (await client.get(f"/customers/{mine['id']}/events")).status_code == 200
        assert (await client.get("/events")).status_code == 403


async def test_the_permission_to_read_customers_is_not_enough_to_update_them(
    app: ASGIApp, shop: Shop, database: Database
) -> None:
    mine = await make.customer(shop.client)
    key = await make.key(database, shop.merchant_id, [Permission.CUSTOMER_READ])
    async with make.client(app, key.value) as client:
        response = await client.post(f"/customers/{mine['id']}", json={"name": "x"})
    assert (response.status_code, response.json()["code"]) == (403, "missing_permission")
    assert "CUSTOMER_UPDATE" in response.json()["detail"]
    assert (await shop.client.get(f"/customers/{mine['id']}")).json() == mine


async def test_permissions_that_were_taken_are_gone(shop: Shop, database: Database) -> None:
    key = await make.key(database, shop.merchant_id, [Permission.CUSTOMER_READ, Permission.EVENT_READ])
    await shop.client.post(f"/secret-keys/{key.id}", json={"permissions": ["CUSTOMER_READ"]})
    async with make.client(make.another_process(database), key.value) as client:
        assert (await client.get("/events")).status_code == 403


async def test_a_key_may_take_its_own_permissions(shop: Shop, database: Database) -> None:
    response = await shop.client.post(f"/secret-keys/{shop.key_id}", json={"permissions": ["CUSTOMER_READ"]})
    assert response.json()["permissions"] == ["CUSTOMER_READ"]
    async with make.client(make.another_process(database), shop.value) as client:
        assert (await client.get("/secret-keys")).status_code == 403


async def test_a_note_can_be_changed_on_a_key_that_holds_more(manager: httpx.AsyncClient, shop: Shop) -> None:
    response = await manager.post(f"/secret-keys/{shop.key_id}", json={"note": "Owner"})
    assert response.json()["note"] == "Owner"
