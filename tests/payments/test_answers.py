"""No answer of a gateway, however odd, keeps the money that it moved from going on record."""

from typing import TypeVar

import httpx
import msgspec
import pytest

from odus.gateways import connect
from odus.gateways.declines import because
from odus.gateways.protocol import Answer, Approved, Card, CardFacts, Challenged, Declined, GatewayError, Order
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Database
from odus.kit.times import Moment
from tests import make
from tests.make import Shop
from tests.payments import acts
from tests.payments.acts import MANUAL, Object, act

S = TypeVar("S", bound=msgspec.Struct)

TEXTS = {
    "empty": "",
    "NUL": "a\x00b",
    "only NUL": "\x00",
    "a line end": "12\n",
    "half a surrogate pair": "a\ud800",
    "a separator": "\u2028",
    "markup": "<script>'\"&",
    "huge": "é" * 1_000_000,
}
texts = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
FACTS = ("brand", "last_four", "exp_month", "exp_year", "cardholder_name", "token", "fingerprint")


NO_TEXT = ("card", "decline_type", "retry_strategy")


def odd(answer: S, text: str, *names: str) -> S:
    """Return an answer that says a text in each of these places, or in all that hold a text."""
    names = names or tuple(name for name in answer.__struct_fields__ if name not in NO_TEXT)
    return msgspec.structs.replace(
        answer, **{name: text for name in names if isinstance(getattr(answer, name), str | None)}
    )


class Odd(Sandbox):
    """A sandbox whose answers are made odd; silent, so that they are heard only when it is asked about them."""

    place = "everywhere"
    text = ""
    is_silent = False

    async def authorize(self, key: str, order: Order, means: Card | str) -> Answer:
        """Answer oddly."""
        return self._said(await super().authorize(key, order, means))

    async def complete(self, key: str, reference: str) -> Answer:
        """Answer oddly."""
        reference = (await self._write.row("select reference from sandbox_charges"))["reference"]
        return self._said(await super().complete(key, reference))

    async def find(self, key: str) -> Answer | None:
        """Answer oddly."""
        answer = await super().find(key)
        return answer and self._odd(answer)

    def _said(self, answer: Answer) -> Answer:
        if self.is_silent:
            raise GatewayError
        return self._odd(answer)

    def _odd(self, answer: Answer) -> Answer:
        if self.place == "answer" or isinstance(answer, Declined):
            return odd(answer, self.text)
        facts = answer.card
        if facts is None:
            return answer
        return msgspec.structs.replace(answer, card=odd(facts, self.text, *self._places()))

    def _places(self) -> tuple[str, ...]:
        return () if self.place == "everywhere" else (self.place,)


@pytest.fixture(params=[False, True], ids=["said", "asked about"])
def gateway(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Odd]:
    monkeypatch.setitem(connect.INTEGRATIONS, "sandbox", Odd)
    monkeypatch.setattr(Odd, "is_silent", request.param)
    return Odd


async def settled(shop: Shop, database: Database, payment: Object, verb: str, body: Object) -> Object:
    """Move money; where the gateway says nothing, let it be asked."""
    response = await acts.ask(shop.client, payment, verb, body)
    if not Odd.is_silent:
        assert response.status_code == 200, response.text
        return response.json()
    assert response.status_code == 504
    return await acts.fall_due(database, shop, payment, Moment.parse("2100-01-01T00:00:00.000Z"))


@texts
@pytest.mark.parametrize("place", [*FACTS, "everywhere", "answer"])
async def test_an_odd_approval_is_recorded(  # noqa: PLR0913, PLR0917 - the cases
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, gateway: type[Odd], place: str, text: str
) -> None:
    monkeypatch.setattr(gateway, "place", place)
    monkeypatch.setattr(gateway, "text", text)
    made = await make.payment(shop.client, customer=(await make.customer(shop.client))["id"])
    paid = await settled(shop, database, made, "authorize", {"card": make.card()})
    assert (paid["displayStatus"], paid["amountCaptured"]) == ("succeeded", 4200)
    assert await acts.money(database, made) == 4200
    assert place != "answer" or paid["paymentMethod"] is not None


@texts
async def test_an_odd_decline_is_recorded(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, gateway: type[Odd], text: str
) -> None:
    monkeypatch.setattr(gateway, "text", text)
    made = await make.payment(shop.client)
    failed = await settled(shop, database, made, "authorize", {"card": make.card(make.DECLINED)})
    assert failed["displayStatus"] == "failed"
    assert failed["transactions"][0]["outcome"]["declineType"] == "soft_decline"


@texts
@pytest.mark.parametrize("place", ["everywhere", "answer"])
async def test_an_odd_challenge_is_recorded_and_can_be_confirmed(  # noqa: PLR0913, PLR0917 - the cases
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, gateway: type[Odd], place: str, text: str
) -> None:
    monkeypatch.setattr(gateway, "place", place)
    monkeypatch.setattr(gateway, "text", text)
    made = await make.payment(shop.client, customer=(await make.customer(shop.client))["id"])
    asked = await settled(shop, database, made, "authorize", {"card": make.card(make.CHALLENGED)})
    assert asked["status"] == "requires_action"
    done = await settled(shop, database, made, "complete-action", {"outcome": "succeeded"})
    assert done["displayStatus"] == "succeeded"


async def test_what_is_not_kept_of_a_card_is_in_no_log_and_begins_no_subscription(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setitem(connect.INTEGRATIONS, "sandbox", Odd)
    monkeypatch.setattr(Odd, "place", "last_four")
    monkeypatch.setattr(Odd, "text", "4242424242424242")
    customer = (await make.customer(shop.client))["id"]
    cart = {"items": [{"price": (await make.recurring_price(shop.client))["id"]}]}
    paid = await make.paid(shop.client, customer=customer, cart=cart)
    assert (paid["displayStatus"], paid["paymentMethod"], paid["subscription"]) == ("succeeded", None, None)
    assert (await shop.client.get("/subscriptions")).json()["data"] == []
    assert (await shop.client.get("/payment-methods")).json()["data"] == []
    assert (await act(shop.client, paid, "reverse"))["displayStatus"] == "reversed"
    logged = capsysbinary.readouterr().err
    assert b"4242424242424242" not in logged


UNASKED = {"capture": ("capture", "uncaptured"), "void": ("cancel", "uncaptured")}


@pytest.mark.parametrize(("verb", "status"), UNASKED.values(), ids=UNASKED)
async def test_a_confirmation_that_nobody_can_give_is_a_decline(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, verb: str, status: str
) -> None:
    held = await make.paid(client, paymentMethodOptions=MANUAL)

    async def challenge(*_: object) -> Answer:
        return Challenged(reference="ch_x", redirect_url="/")

    monkeypatch.setattr(Sandbox, "capture", challenge)
    monkeypatch.setattr(Sandbox, "void", challenge)
    after = await act(client, held, verb)
    assert after["displayStatus"] == status
    assert after["transactions"][-1]["outcome"]["errorCode"] == because("authentication_required").code


def test_each_place_of_an_answer_that_holds_a_text_is_tried() -> None:
    assert set(FACTS) == set(CardFacts.__struct_fields__)
    assert {*Approved.__struct_fields__, *Challenged.__struct_fields__} == {"reference", "redirect_url", "card"}
