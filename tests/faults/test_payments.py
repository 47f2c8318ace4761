"""Money moves once: processes die before each statement of each move, and the gateway answers late, never or twice.

`ODUS_TEST_KILLS` says how much of it is done: all from 20 on.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import pytest

from odus.app import create_app
from odus.gateways.protocol import ClosedError, Order
from odus.gateways.sandbox import Sandbox
from odus.kit import db, times
from odus.kit.db import Database, Limits
from odus.kit.times import Moment, now
from odus.payments import jobs
from odus.settings import Settings
from tests import make
from tests.faults import store
from tests.faults.figures import note
from tests.faults.gateway_double import MODES
from tests.faults.history import check_chain
from tests.faults.mortal import Mortals, Task, mortals
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import DELAYED, MANUAL, Object

LONG = int(os.environ.get("ODUS_TEST_KILLS", "2")) >= 20
SAMPLES = 30
"""How many cases the short form looks at."""
MOST_STATEMENTS = 28
"""More than any of the moves takes."""
SETTLED = Moment.of(now() + timedelta(hours=1))
"""By then whatever is under way has been asked about, and no challenge has ended."""

MOVES: dict[str, tuple[str, Object, Object | None]] = {
    "authorize": ("authorize", {"card": make.card()}, None),
    "authorize again": ("authorize", {}, {}),
    "hold": ("authorize", {"card": make.card(make.MASTERCARD)}, None),
    "challenge": ("authorize", {"card": make.card(make.CHALLENGED)}, None),
    "decline": ("authorize", {"card": make.card(make.DECLINED)}, None),
    "complete": ("complete-action", {"outcome": "succeeded"}, {"card": make.card(make.CHALLENGED)}),
    "refuse": ("complete-action", {"outcome": "failed"}, {"card": make.card(make.CHALLENGED)}),
    "abandon": ("cancel", {}, {"card": make.card(make.CHALLENGED)}),
    "capture": ("capture", {"amount": 4000}, {"card": make.card()}),
    "refund": ("reverse", {"amount": 100}, {"card": make.card()}),
    "void": ("reverse", {}, {"card": make.card()}),
    "cancel": ("cancel", {}, {"card": make.card()}),
}
"""Each move, and what the payment is authorized by before it."""
HELD = {"hold", "capture", "void", "cancel"}
ORDERS = ("retry first", "job first")

statements = list(product(MOVES, range(1, MOST_STATEMENTS + 1), ["works"], ORDERS))
modes = list(product(MOVES, [0], [mode for mode in MODES if mode != "works"], ORDERS))
ALL = statements + modes
chosen = random.Random(7)  # noqa: S311 - samples
CASES = ALL if LONG else chosen.sample(statements, SAMPLES // 2) + chosen.sample(modes, SAMPLES // 2)


@dataclass
class Place:
    """A shop in a database that other processes use too."""

    url: str
    database: Database
    shop: Shop
    mortals: Mortals


@pytest.fixture(scope="module")
async def place(server_url: str) -> AsyncIterator[Place]:
    async with (
        store.database(server_url, 4, Limits()) as (url, database),
        make.shop(create_app(Settings(log_level="error"), database), database) as shop,
        mortals() as processes,
    ):
        yield Place(url, database, shop, processes)


@pytest.fixture(scope="module", autouse=True)
def ends() -> Iterator[Counter[str]]:
    """Count how the requests ended, and print it."""
    counted = Counter[str]()
    yield counted
    if counted:
        note(
            f"payments: {sum(counted.values())} moves of money with faults between record, gateway and answer,"
            f" {counted['killed']} of them by kill -9: none moved twice, none lost"
        )


async def prepared(place: Place, move: str) -> Object:
    """Make a payment on which a move is possible."""
    client = place.shop.client
    customer = (await make.customer(client))["id"]
    method = (await make.paid(client, customer=customer))["paymentMethod"] if move == "authorize again" else None
    options = MANUAL if move in HELD else None
    made = await make.payment(client, customer=customer, paymentMethod=method, paymentMethodOptions=options)
    before = MOVES[move][2]
    return await acts.act(client, made, "authorize", before) if before else made


@pytest.mark.parametrize(("move", "statement", "mode", "order"), CASES, ids=str)
async def test_a_move_with_a_fault_in_it_is_made_once(  # noqa: PLR0913, PLR0917 - the cases
    place: Place, ends: Counter[str], move: str, statement: int, mode: str, order: str
) -> None:
    payment = await prepared(place, move)
    verb, body, _ = MOVES[move]
    path = f"/payments/{payment['id']}/{verb}"
    task = Task(place.url, place.shop.value, path, body, f"{move} {payment['id']}", statement, mode)
    end = await place.mortals.send(task)
    assert end.status in (0, 200, 504), end.body
    assert statement < MOST_STATEMENTS or end.status == 200, "there are statements before which nobody died"
    ends["killed" if end.was_killed else str(end.status)] += 1
    settled = await settle(place, payment, (verb, body, task.key), order)
    if end.status == 200:
        assert settled == end.body
    await check_consistent(place, settled)
    if not is_made(payment, settled, verb):
        settled = await acts.act(place.shop.client, payment, verb, body, **{"Idempotency-Key": f"{task.key} again"})
        assert is_made(payment, settled, verb) or move == "decline"
        await check_consistent(place, settled)
    check_once(move, settled, await acts.charges(place.database, settled))


async def settle(place: Place, payment: Object, request: tuple[str, Object, str], order: str) -> Object:
    """Send a request again, and let be asked what became of it, in either order, until it is answered."""
    verb, body, key = request
    for turn in range(3):
        if order == "job first" or turn:
            await acts.fall_due(place.database, place.shop, payment, SETTLED)
        response = await acts.ask(place.shop.client, payment, verb, body, **{"Idempotency-Key": key})
        if response.status_code == 200:
            assert response.json() == await acts.current(place.shop.client, payment)
            return response.json()
        assert (response.status_code, response.json()["code"]) == (409, "idempotency_in_progress"), response.text
        assert order == "retry first"
        assert turn == 0
    pytest.fail("the request is under way for ever")


def is_made(before: Object, after: Object, verb: str) -> bool:
    """Tell whether a move had its effect."""
    if verb == "authorize":
        return after["status"] != "open"
    names = ("status", "amountCaptured", "amountReversed")
    return [before[name] for name in names] != [after[name] for name in names]


async def check_consistent(place: Place, payment: Object) -> None:
    """Hold a payment against the books of the gateway, its own events, and those of its payment method."""
    charges = await acts.charges(place.database, payment)
    moved = [each for each in charges if each["captured"]]
    assert await acts.money(place.database, payment) == payment["amountCaptured"] - payment["amountReversed"]
    assert len(moved) == (payment["amountCaptured"] > 0)
    assert all(each["outcome"] for each in payment["transactions"]) or payment["status"] == "requires_action"
    held = [each for each in charges if each["is_open"] and not each["voided"]]
    assert len(held) == (payment["status"] == "succeeded")
    check_chain(await acts.events(place.shop.client, payment), await acts.current(place.shop.client, payment))
    if payment["paymentMethod"] is not None:
        method = (await place.shop.client.get(f"/payment-methods/{payment['paymentMethod']}")).json()
        check_chain(await acts.events(place.shop.client, method), method)


def check_once(move: str, payment: Object, charges: list[Object]) -> None:
    """Hold that a move was made, and made once."""
    captured, reversed_amount = payment["amountCaptured"], payment["amountReversed"]
    assert len(charges) == (move != "decline")
    match move:
        case "authorize" | "authorize again" | "complete":
            assert (captured, reversed_amount, payment["displayStatus"]) == (4200, 0, "succeeded")
        case "hold":
            assert (captured, payment["displayStatus"]) == (0, "uncaptured")
        case "challenge":
            assert (captured, payment["displayStatus"]) == (0, "incomplete")
        case "decline":
            assert (captured, payment["displayStatus"]) == (0, "failed")
        case "refuse":
            assert (captured, payment["displayStatus"], charges[0]["voided"]) == (0, "failed", True)
        case "capture":
            assert (captured, reversed_amount, payment["displayStatus"]) == (4000, 0, "succeeded")
        case "refund":
            assert (captured, reversed_amount, charges[0]["refunded"]) == (4200, 100, 100)
        case _:
            assert (payment["displayStatus"], charges[0]["voided"]) == ("cancelled", True)


async def test_a_call_that_arrives_after_it_was_asked_about_is_not_carried_out(place: Place) -> None:
    payment = await prepared(place, "authorize")
    key = f"late {payment['id']}"
    task = Task(
        place.url,
        place.shop.value,
        f"/payments/{payment['id']}/authorize",
        MOVES["authorize"][1],
        key,
        0,
        "hears nothing",
    )
    assert (await place.mortals.send(task)).status == 504
    under_way = await acts.current(place.shop.client, payment)
    (transaction,) = under_way["transactions"]
    assert transaction["outcome"] is None
    settled = await acts.fall_due(place.database, place.shop, payment, SETTLED)
    assert settled["transactions"][0]["outcome"]["errorCode"] == "gateway_unreachable"
    sandbox = Sandbox(place.database.write, place.shop.merchant_id, b"secret")
    order = Order(
        payment=payment["id"], amount=4200, currency="usd", captures=True, is_off_session=False, return_url="/"
    )
    with pytest.raises(ClosedError):
        await sandbox.authorize(transaction["id"], order, "sbx_approves.x")
    assert await acts.charges(place.database, payment) == []


async def test_a_delayed_capture_that_was_cut_off_before_the_gateway_is_made_all_the_same(place: Place) -> None:
    client = place.shop.client
    payment = await make.paid(client, paymentMethodOptions=DELAYED)
    due = Moment.parse(payment["captureAt"])
    task = Task(place.url, place.shop.value, f"/payments/{payment['id']}/capture", {}, "cut", 0, "dies before")
    assert (await place.mortals.send(task)).was_killed
    asked = await acts.fall_due(place.database, place.shop, payment, SETTLED)
    assert (asked["displayStatus"], asked["captureAt"]) == ("uncaptured", payment["captureAt"])
    done = await acts.fall_due(place.database, place.shop, payment, due)
    assert (done["displayStatus"], done["captureAt"]) == ("succeeded", None)
    assert await acts.money(place.database, payment) == 4200
    await check_consistent(place, done)


PAST = Moment.of(now() - timedelta(days=9))
WORK: dict[str, tuple[str, str]] = {
    "reconcile what was done": ("succeeded", "answers never"),
    "reconcile what never arrived": ("failed", "hears nothing"),
    "reconcile a challenge": ("incomplete", "answers never"),
    "capture": ("succeeded", ""),
    "expire": ("failed", ""),
    "expire what was confirmed": ("succeeded", ""),
}
"""What a worker does, what comes of it, and how the gateway left what is to be asked about."""
MOST_OF_A_JOB = 24
"""More statements than any of the jobs takes."""
jobs_killed = list(product(WORK, range(1, MOST_OF_A_JOB + 1), ["works"]))
jobs_cut = list(
    product(["capture", "expire", "expire what was confirmed"], [0], [each for each in MODES if each != "works"])
)
WORK_CASES = (
    jobs_killed + jobs_cut if LONG else chosen.sample(jobs_killed, SAMPLES // 2) + chosen.sample(jobs_cut, SAMPLES // 4)
)


async def fallen_due(place: Place, work: str) -> Object:
    """Make a payment to which something happens by itself by now."""
    client = place.shop.client
    customer = (await make.customer(client))["id"]
    how = WORK[work][1]
    if how:
        made = await make.payment(client, customer=customer)
        card = make.card(make.CHALLENGED if work == "reconcile a challenge" else make.VISA)
        path = f"/payments/{made['id']}/authorize"
        task = Task(place.url, place.shop.value, path, {"card": card}, f"{work} {made['id']}", 0, how)
        assert (await place.mortals.send(task)).status == 504
        sql = """
            update payments set reconcile_at = $2, attempt = jsonb_set(attempt, '{began_at}', to_jsonb($3::text))
            where id = $1
        """
        await place.database.write.run(sql, made["id"], PAST, str(PAST))
        return made
    with times.at(PAST):
        if work == "capture":
            return await make.paid(client, customer=customer, paymentMethodOptions=DELAYED)
        made = await make.paid(client, make.CHALLENGED, customer=customer)
    if work == "expire what was confirmed":
        (charge,) = await acts.charges(place.database, made)
        sandbox = Sandbox(place.database.write, place.shop.merchant_id, b"secret")
        await sandbox.complete(f"payer {made['id']}", charge["reference"])
    return made


@pytest.mark.parametrize(("work", "statement", "mode"), WORK_CASES, ids=str)
async def test_a_job_with_a_fault_in_it_is_done_once(
    place: Place, ends: Counter[str], work: str, statement: int, mode: str
) -> None:
    payment = await fallen_due(place, work)
    key = f"{place.shop.merchant_id} {payment['id']}"
    end = await place.mortals.send(Task(place.url, place.shop.value, "", {}, "", statement, mode, key))
    assert end.status in (0, 200, 504)
    assert statement < MOST_OF_A_JOB or end.status == 200, "there are statements before which nobody died"
    ends["killed" if end.was_killed else str(end.status)] += 1
    for _ in range(2):  # what was begun is asked about, and what is still due is done
        done = await acts.fall_due(place.database, place.shop, payment, SETTLED)
    assert done["displayStatus"] == WORK[work][0]
    await check_consistent(place, done)
    charges = await acts.charges(place.database, payment)
    assert len(charges) == (work != "reconcile what never arrived")
    assert sum(each["captured"] for each in charges) == (4200 if done["displayStatus"] == "succeeded" else 0)
    assert await jobs.find_due(place.database.read, 100) == []


async def test_two_workers_at_the_same_payments_capture_each_once(place: Place) -> None:
    client = place.shop.client
    payments = [await make.paid(client, paymentMethodOptions=DELAYED) for _ in range(12)]
    yesterday = Moment.of(now() - timedelta(days=1))
    sql = "update payments set capture_at = $2, due_at = $2 where id = any($1)"
    await place.database.write.run(sql, [payment["id"] for payment in payments], yesterday)
    async with db.connect(place.url, 4) as second:
        workers = (place.database, second)
        found = [await jobs.find_due(worker.read, 100) for worker in workers]
        assert len(found[0]) == len(payments)
        assert found[0] == found[1]
        await asyncio.gather(*(jobs.run_due(worker, key) for key in found[0] for worker in workers))
    assert await jobs.find_due(place.database.read, 100) == []
    for payment in payments:
        done = await acts.current(client, payment)
        assert (done["displayStatus"], done["amountCaptured"]) == ("succeeded", 4200)
        assert [each["type"] for each in done["transactions"]] == ["authorize", "capture"]
        (charge,) = await acts.charges(place.database, payment)
        assert charge["captured"] == 4200
