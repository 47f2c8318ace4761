"""Who may see a checkout, and what of a card is seen afterwards: nothing."""

import json

import pytest
import structlog
from litestar.types import ASGIApp

import odus.app
from odus.app import create_app
from odus.checkout.pages import HANDLERS
from odus.gateways.protocol import Card
from odus.gateways.sandbox import Sandbox
from odus.kit import observe
from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.settings import Settings
from tests import make
from tests.checkout.payer import CARD, Payer, payer
from tests.dashboard import markup, people
from tests.make import Shop, snapshot

NUMBER = "5555555555554444"
CODE = "867"


async def test_a_wrong_key_an_unknown_payment_and_anothers_are_the_very_same_page(
    jane: Payer, app: ASGIApp, other_shop: Shop
) -> None:
    key = jane.path.partition("key=")[2]
    async with payer(app, other_shop) as other:
        at = jane.path.partition("?")[0]
        paths = [
            at,
            f"{at}?key=",
            f"{at}?key={key[:-1]}",
            f"{at}?key={key}x",
            f"{at}?key={key.swapcase()}",
            f"{at}?key=%C3%BC",
            f"{at}?KEY={key}",
            f"{at}?key={other.path.partition('key=')[2]}",
            f"/checkout/{other.id}?key={key}",
            f"/checkout/{new_id('pay')}?key={key}",
            f"/checkout/pay_1?key={key}",
            f"/checkout/nothing/at/all?key={key}",
        ]
        before = await snapshot_of(jane)
        seen = set[str]()
        for path in paths:
            for each in (path, path.replace("?", "/challenge?")):
                answers = [await jane.get(each), await jane.sends(CARD, each)]
                assert {response.status_code for response in answers} == {404}, each
                seen |= {response.text for response in answers}
        assert len(seen) == 1
        assert await snapshot_of(jane) == before
    page = markup.read(seen.pop())
    assert page.one("h1").text == "There is no payment at this address"
    assert not page.every("nav")


def test_no_page_is_without_these_rules() -> None:
    paths = {path for handler in HANDLERS for path in handler.paths}
    assert paths == {"/checkout/{id:str}", "/checkout/{id:str}/challenge", "/checkout/assets/{name:str}"}


async def snapshot_of(payer: Payer) -> object:
    """Return the payment, and all events of its merchant."""
    return await payer.stored(), (await payer.shop.client.get("/events")).json()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": people.ORIGIN},
    ],
)
async def test_a_form_of_another_site_pays_nothing(headers: dict[str, str], jane: Payer) -> None:
    for path, form in ((jane.path, CARD), (jane.challenge_path, {"outcome": "succeeded"})):
        response = await jane.browser.post(path, data=form, headers=headers)
        assert response.status_code == 403
        assert markup.read(response.text).one("h1").text == "Request from another site"
    assert (await jane.stored())["transactions"] == []


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "null", "Sec-Fetch-Site": "same-origin"}, {"Origin": "null"}, {"Origin": people.ORIGIN}, {}],
)
async def test_a_form_of_ours_pays_whatever_a_browser_says_of_a_page_without_referrer(
    headers: dict[str, str], jane: Payer
) -> None:
    assert (await jane.browser.post(jane.path, data=CARD, headers=headers)).status_code == 303


async def test_every_page_is_private_and_loads_only_what_is_ours(jane: Payer) -> None:
    await jane.pays(make.CHALLENGED)
    for path in (jane.path, jane.challenge_path, f"{jane.path}x", "/checkout/a/b/c"):
        headers = (await jane.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "form-action 'self'" in policy


async def test_what_pages_load_is_there_and_is_kept(jane: Payer) -> None:
    page = await jane.see()
    found = [each.attributes["href"] for each in page.every("link")]
    found += [each.attributes["src"] for each in page.every("script")]
    for path in found:
        response = await jane.get(path)
        assert (response.status_code, "immutable" in response.headers["cache-control"]) == (200, True)
    assert len(found) == 3
    assert (await jane.get("/checkout/assets/none.css")).status_code == 404


async def test_other_methods_are_refused_in_the_same_dress(jane: Payer) -> None:
    response = await jane.browser.put(jane.path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert markup.read(response.text).one("h1").text == "Method not allowed"
    assert (await jane.browser.head(jane.path)).status_code == 200


async def test_what_is_no_form_is_refused(jane: Payer) -> None:
    response = await jane.browser.post(jane.path, json=CARD)
    assert (response.status_code, response.headers["content-type"]) == (415, "text/html; charset=utf-8")


@pytest.mark.parametrize("outcome", ["approved", "declined", "refused", "fault"])
async def test_neither_number_nor_code_nor_key_is_left_anywhere(
    outcome: str,
    shop: Shop,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    fresh = structlog.stdlib.get_logger("odus")
    monkeypatch.setattr(observe, "log", fresh)
    monkeypatch.setattr(odus.app, "log", fresh)
    seen: list[Card] = []
    authorize = Sandbox.authorize

    async def watched(self: Sandbox, key: str, order: object, means: Card) -> object:
        seen.append(means)
        if outcome == "fault":
            raise RuntimeError("The gateway's adapter is broken.")
        return await authorize(self, key, order, means)

    monkeypatch.setattr(Sandbox, "authorize", watched)
    app = create_app(Settings(log_level="debug"), database)
    customer = await make.customer(shop.client)
    numbers = {"declined": "4000000000009995", "refused": "5555555555554443"}
    number = numbers.get(outcome, NUMBER)
    async with payer(app, shop, customer=customer["id"]) as someone:
        fields = {**await someone.form(), **CARD, "number": number, "cvc": CODE}
        response = await someone.sends(fields)
        answers = [response, await someone.get(response.headers.get("location", ""))]
    statuses = {"approved": 303, "declined": 402, "refused": 400, "fault": 500}
    assert response.status_code == statuses[outcome]
    assert [card.number for card in seen] == ([] if outcome == "refused" else [number])
    rows = json.dumps(await snapshot(database)).replace(" ", "")
    log = capsysbinary.readouterr().err.decode()
    assert '"route":"/checkout/{id}"' in log
    for text in (rows, log, *(each.text for each in answers)):
        assert number not in text
    assert f'"{CODE}"' not in rows.replace("\\", "")
    for text in (log, *(each.text for each in answers)):
        assert f'"{CODE}"' not in text
    assert someone.path.partition("key=")[2] not in log
