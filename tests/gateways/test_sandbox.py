"""The sandbox as a gateway: once for each key, with books that cannot be wrong, and no card in them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from odus.gateways.protocol import Answer, Approved, Card, Challenged, ClosedError, Declined, Order
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Database, Limits
from tests import make
from tests.faults import store
from tests.make import Shop

SECRET = b"s" * 32


def card(number: str = make.VISA, **fields: str) -> Card:
    return Card(**{"number": number, "exp_month": "12", "exp_year": "2040", "cvc": "123", **fields})


def order(*, captures: bool = True, is_off_session: bool = False, amount: int = 4200) -> Order:
    return Order(
        payment="pay_x",
        amount=amount,
        currency="usd",
        captures=captures,
        is_off_session=is_off_session,
        return_url="https://odus.test/checkout/pay_x?key=k",
    )


@pytest.fixture
def sandbox(database: Database, shop: Shop) -> Sandbox:
    return Sandbox(database.write, shop.merchant_id, SECRET)


async def approved(answer: Awaitable[Answer]) -> Approved:
    given = await answer
    assert isinstance(given, Approved), given
    return given


async def code(answer: Awaitable[Answer]) -> str:
    given = await answer
    assert isinstance(given, Declined), given
    return given.code


async def test_a_key_is_carried_out_once_and_answered_the_same_each_time(sandbox: Sandbox, database: Database) -> None:
    first = await approved(sandbox.authorize("a", order(), card()))
    for _ in range(2):
        assert await sandbox.authorize("a", order(), card()) == first
        assert await sandbox.find("a") == first
    assert await database.read.count("select count(*) from sandbox_charges") == 1
    assert (await approved(sandbox.authorize("b", order(), card()))).reference != first.reference


async def test_what_is_asked_about_before_it_arrives_never_does(sandbox: Sandbox, database: Database) -> None:
    assert await sandbox.find("a") is None
    with pytest.raises(ClosedError):
        await sandbox.authorize("a", order(), card())
    assert await sandbox.find("a") is None
    assert await database.read.count("select count(*) from sandbox_charges") == 0


async def test_a_token_charges_the_card_that_it_stands_for(sandbox: Sandbox) -> None:
    facts = (await approved(sandbox.authorize("a", order(), card()))).card
    assert facts
    assert (await approved(sandbox.authorize("b", order(), facts.token))).card is None
    once = (await approved(sandbox.authorize("c", order(), card(make.APPROVED_ONCE)))).card
    assert once
    assert await code(sandbox.authorize("d", order(is_off_session=True), once.token)) == "generic_decline"
    await approved(sandbox.authorize("e", order(), once.token))


async def test_a_fingerprint_is_of_the_number_alone_and_of_one_profile(
    sandbox: Sandbox, database: Database, shop: Shop
) -> None:
    first = (await approved(sandbox.authorize("a", order(), card()))).card
    same = (await approved(sandbox.authorize("b", order(), card(cvc="999", exp_year="2041")))).card
    other = (await approved(sandbox.authorize("c", order(), card(make.MASTERCARD)))).card
    elsewhere = Sandbox(database.write, shop.merchant_id, b"t" * 32)
    foreign = (await approved(elsewhere.authorize("d", order(), card()))).card
    assert first
    assert same
    assert other
    assert foreign
    assert first.fingerprint == same.fingerprint
    assert len({first.fingerprint, other.fingerprint, foreign.fingerprint}) == 3
    assert len({first.token, same.token}) == 2


async def test_a_challenge_is_charged_once_it_is_confirmed(sandbox: Sandbox, database: Database) -> None:
    asked = await sandbox.authorize("a", order(), card(make.CHALLENGED))
    assert isinstance(asked, Challenged)
    assert asked.redirect_url == "https://odus.test/checkout/pay_x/challenge?key=k"
    assert await code(sandbox.capture("b", asked.reference, 1)) == "charge_state"
    for key in ("c", "d"):
        await approved(sandbox.complete(key, asked.reference))
        assert await database.read.count("select captured from sandbox_charges") == 4200
    await approved(sandbox.refund("e", asked.reference, 1))
    await approved(sandbox.complete("f", asked.reference))
    assert await database.read.count("select captured - refunded from sandbox_charges") == 4199


async def test_a_challenge_that_is_withdrawn_is_never_confirmed(sandbox: Sandbox, database: Database) -> None:
    asked = await sandbox.authorize("a", order(), card(make.CHALLENGED))
    assert isinstance(asked, Challenged)
    for key in ("b", "c"):
        assert await code(sandbox.withdraw(key, asked.reference)) == "authentication_failed"
    assert await code(sandbox.complete("d", asked.reference)) == "charge_state"
    assert await database.read.count("select captured from sandbox_charges") == 0


@pytest.mark.parametrize("captures", [True, False])
async def test_a_challenge_that_is_confirmed_is_not_withdrawn(sandbox: Sandbox, captures: bool) -> None:  # noqa: FBT001 - a case
    asked = await sandbox.authorize("a", order(captures=captures), card(make.CHALLENGED))
    assert isinstance(asked, Challenged)
    await approved(sandbox.complete("b", asked.reference))
    assert (await approved(sandbox.withdraw("c", asked.reference))).reference == asked.reference
    if captures:
        await approved(sandbox.refund("d", asked.reference, 4200))
    else:
        await approved(sandbox.capture("d", asked.reference, 4200))


async def test_a_challenge_that_is_not_there_is_not_confirmed(sandbox: Sandbox) -> None:
    assert await code(sandbox.withdraw("a", "ch_x")) == "authentication_failed"
    assert await code(sandbox.complete("b", "ch_x")) == "charge_state"


async def test_the_books_give_back_what_was_taken_and_no_more(sandbox: Sandbox) -> None:
    taken = (await approved(sandbox.authorize("a", order(captures=False), card()))).reference
    assert await code(sandbox.refund("b", taken, 1)) == "charge_state"
    assert await code(sandbox.capture("c", taken, 4201)) == "charge_state"
    await approved(sandbox.capture("d", taken, 4000))
    assert await code(sandbox.capture("e", taken, 1)) == "charge_state"
    assert await code(sandbox.void("f", taken)) == "charge_state"
    await approved(sandbox.refund("g", taken, 3999))
    assert await code(sandbox.refund("h", taken, 2)) == "charge_state"
    await approved(sandbox.refund("i", taken, 1))


async def test_what_is_released_is_not_taken(sandbox: Sandbox) -> None:
    held = (await approved(sandbox.authorize("a", order(captures=False), card()))).reference
    await approved(sandbox.void("b", held))
    assert await code(sandbox.void("c", held)) == "charge_state"
    assert await code(sandbox.capture("d", held, 1)) == "charge_state"


async def test_another_merchants_charge_is_none(sandbox: Sandbox, database: Database, other_shop: Shop) -> None:
    held = (await approved(sandbox.authorize("a", order(captures=False), card()))).reference
    others = Sandbox(database.write, other_shop.merchant_id, SECRET)
    assert await code(others.capture("a", held, 1)) == "charge_state"
    assert await code(others.void("b", held)) == "charge_state"
    await approved(sandbox.capture("c", held, 1))


@pytest.mark.parametrize(
    "change",
    ["captured = authorized + 1", "refunded = captured + 1", "refunded = -1", "voided = true", "authorized = 0"],
)
async def test_the_books_cannot_be_wrong(sandbox: Sandbox, database: Database, change: str) -> None:
    await approved(sandbox.authorize("a", order(), card()))
    with pytest.raises(asyncpg.CheckViolationError):
        async with database.write.transaction() as transaction:
            await transaction.run("update sandbox_charges set " + change)  # pyright: ignore[reportArgumentType]


async def test_a_card_does_not_show_itself() -> None:
    shown = f"{card(make.VISA, cvc='739')!r} {card()}"
    assert "4242" not in shown
    assert "739" not in shown


@pytest.fixture
async def real(server_url: str) -> AsyncIterator[Sandbox]:
    async with store.database(server_url, 8, Limits()) as (_, database):
        yield Sandbox(database.write, await store.merchant(database), SECRET)


async def test_a_key_that_comes_many_times_at_once_is_carried_out_once(real: Sandbox) -> None:
    answers = await asyncio.gather(*(real.authorize("a", order(), card()) for _ in range(12)))
    assert all(answer == answers[0] for answer in answers)


async def test_a_call_and_the_question_about_it_at_once_agree(real: Sandbox) -> None:
    async def call(key: str) -> Answer | None:
        try:
            return await real.authorize(key, order(), card())
        except ClosedError:
            return None

    async def both(key: str, first: Callable[[str], Awaitable[Answer | None]]) -> tuple[Answer | None, Answer | None]:
        second = real.find if first is call else call
        one, other = await asyncio.gather(first(key), second(key))
        return (one, other) if first is call else (other, one)

    ends = [await both(f"key {turn}", call if turn % 2 else real.find) for turn in range(20)]
    assert all(done == found for done, found in ends)
