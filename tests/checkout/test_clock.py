"""A payer pays by the clock of the merchant, which a test merchant may have put ahead, and it passes meanwhile."""

import pytest
from litestar.types import ASGIApp

from odus.kit import times
from odus.kit.db import Database
from odus.kit.times import Moment
from odus.payments import jobs
from tests import make
from tests.checkout.payer import Payer, payer
from tests.dashboard import markup
from tests.make import Shop
from tests.payments import acts

AHEAD = "2031-05-06T07:08:09.000Z"


@pytest.fixture
async def later(shop: Shop) -> Shop:
    """Give a shop whose clock is years ahead."""
    response = await shop.client.post("/test-clock/advance", json={"to": AHEAD})
    assert response.status_code == 200, response.text
    return shop


async def test_what_is_begun_at_the_checkout_falls_due_by_that_clock(
    app: ASGIApp, later: Shop, database: Database
) -> None:
    client = later.client
    async with (
        payer(app, later) as waiting,
        payer(app, later, paymentMethodOptions=acts.DELAYED) as held,
    ):
        await waiting.pays(make.CHALLENGED)
        await held.pays()
    assert await jobs.find_due(database.read, 100) == []
    challenged, authorized = await acts.current(client, waiting.payment), await acts.current(client, held.payment)
    assert (challenged["displayStatus"], authorized["displayStatus"]) == ("incomplete", "uncaptured")
    assert challenged["action"]["expiresAt"] > "2031-05-07T07:08:09.000Z"
    assert authorized["captureAt"] > "2031-05-08T07:08:09.000Z"
    assert authorized["transactions"][0]["createdAt"] > AHEAD


async def test_a_subscription_that_begins_at_the_checkout_begins_by_that_clock(app: ASGIApp, later: Shop) -> None:
    customer, price = await make.customer(later.client), await make.recurring_price(later.client, 1000)
    cart = {"items": [{"price": price["id"]}]}
    async with payer(app, later, cart=cart, customer=customer["id"]) as someone:
        await someone.pays()
    (subscription,) = (await later.client.get("/subscriptions")).json()["data"]
    assert subscription["currentPeriodStart"] > AHEAD


async def test_a_card_that_has_expired_by_that_clock_is_refused(app: ASGIApp, later: Shop) -> None:
    async with payer(app, later) as someone:
        response = await someone.pays(expiry="04 / 31")
        assert response.status_code == 400
        assert "This card has expired." in response.text
        assert (await someone.pays(expiry="05 / 31")).status_code == 303


async def test_a_challenge_that_is_over_leaves_the_form_of_a_card_though_no_job_came_by(jane: Payer) -> None:
    await jane.pays(make.CHALLENGED)
    waiting = await acts.current(jane.shop.client, jane.payment)
    with times.at(Moment.parse(waiting["action"]["expiresAt"])):
        assert "not confirmed in time" in (await jane.see()).one("p", role="alert").text
        response = await jane.is_led_to(await jane.get(jane.challenge_path))
        assert markup.read(response.text).one("input", name="number")
        assert (await jane.pays()).status_code == 303
    assert (await jane.stored())["displayStatus"] == "succeeded"
