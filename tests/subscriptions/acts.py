"""What is done to subscriptions in these tests, over the API, and what came of it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx
import msgspec

from odus.kit.times import Moment
from tests import make

Object = dict[str, Any]

MONTH = "month"


def cycle(amount: int, unit: str = MONTH, value: int = 1, position: int = 1) -> Object:
    """Return a cycle definition as it is sent."""
    return {"position": position, "amount": amount, "intervalUnit": unit, "intervalValue": value}


async def price(client: httpx.AsyncClient, *cycles: Object, **fields: object) -> str:
    """Make a recurring price with these cycles, of a month for 20 dollars where none is given; return its id."""
    known = [{**each, "position": number} for number, each in enumerate(cycles or (cycle(2000),), 1)]
    made = await make.recurring_price(client, billingSchedule={"cycleDefinitions": known}, **fields)
    return str(made["id"])


async def bought(
    client: httpx.AsyncClient, number: str = make.VISA, price_id: str | None = None, **fields: object
) -> Object:
    """Let a customer buy one subscription by a card; return the payment, whatever came of it."""
    named = price_id or await price(client)
    customer = fields.pop("customer", None) or (await make.customer(client))["id"]
    return await make.paid(client, number, customer=customer, cart={"items": [{"price": named}]}, **fields)


async def subscribed(
    client: httpx.AsyncClient, number: str = make.VISA, price_id: str | None = None, **fields: object
) -> Object:
    """Let a customer buy one subscription by a card; return it."""
    return await current(client, (await bought(client, number, price_id, **fields))["subscription"])


async def current(client: httpx.AsyncClient, named: Object | str) -> Object:
    """Return a subscription as it is now."""
    response = await client.get(f"/subscriptions/{named if isinstance(named, str) else named['id']}")
    assert response.status_code == 200, response.text
    return response.json()


async def ask(client: httpx.AsyncClient, subscription: Object, verb: str, body: object = None, **headers: str) -> Any:
    """Ask for something to be done to a subscription; return the response, whatever it is."""
    path = f"/subscriptions/{subscription['id']}{'/' if verb else ''}{verb}"
    return await client.post(path, json=body or {}, headers=headers)


async def act(client: httpx.AsyncClient, subscription: Object, verb: str, body: object = None) -> Object:
    """Do something to a subscription; return it as it is then."""
    response = await ask(client, subscription, verb, body)
    assert response.status_code == 200, response.text
    return response.json()


async def advance(client: httpx.AsyncClient, to: str | Moment) -> str:
    """Put the merchant's clock ahead; return what it shows then."""
    response = await client.post("/test-clock/advance", json={"to": str(to)})
    assert response.status_code == 200, response.text
    return response.json()["now"]


async def advanced(client: httpx.AsyncClient, subscription: Object, to: str | Moment) -> Object:
    """Put the merchant's clock ahead; return a subscription as it is then."""
    await advance(client, to)
    return await current(client, subscription)


async def renewals(client: httpx.AsyncClient, subscription: Object) -> list[Object]:
    """Return the payments of a subscription's later cycles, oldest first."""
    params = {"subscription": subscription["id"], "offSessionType": "recurring", "pageSize": "100"}
    response = await client.get("/payments", params=params)
    assert response.status_code == 200, response.text
    return response.json()["data"]


def later(at: str, **ahead: float) -> Moment:
    """Return the moment so much later."""
    return Moment.of(Moment.parse(at) + timedelta(**ahead))


def shown(subscription: Object, *names: str) -> tuple[object, ...]:
    """Return these fields."""
    return tuple(subscription[name] for name in names)


def billing(subscription: Object) -> tuple[object, ...]:
    """Return whether it is charged by itself, and when next."""
    return shown(subscription, "status", "autoBillingEnabled", "autoBillingDisabledReason", "nextChargeAt")


def tries(payment: Object) -> list[str]:
    """Return the days on which a payment was tried, each as its date."""
    return [each["createdAt"] for each in payment["transactions"] if each["type"] == "authorize"]


def total(payments: Iterable[Object]) -> int:
    """Return what was captured in all."""
    return sum(each["amountCaptured"] for each in payments)


decoded = msgspec.json.decode
