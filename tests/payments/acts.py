"""What is done to payments in these tests, over the API, and what the gateway's books say of it."""

from typing import Any

import httpx

from odus.kit.db import Database
from odus.kit.times import Moment
from odus.payments import jobs
from tests import make
from tests.make import Shop

Object = dict[str, Any]

MANUAL = {"captureMethod": "manual"}
DELAYED = {"captureMethod": "automaticDelayed", "captureDelay": 2}


async def ask(client: httpx.AsyncClient, payment: Object, verb: str, body: object = None, **headers: str) -> Any:
    """Ask for something to be done to a payment; return the response, whatever it is."""
    return await client.post(f"/payments/{payment['id']}/{verb}", json=body or {}, headers=headers)


async def act(client: httpx.AsyncClient, payment: Object, verb: str, body: object = None, **headers: str) -> Object:
    """Do something to a payment; return it as it is then."""
    response = await ask(client, payment, verb, body, **headers)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(client: httpx.AsyncClient, payment: Object, verb: str, body: object = None) -> str:
    """Hold that something is in conflict with the payment's state, and changes nothing; return why."""
    before = await current(client, payment)
    response = await ask(client, payment, verb, body)
    assert (response.status_code, response.json()["code"]) == (409, "conflict"), response.text
    assert await current(client, payment) == before
    return response.json()["detail"]


async def current(client: httpx.AsyncClient, payment: Object) -> Object:
    """Return a payment as it is now."""
    response = await client.get(f"/payments/{payment['id']}")
    assert response.status_code == 200, response.text
    return response.json()


async def fall_due(database: Database, shop: Shop, payment: Object, at: Moment) -> Object:
    """Let be done what falls due by a moment; return the payment as it is then."""
    await jobs.fall_due(database.write, make.who(shop.merchant_id), str(payment["id"]), at)
    return await current(shop.client, payment)


async def events(client: httpx.AsyncClient, resource: Object) -> list[Object]:
    """Return the events of something, oldest first."""
    response = await client.get("/events", params={"resource": str(resource["id"]), "pageSize": "100"})
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def charges(database: Database, payment: Object) -> list[Object]:
    """Return what the sandbox holds of a payment, oldest first."""
    sql = "select * from sandbox_charges where payment_id = $1 order by created_at"
    return [dict(row) for row in await database.read.rows(sql, payment["id"])]


async def money(database: Database, payment: Object) -> int:
    """Return what the sandbox has taken for a payment and not given back."""
    return sum(each["captured"] - each["refunded"] for each in await charges(database, payment))
