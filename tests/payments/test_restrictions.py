"""A restricted customer is charged by nobody whom the restriction is meant for."""

import httpx
import pytest

from odus.kit.db import Database
from tests import make
from tests.payments import acts
from tests.payments.acts import MANUAL, Object, act, ask

both = pytest.mark.parametrize(
    ("field", "blocked", "free"),
    [("restrictCit", "customer", "merchant"), ("restrictMit", "merchant", "customer")],
)


async def restrict(client: httpx.AsyncClient, customer: object, **fields: object) -> None:
    response = await client.post(f"/customers/{customer}", json={"restrictReason": "Two chargebacks", **fields})
    assert response.status_code == 200, response.text


def check(response: httpx.Response) -> None:
    """Hold that a customer's restriction is named, with its reason."""
    assert (response.status_code, response.json()["code"]) == (409, "customer_restricted"), response.text
    assert "Two chargebacks" in response.json()["detail"]


@both
async def test_no_payment_is_created_for_whom_it_is_meant(
    client: httpx.AsyncClient, field: str, blocked: str, free: str
) -> None:
    customer = (await make.customer(client))["id"]
    await restrict(client, customer, **{field: True})
    body = {"amount": 1, "currency": "usd", "customer": customer}
    check(await client.post("/payments", json={**body, "initiator": blocked}))
    assert (await client.get("/payments")).json()["data"] == []
    assert (await make.paid(client, **body, initiator=free))["displayStatus"] == "succeeded"


@both
async def test_what_was_created_before_is_not_authorized(
    client: httpx.AsyncClient, database: Database, field: str, blocked: str, free: str
) -> None:
    customer = (await make.customer(client))["id"]
    saved = (await make.paid(client, customer=customer))["paymentMethod"]
    ways: tuple[Object, ...] = ({"card": make.card()}, {"paymentMethod": saved})
    made = await make.payment(client, customer=customer, initiator=blocked)
    others = [await make.payment(client, customer=customer, initiator=free) for _ in ways]
    await restrict(client, customer, **{field: True})
    for body, other in zip(ways, others, strict=True):
        check(await ask(client, made, "authorize", body))
        assert (await act(client, other, "authorize", body))["displayStatus"] == "succeeded"
    assert await acts.current(client, made) == made
    assert await acts.charges(database, made) == []
    await restrict(client, customer, **{field: False})
    assert (await act(client, made, "authorize", ways[0]))["displayStatus"] == "succeeded"


async def test_a_challenge_is_not_completed(client: httpx.AsyncClient, database: Database) -> None:
    customer = (await make.customer(client))["id"]
    waiting = await make.paid(client, make.CHALLENGED, customer=customer)
    await restrict(client, customer, restrictCit=True)
    check(await ask(client, waiting, "complete-action", {"outcome": "succeeded"}))
    assert await acts.current(client, waiting) == waiting
    assert await acts.money(database, waiting) == 0
    assert (await act(client, waiting, "cancel"))["displayStatus"] == "cancelled"


async def test_what_was_authorized_before_can_be_captured_and_given_back(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    held = await make.paid(client, customer=customer, paymentMethodOptions=MANUAL)
    await restrict(client, customer, restrictCit=True, restrictMit=True)
    assert (await act(client, held, "capture"))["displayStatus"] == "succeeded"
    assert (await act(client, held, "reverse"))["displayStatus"] == "reversed"


async def test_a_restriction_without_a_reason_is_told_as_well(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client, restrictCit=True))["id"]
    response = await client.post("/payments", json={"amount": 1, "currency": "usd", "customer": customer})
    assert (response.status_code, response.json()["code"]) == (409, "customer_restricted")
    assert response.json()["detail"].endswith(str(customer))
