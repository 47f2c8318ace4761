"""Authorizing: by a card or a saved method, with what each card of the sandbox answers."""

from datetime import datetime, timedelta

import httpx
import pytest

from odus.gateways.declines import DECLINES
from odus.kit import times
from odus.kit.db import Database
from odus.kit.times import Moment
from odus.payments.model import MOST_TRANSACTIONS
from tests import make, operations
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import Object, act, ask, refused

AMEX, DISCOVER = "378282246310005", "6011111111111117"


def outcomes(payment: Object) -> list[tuple[str, str | None]]:
    """Return the type and the result of each transaction."""
    return [(each["type"], each["outcome"] and each["outcome"]["status"]) for each in payment["transactions"]]


@pytest.mark.parametrize(
    ("number", "cvc", "brand"),
    [
        (make.VISA, "123", "visa"),
        (make.MASTERCARD, "000", "mastercard"),
        (AMEX, "1234", "amex"),
        (DISCOVER, "999", "discover"),
        (make.APPROVED_ONCE, "123", "visa"),
        ("4242 4242 4242 4242", "123", "visa"),
        ("4242-4242-4242-4242", "123", "visa"),
    ],
)
async def test_a_good_card_is_charged_at_once(
    client: httpx.AsyncClient, database: Database, number: str, cvc: str, brand: str
) -> None:
    made = await make.payment(client)
    paid = await act(client, made, "authorize", {"card": make.card(number, cvc=cvc)})
    assert (paid["status"], paid["displayStatus"]) == ("succeeded", "succeeded")
    assert (paid["isCaptured"], paid["amountCaptured"], paid["amountReversed"]) == (True, 4200, 0)
    assert outcomes(paid) == [("authorize", "success"), ("capture", "success")]
    assert [each["amount"] for each in paid["transactions"]] == [4200, 4200]
    assert {each["card"]["brand"] for each in paid["transactions"]} == {brand}
    assert {each["card"]["lastFour"] for each in paid["transactions"]} == {number[-4:]}
    assert paid["checkoutUrl"] is None
    assert paid == await acts.current(client, made)
    (charge,) = await acts.charges(database, made)
    assert (charge["authorized"], charge["captured"], charge["currency"]) == (4200, 4200, "usd")


@pytest.mark.parametrize(
    ("number", "code", "kind"),
    [
        (make.DECLINED, "generic_decline", "soft_decline"),
        (make.INSUFFICIENT, "insufficient_funds", "soft_decline"),
        (make.EXPIRED, "expired_card", "soft_decline"),
        (make.FRAUD, "fraud_suspected", "hard_decline"),
        ("4111111111111111", "card_not_supported", "hard_decline"),
    ],
)
async def test_a_declined_card_leaves_the_payment_open_and_says_why(
    client: httpx.AsyncClient, database: Database, number: str, code: str, kind: str
) -> None:
    customer = (await make.customer(client))["id"]
    tried = await make.paid(client, number, customer=customer)
    assert (tried["status"], tried["displayStatus"], tried["amountCaptured"]) == ("open", "failed", 0)
    (transaction,) = tried["transactions"]
    outcome, why = transaction["outcome"], DECLINES[code]
    assert (outcome["status"], outcome["errorCode"], outcome["declineType"]) == ("failure", code, kind)
    assert (outcome["errorMessage"], outcome["safeErrorMessage"]) == (why.message, why.safe_message)
    assert (outcome["retryStrategy"], outcome["specialCode"]) == (why.retry_strategy, why.special_code)
    assert (outcome["processorCode"], outcome["processorMessage"]) == (why.processor_code, why.processor_message)
    assert tried["paymentMethod"] is None
    assert await acts.charges(database, tried) == []
    assert (await client.get("/payment-methods")).json()["data"] == []


async def test_after_a_decline_another_card_can_pay(client: httpx.AsyncClient) -> None:
    tried = await make.paid(client, make.DECLINED)
    assert tried["checkoutUrl"] is not None
    paid = await act(client, tried, "authorize", {"card": make.card()})
    assert paid["displayStatus"] == "succeeded"
    assert outcomes(paid) == [("authorize", "failure"), ("authorize", "success"), ("capture", "success")]


async def test_a_saved_method_is_charged_where_named_by_the_payment_or_the_call(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    visa = (await make.paid(client, customer=customer))["paymentMethod"]
    master = (await make.paid(client, make.MASTERCARD, customer=customer))["paymentMethod"]
    assert visa != master
    for named, body, charged in ((visa, {}, visa), (None, {"paymentMethod": master}, master),
                                 (visa, {"paymentMethod": master}, master)):  # fmt: skip
        made = await make.payment(client, customer=customer, paymentMethod=named)
        paid = await act(client, made, "authorize", body)
        assert (paid["displayStatus"], paid["paymentMethod"]) == ("succeeded", charged)
        assert paid["transactions"][0]["card"]["lastFour"] == ("4242" if charged == visa else "4444")


async def test_a_card_goes_before_the_method_that_the_payment_names(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    visa = (await make.paid(client, customer=customer))["paymentMethod"]
    made = await make.payment(client, customer=customer, paymentMethod=visa)
    paid = await act(client, made, "authorize", {"card": make.card(make.MASTERCARD)})
    assert paid["paymentMethod"] not in (visa, None)
    assert paid["transactions"][0]["card"]["brand"] == "mastercard"


async def test_one_means_must_be_given_and_not_both(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    visa = (await make.paid(client, customer=customer))["paymentMethod"]
    made = await make.payment(client, customer=customer)
    operations.assert_invalid(await ask(client, made, "authorize"), {("paymentMethod", "required")})
    both = {"card": make.card(), "paymentMethod": visa}
    operations.assert_invalid(await ask(client, made, "authorize", both), {("paymentMethod", "invalid_value")})
    assert await acts.current(client, made) == made


async def test_a_method_of_someone_else_cannot_be_charged(shop: Shop, other_shop: Shop, database: Database) -> None:
    jane, john = [(await make.customer(shop.client))["id"] for _ in range(2)]
    johns = (await make.paid(shop.client, customer=john))["paymentMethod"]
    theirs = await make.paid(other_shop.client, customer=(await make.customer(other_shop.client))["id"])
    made, nobodys = await make.payment(shop.client, customer=jane), await make.payment(shop.client)
    for payment, method in ((made, johns), (made, theirs["paymentMethod"]), (nobodys, johns), (made, "pm_x")):
        response = await ask(shop.client, payment, "authorize", {"paymentMethod": method})
        operations.assert_invalid(response, {("paymentMethod", "invalid_value")})
        assert await acts.charges(database, payment) == []


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"number": "4242424242424241"}, {("card.number", "invalid_format")}),
        ({"number": "42424242"}, {("card.number", "invalid_format")}),
        ({"number": ""}, {("card.number", "invalid_format")}),
        ({"number": "4" * 41}, {("card.number", "too_long")}),
        ({"number": "4242a42424242424242"}, {("card.number", "invalid_value")}),
        ({"number": 4242424242424242}, {("card.number", "invalid_type")}),
        ({"number": "\uff13" * 16}, {("card.number", "invalid_value")}),
        ({"cvc": "12"}, {("card.cvc", "invalid_format")}),
        ({"cvc": "1234"}, {("card.cvc", "invalid_format")}),
        ({"cvc": "12345"}, {("card.cvc", "too_long")}),
        ({"cvc": "abc"}, {("card.cvc", "invalid_value")}),
        ({"number": AMEX, "cvc": "123"}, {("card.cvc", "invalid_format")}),
        ({"expMonth": "13"}, {("card.expMonth", "invalid_value")}),
        ({"expMonth": "00"}, {("card.expMonth", "invalid_value")}),
        ({"expMonth": "1"}, {("card.expMonth", "invalid_value")}),
        ({"expMonth": 12}, {("card.expMonth", "invalid_type")}),
        ({"expMonth": "12\n"}, {("card.expMonth", "invalid_value")}),
        ({"expYear": "2040\n"}, {("card.expYear", "invalid_value")}),
        ({"cvc": "123\n"}, {("card.cvc", "invalid_value")}),
        ({"number": "4242424242424242\n"}, {("card.number", "invalid_value")}),
        ({"expYear": "40"}, {("card.expYear", "invalid_value")}),
        ({"expYear": "2020"}, {("card.expYear", "out_of_range")}),
        ({"cardholderName": "x" * 256}, {("card.cardholderName", "too_long")}),
        ({"cardholderName": "Jane 4242-4242 42424242"}, {("card.cardholderName", "invalid_value")}),
        ({"iban": "x"}, {("card.iban", "unknown_field")}),
        (
            {"number": "1", "expYear": "2020"},
            {("card.number", "invalid_format"), ("card.expYear", "out_of_range")},
        ),
    ],
    ids=str,
)
async def test_what_is_wrong_with_a_card_is_named_and_not_repeated(
    client: httpx.AsyncClient, fields: Object, errors: set[tuple[str, str]]
) -> None:
    made = await make.payment(client)
    response = await ask(client, made, "authorize", {"card": make.card(**fields)})
    operations.assert_invalid(response, errors)
    number = str(fields.get("number", ""))
    assert len(number) < 8 or number not in response.text
    assert await acts.current(client, made) == made


async def test_a_card_is_good_until_its_month_ends(client: httpx.AsyncClient) -> None:
    today = datetime.now(tz=None)  # noqa: DTZ005 - the month here is the month somewhere
    made = await make.payment(client)
    card = make.card(expMonth=f"{today.month:02}", expYear=str(today.year))
    assert (await act(client, made, "authorize", {"card": card}))["displayStatus"] == "succeeded"


async def test_only_an_open_payment_can_be_authorized(client: httpx.AsyncClient) -> None:
    card = {"card": make.card()}
    paid, waiting = await make.paid(client), await make.paid(client, make.CHALLENGED)
    cancelled = await act(client, await make.payment(client), "cancel")
    for payment in (paid, waiting, cancelled):
        await refused(client, payment, "authorize", card)


async def test_a_challenge_is_answered_with_an_action(client: httpx.AsyncClient, database: Database) -> None:
    waiting = await make.paid(client, make.CHALLENGED)
    assert (waiting["status"], waiting["displayStatus"]) == ("requires_action", "incomplete")
    assert waiting["action"]["type"] == "redirect"
    assert f"/checkout/{waiting['id']}" in waiting["action"]["redirectUrl"]
    began = Moment.parse(waiting["transactions"][0]["createdAt"])
    lasts = Moment.parse(waiting["action"]["expiresAt"]) - began
    assert timedelta(hours=24) <= lasts <= timedelta(hours=24, seconds=30)
    assert outcomes(waiting) == [("authorize", None)]
    assert waiting["checkoutUrl"] is not None
    assert await acts.money(database, waiting) == 0


async def test_a_confirmed_challenge_is_charged(client: httpx.AsyncClient, database: Database) -> None:
    customer = (await make.customer(client))["id"]
    waiting = await make.paid(client, make.CHALLENGED, customer=customer)
    assert waiting["paymentMethod"] is None
    done = await act(client, waiting, "complete-action", {"outcome": "succeeded"})
    assert (done["displayStatus"], done["action"], done["amountCaptured"]) == ("succeeded", None, 4200)
    assert outcomes(done) == [("authorize", "success"), ("capture", "success")]
    assert done["paymentMethod"] is not None
    assert await acts.money(database, done) == 4200
    await refused(client, done, "complete-action", {"outcome": "succeeded"})


async def test_a_challenge_that_failed_leaves_the_payment_open(client: httpx.AsyncClient, database: Database) -> None:
    customer = (await make.customer(client))["id"]
    waiting = await make.paid(client, make.CHALLENGED, customer=customer)
    done = await act(client, waiting, "complete-action", {"outcome": "failed"})
    assert (done["status"], done["displayStatus"], done["action"]) == ("open", "failed", None)
    assert done["transactions"][0]["outcome"]["errorCode"] == "authentication_failed"
    assert done["paymentMethod"] is None
    assert await acts.money(database, done) == 0
    paid = await act(client, done, "authorize", {"card": make.card()})
    assert paid["displayStatus"] == "succeeded"


async def test_a_challenge_ends_after_24_hours_and_not_before(shop: Shop, database: Database) -> None:
    waiting = await make.paid(shop.client, make.CHALLENGED)
    end = Moment.parse(waiting["action"]["expiresAt"])
    just_before = Moment.of(end - timedelta(milliseconds=1))
    assert await acts.fall_due(database, shop, waiting, just_before) == waiting
    ended = await acts.fall_due(database, shop, waiting, end)
    assert (ended["status"], ended["displayStatus"], ended["action"]) == ("open", "failed", None)
    assert ended["transactions"][0]["outcome"]["errorCode"] == "authentication_expired"
    assert await acts.fall_due(database, shop, waiting, Moment.of(end + timedelta(days=9))) == ended
    await refused(shop.client, ended, "complete-action", {"outcome": "succeeded"})
    again = await act(shop.client, ended, "authorize", {"card": make.card()})
    assert await acts.money(database, again) == again["amountCaptured"] == 4200


async def test_a_challenge_is_over_after_24_hours_though_no_job_came_by(
    client: httpx.AsyncClient, database: Database
) -> None:
    late, other = await make.paid(client, make.CHALLENGED), await make.paid(client, make.CHALLENGED)
    with times.at(Moment.parse(other["action"]["expiresAt"])):
        response = await ask(client, late, "complete-action", {"outcome": "succeeded"})
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
        assert outcomes(await acts.current(client, late)) == [("authorize", "failure")]
        paid = await act(client, other, "authorize", {"card": make.card()})
    assert await acts.money(database, late) == 0
    assert outcomes(paid) == [("authorize", "failure"), ("authorize", "success"), ("capture", "success")]
    assert paid["transactions"][0]["outcome"]["errorCode"] == "authentication_expired"
    assert await acts.money(database, paid) == 4200


async def test_only_a_challenge_is_completed_and_only_with_an_outcome(client: httpx.AsyncClient) -> None:
    for payment in (await make.payment(client), await make.paid(client), await make.paid(client, make.DECLINED)):
        await refused(client, payment, "complete-action", {"outcome": "succeeded"})
    waiting = await make.paid(client, make.CHALLENGED)
    operations.assert_invalid(await ask(client, waiting, "complete-action"), {("outcome", "required")})
    response = await ask(client, waiting, "complete-action", {"outcome": "maybe"})
    operations.assert_invalid(response, {("outcome", "invalid_value")})
    assert await acts.current(client, waiting) == waiting


async def test_nobody_is_challenged_who_is_not_there(client: httpx.AsyncClient) -> None:
    customer = (await make.customer(client))["id"]
    waiting = await make.paid(client, make.CHALLENGED, customer=customer, initiator="merchant")
    assert waiting["status"] == "requires_action", "whoever types a card is there"
    challenged = (await act(client, waiting, "complete-action", {"outcome": "succeeded"}))["paymentMethod"]
    once = (await make.paid(client, make.APPROVED_ONCE, customer=customer))["paymentMethod"]
    for saved, becomes in ((challenged, "succeeded"), (once, "failed")):
        renewal = await make.payment(client, customer=customer, paymentMethod=saved, initiator="merchant")
        assert (await act(client, renewal, "authorize"))["displayStatus"] == becomes


async def test_cards_cannot_be_tried_without_end(client: httpx.AsyncClient) -> None:
    made = await make.payment(client)
    for _ in range(MOST_TRANSACTIONS):
        made = await act(client, made, "authorize", {"card": make.card(make.DECLINED)})
    assert str(MOST_TRANSACTIONS) in await refused(client, made, "authorize", {"card": make.card()})
    assert (await act(client, made, "cancel"))["displayStatus"] == "cancelled"


async def test_many_declines_do_not_stand_in_the_way_of_a_refund(client: httpx.AsyncClient) -> None:
    made = await make.payment(client, paymentMethodOptions=acts.MANUAL)
    for _ in range(MOST_TRANSACTIONS - 1):
        made = await act(client, made, "authorize", {"card": make.card(make.DECLINED)})
    made = await act(client, made, "authorize", {"card": make.card()})
    assert (await act(client, made, "capture"))["displayStatus"] == "succeeded"
    assert (await act(client, made, "reverse"))["displayStatus"] == "reversed"
