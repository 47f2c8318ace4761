"""Requests at once on one payment: one proceeds, and the others are told so."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from odus.app import create_app
from odus.gateways import connect
from odus.gateways.protocol import Answer, Card, Order
from odus.gateways.sandbox import Sandbox
from odus.kit import db
from odus.kit.db import Database, Limits
from odus.payments import moving
from odus.settings import Settings
from tests import make
from tests.faults import store
from tests.faults.history import check_chain
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import MANUAL, ask

CARD = {"card": make.card()}


@dataclass
class Place:
    """A shop, and the client of another process for the same shop."""

    database: Database
    shop: Shop
    other: httpx.AsyncClient


@pytest.fixture(scope="module")
async def place(server_url: str) -> AsyncIterator[Place]:
    async with (
        store.database(server_url, 6, Limits()) as (url, database),
        make.shop(create_app(Settings(log_level="error"), database), database) as shop,
        db.connect(url, 6) as second,
        make.client(make.another_process(second), shop.value) as other,
    ):
        yield Place(database, shop, other)


class Held(Sandbox):
    """A sandbox that waits in each authorization until it is let go."""

    reached = asyncio.Event()
    go_on = asyncio.Event()

    async def authorize(self, key: str, order: Order, means: Card | str) -> Answer:
        """Answer once it may go on."""
        Held.reached.set()
        await Held.go_on.wait()
        return await super().authorize(key, order, means)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> type[Held]:
    monkeypatch.setitem(connect.INTEGRATIONS, "sandbox", Held)
    Held.reached, Held.go_on = asyncio.Event(), asyncio.Event()
    return Held


async def test_while_the_gateway_is_asked_nothing_else_moves_money(place: Place, held: type[Held]) -> None:
    made = await make.payment(place.shop.client)
    first = asyncio.create_task(ask(place.shop.client, made, "authorize", CARD, **{"Idempotency-Key": "first"}))
    await held.reached.wait()
    for client in (place.shop.client, place.other):
        for verb, body in (("authorize", CARD), ("cancel", {})):
            response = await ask(client, made, verb, body)
            assert (response.status_code, response.json()["code"]) == (409, "attempt_in_progress"), response.text
            assert int(response.headers["Retry-After"]) >= 1
        response = await ask(client, made, "authorize", CARD, **{"Idempotency-Key": "first"})
        assert (response.status_code, response.json()["code"]) == (409, "idempotency_in_progress")
        changed = await client.post(f"/payments/{made['id']}", json={"metadata": {"while": "asked"}})
        assert changed.status_code == 200, "what moves no money goes on"
    held.go_on.set()
    done = (await first).json()
    assert (done["displayStatus"], done["metadata"]) == ("succeeded", {"while": "asked"})
    assert len(await acts.charges(place.database, made)) == 1
    again = await ask(place.other, made, "authorize", CARD, **{"Idempotency-Key": "first"})
    assert (again.status_code, again.json()) == (200, done)
    check_chain(await acts.events(place.shop.client, made), done)


async def test_no_connection_is_held_while_the_gateway_is_asked(place: Place, held: type[Held]) -> None:
    made = [await make.payment(place.shop.client) for _ in range(12)]
    asked = [asyncio.create_task(ask(place.shop.client, each, "authorize", CARD)) for each in made]
    await held.reached.wait()
    async with asyncio.timeout(10):
        for each in made:
            assert (await acts.current(place.shop.client, each))["status"] == "open"
    held.go_on.set()
    assert {(await each).json()["displayStatus"] for each in asked} == {"succeeded"}


async def test_a_gateway_that_does_not_answer_in_time_is_504(
    place: Place, held: type[Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "GATEWAY_SECONDS", 0.05)
    made = await make.payment(place.shop.client)
    response = await ask(place.shop.client, made, "authorize", CARD)
    assert (response.status_code, response.json()["code"]) == (504, "gateway_timeout")
    assert "4242" not in response.text
    assert held.reached.is_set()
    assert (await acts.current(place.shop.client, made))["transactions"][0]["outcome"] is None


@pytest.mark.parametrize(
    ("verb", "body", "state"),
    [
        ("authorize", CARD, "open"),
        ("capture", {}, "held"),
        ("cancel", {}, "held"),
        ("reverse", {}, "held"),
        ("reverse", {}, "paid"),
        ("complete-action", {"outcome": "succeeded"}, "challenged"),
        ("complete-action", {"outcome": "failed"}, "challenged"),
        ("cancel", {}, "challenged"),
    ],
)
async def test_of_many_at_once_one_moves_money(place: Place, verb: str, body: dict[str, object], state: str) -> None:
    options = MANUAL if state == "held" else None
    made = await make.payment(place.shop.client, paymentMethodOptions=options)
    if state != "open":
        number = make.CHALLENGED if state == "challenged" else make.VISA
        made = await acts.act(place.shop.client, made, "authorize", {"card": make.card(number)})
    clients = [place.shop.client, place.other] * 4
    answers = await asyncio.gather(*(ask(client, made, verb, body) for client in clients))
    assert [answer.status_code for answer in answers].count(200) == 1
    refusals = {answer.json()["code"] for answer in answers if answer.status_code != 200}
    assert refusals <= {"attempt_in_progress", "conflict"}
    done = await acts.current(place.shop.client, made)
    assert await acts.money(place.database, made) == done["amountCaptured"] - done["amountReversed"]
    assert len(await acts.charges(place.database, made)) == 1
    check_chain(await acts.events(place.shop.client, made), done)


async def test_one_key_at_once_in_two_processes_charges_once(place: Place) -> None:
    for turn in range(5):
        made = await make.payment(place.shop.client)

        async def insist(
            client: httpx.AsyncClient, payment: acts.Object = made, key: str = f"turn {turn}"
        ) -> acts.Object:
            while True:
                response = await ask(client, payment, "authorize", CARD, **{"Idempotency-Key": key})
                if response.status_code == 200:
                    return response.json()
                assert (response.status_code, response.json()["code"]) == (409, "idempotency_in_progress")

        answers = await asyncio.gather(*(insist(client) for client in [place.shop.client, place.other] * 3))
        assert all(answer == answers[0] for answer in answers)
        assert len(await acts.charges(place.database, made)) == 1
        assert len(answers[0]["transactions"]) == 2


async def test_refunds_at_once_never_give_back_more_than_was_taken(place: Place) -> None:
    paid = await make.paid(place.shop.client)

    async def insist(client: httpx.AsyncClient) -> int:
        while True:
            response = await ask(client, paid, "reverse", {"amount": 1000})
            if response.json().get("code") != "attempt_in_progress":
                return response.status_code

    ends = await asyncio.gather(*(insist(client) for client in [place.shop.client, place.other] * 3))
    assert sorted(ends) == [200, 200, 200, 200, 400, 400]
    assert (await acts.current(place.shop.client, paid))["amountReversed"] == 4000
    assert await acts.money(place.database, paid) == 200
