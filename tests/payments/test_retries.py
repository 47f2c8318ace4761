"""Money moves once for a request, however often it is sent and whatever was lost of its answer."""

import json
from datetime import timedelta

import httpx
import pytest

from odus.gateways.protocol import GatewayError
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Database
from odus.kit.idempotency import KEPT_FOR
from odus.kit.times import now
from tests import make
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import MANUAL, Object, act, ask, current

KEY = {"Idempotency-Key": "order 1042"}
AUTHORIZE = {"card": make.card()}

MOVES = {
    "authorize": ("authorize", AUTHORIZE, "created"),
    "a decline": ("authorize", {"card": make.card(make.DECLINED)}, "created"),
    "a challenge": ("authorize", {"card": make.card(make.CHALLENGED)}, "created"),
    "complete": ("complete-action", {"outcome": "succeeded"}, "challenged"),
    "fail": ("complete-action", {"outcome": "failed"}, "challenged"),
    "abandon": ("cancel", {}, "challenged"),
    "capture": ("capture", {"amount": 4000}, "held"),
    "release": ("cancel", {}, "held"),
    "void": ("reverse", {}, "held"),
    "cancel": ("cancel", {}, "created"),
    "refund": ("reverse", {"amount": 100}, "paid"),
    "record": ("reverse", {"amount": 100, "isExternal": True}, "paid"),
}
moves = pytest.mark.parametrize(("verb", "body", "state"), MOVES.values(), ids=MOVES)


async def put(client: httpx.AsyncClient, state: str) -> Object:
    """Make a payment in a state."""
    customer = (await make.customer(client))["id"]
    match state:
        case "challenged":
            return await make.paid(client, make.CHALLENGED, customer=customer)
        case "held":
            return await make.paid(client, customer=customer, paymentMethodOptions=MANUAL)
        case "paid":
            return await make.paid(client, customer=customer)
        case _:
            return await make.payment(client, customer=customer)


@moves
async def test_a_request_that_is_sent_again_is_answered_again(
    client: httpx.AsyncClient, database: Database, verb: str, body: Object, state: str
) -> None:
    payment = await put(client, state)
    first = await ask(client, payment, verb, body, **KEY)
    books = await acts.charges(database, payment)
    again = await ask(client, payment, verb, body, **KEY)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await acts.charges(database, payment) == books
    assert await current(client, payment) == first.json()


@moves
async def test_a_retry_whose_answer_was_lost_finds_what_was_done(
    client: httpx.AsyncClient, database: Database, verb: str, body: Object, state: str
) -> None:
    payment = await put(client, state)
    first = await act(client, payment, verb, body, **KEY)
    books = await acts.charges(database, payment)
    await database.write.run("delete from idempotency_records")
    again = await ask(client, payment, verb, body, **KEY)
    assert (again.status_code, again.json()) == (200, first)
    assert await acts.charges(database, payment) == books
    events = await acts.events(client, payment)
    assert events[-1]["data"] == first
    assert (await ask(client, payment, verb, body, **KEY)).content == again.content


@moves
async def test_a_retry_finds_what_was_done_though_the_payment_went_on(
    client: httpx.AsyncClient, database: Database, verb: str, body: Object, state: str
) -> None:
    payment = await put(client, state)
    await act(client, payment, verb, body, **KEY)
    changed = (await client.post(f"/payments/{payment['id']}", json={"metadata": {"later": "yes"}})).json()
    await database.write.run("delete from idempotency_records")
    books = await acts.charges(database, payment)
    assert await act(client, payment, verb, body, **KEY) == changed
    assert await acts.charges(database, payment) == books


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@moves
async def test_another_request_with_the_same_key_is_refused(  # noqa: PLR0913, PLR0917 - the cases
    client: httpx.AsyncClient,
    database: Database,
    verb: str,
    body: Object,
    state: str,
    lost: bool,  # noqa: FBT001 - a case
) -> None:
    payment = await put(client, state)
    done = await act(client, payment, verb, body, **KEY)
    if lost:
        await database.write.run("delete from idempotency_records")
    for other_verb, other in (
        ("reverse", {"amount": 7}),
        ("capture", {"amount": 7}),
        ("authorize", {"card": make.card(make.MASTERCARD)}),
    ):
        response = await ask(client, payment, other_verb, other, **KEY)
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_mismatch"), response.text
    assert await current(client, payment) == done


async def made_ago(database: Database, payment: Object, ago: timedelta) -> None:
    """Let what is kept of the requests on a payment be as old as that."""
    at = str(acts.Moment.of(now() - ago))
    sql = """
        update payments set requests = (
            select jsonb_object_agg(key, case when key like '%.at' then to_jsonb($2::text) else value end)
            from jsonb_each(requests)
        ) where id = $1
    """
    await database.write.run(sql, payment["id"], at)
    await database.write.run("update idempotency_records set created_at = $1", acts.Moment.parse(at))


async def test_a_key_is_free_for_another_request_once_it_is_not_kept_any_more(
    client: httpx.AsyncClient, database: Database
) -> None:
    paid = await act(client, await put(client, "paid"), "reverse", {"amount": 100}, **KEY)
    await made_ago(database, paid, KEPT_FOR - timedelta(minutes=1))
    response = await ask(client, paid, "reverse", {"amount": 200}, **KEY)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_mismatch")
    await made_ago(database, paid, KEPT_FOR)
    paid = await act(client, paid, "reverse", {"amount": 200}, **KEY)
    assert paid["amountReversed"] == 300
    assert await act(client, paid, "reverse", {"amount": 200}, **KEY) == paid
    await made_ago(database, paid, KEPT_FOR)
    assert (await act(client, paid, "reverse", {"amount": 200}, **KEY))["amountReversed"] == 500
    assert await acts.money(database, paid) == 3700


async def test_what_is_not_kept_any_more_is_not_stored_for_ever(client: httpx.AsyncClient, database: Database) -> None:
    paid = await put(client, "paid")
    for number in range(3):
        await act(client, paid, "reverse", {"amount": 100}, **{"Idempotency-Key": str(number)})
    await made_ago(database, paid, KEPT_FOR)
    await act(client, paid, "reverse", {"amount": 100}, **KEY)
    row = await database.read.row("select requests from payments where id = $1", paid["id"])
    assert row
    assert len(json.loads(row["requests"])) == 2  # the request, and when it was


async def test_a_key_is_kept_while_its_request_is_under_way(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make.payment(client)

    async def unheard(*_: object) -> None:
        raise GatewayError

    monkeypatch.setattr(Sandbox, "authorize", unheard)
    assert (await ask(client, made, "authorize", AUTHORIZE, **KEY)).status_code == 504
    await made_ago(database, made, KEPT_FOR * 2)
    again = await ask(client, made, "authorize", AUTHORIZE, **KEY)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_in_progress")


async def test_a_note_of_an_earlier_release_says_no_time_and_counts_from_the_last_change(
    client: httpx.AsyncClient, database: Database
) -> None:
    paid = await act(client, await put(client, "paid"), "reverse", {"amount": 100}, **KEY)
    sql = """
        update payments set requests = (select jsonb_object_agg(key, value) from jsonb_each(requests)
            where key not like '%.at'), updated_at = updated_at - $2::interval, created_at = created_at - $2::interval
        where id = $1
    """
    await database.write.run("delete from idempotency_records")
    await database.write.run(sql, paid["id"], KEPT_FOR - timedelta(minutes=1))
    assert (await act(client, paid, "reverse", {"amount": 100}, **KEY))["amountReversed"] == 100
    await act(client, paid, "reverse", {"amount": 100}, **{"Idempotency-Key": "another"})
    await database.write.run("delete from idempotency_records")
    assert (await act(client, paid, "reverse", {"amount": 100}, **KEY))["amountReversed"] == 200
    await database.write.run("delete from idempotency_records")
    await database.write.run(sql, paid["id"], KEPT_FOR + timedelta(minutes=1))
    assert (await act(client, paid, "reverse", {"amount": 100}, **KEY))["amountReversed"] == 300


async def test_without_a_key_each_refund_is_one_of_its_own(client: httpx.AsyncClient, database: Database) -> None:
    paid = await make.paid(client)
    for _ in range(3):
        paid = await act(client, paid, "reverse", {"amount": 100})
    assert paid["amountReversed"] == 300
    assert await acts.money(database, paid) == 3900


async def test_a_conflict_is_answered_again_under_its_key(client: httpx.AsyncClient) -> None:
    made = await make.payment(client)
    first = await ask(client, made, "capture", {}, **KEY)
    await act(client, made, "authorize", AUTHORIZE)
    again = await ask(client, made, "capture", {}, **KEY)
    assert (again.status_code, again.content) == (409, first.content)


async def test_what_was_wrong_with_a_request_may_be_put_right_under_its_key(client: httpx.AsyncClient) -> None:
    made = await make.payment(client)
    wrong = await ask(client, made, "authorize", {"card": make.card("4242424242424241")}, **KEY)
    assert wrong.status_code == 400
    assert (await act(client, made, "authorize", AUTHORIZE, **KEY))["displayStatus"] == "succeeded"


async def test_if_match_guards_each_move(client: httpx.AsyncClient, database: Database) -> None:
    for verb, body, state in MOVES.values():
        payment = await put(client, state)
        stale = (await client.get(f"/payments/{payment['id']}")).headers["ETag"]
        changed = (await client.post(f"/payments/{payment['id']}", json={"metadata": {"a": "b"}})).json()
        books = await acts.charges(database, payment)
        response = await ask(client, payment, verb, body, **{"If-Match": stale})
        assert (response.status_code, response.json()["code"]) == (412, "precondition_failed")
        assert await current(client, payment) == changed
        assert await acts.charges(database, payment) == books
        tag = (await client.get(f"/payments/{payment['id']}")).headers["ETag"]
        assert (await ask(client, payment, verb, body, **{"If-Match": tag})).status_code == 200


async def test_a_retry_is_no_other_version(client: httpx.AsyncClient, database: Database) -> None:
    made = await make.payment(client)
    tag = (await client.get(f"/payments/{made['id']}")).headers["ETag"]
    done = await act(client, made, "authorize", AUTHORIZE, **KEY, **{"If-Match": tag})
    await database.write.run("delete from idempotency_records")
    assert await act(client, made, "authorize", AUTHORIZE, **KEY, **{"If-Match": tag}) == done


async def test_another_merchants_payment_is_unknown(shop: Shop, other_shop: Shop, database: Database) -> None:
    before = {state: await put(shop.client, state) for state in ("created", "challenged", "held", "paid")}
    for verb, body, state in (*MOVES.values(), ("record-chargeback", {}, "paid")):
        response = await ask(other_shop.client, before[state], verb, body)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert (await other_shop.client.get("/payments")).json()["data"] == []
    for payment in before.values():
        assert (await other_shop.client.get(f"/payments/{payment['id']}")).status_code == 404
        await acts.jobs.fall_due(database.write, make.who(other_shop.merchant_id), payment["id"], later())
        assert await current(shop.client, payment) == payment


def later() -> acts.Moment:
    return acts.Moment.of(now() + timedelta(days=9))
