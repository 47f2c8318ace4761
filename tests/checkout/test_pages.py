import pytest
from litestar.types import ASGIApp

from odus.gateways.protocol import GatewayError
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Database
from odus.payments import jobs
from odus.payments.model import MOST_TRANSACTIONS
from tests import make
from tests.checkout.payer import CARD, Payer, led_on, payer
from tests.dashboard import markup, people
from tests.make import Shop

SAFE = "Your card was declined. Try another card, or ask your bank."


async def test_the_page_shows_who_is_paid_how_much_and_for_what(app: ASGIApp, shop: Shop) -> None:
    product = await make.product(shop.client, name="House blend")
    price = await make.price(shop.client, product=product["id"], name="250 g", amount=1450)
    cart = {"items": [{"price": price["id"], "quantity": 3}]}
    async with payer(app, shop, cart=cart) as someone:
        page = await someone.see()
    assert "Corner Shop" in page.one("p", class_="payee").text
    assert page.one("h1").text == "Pay Corner Shop 43.50 USD"
    assert page.one("li").text == "House blend 250 g · 3 \u00d7 14.50 USD 43.50 USD"
    assert "4242 4242 4242 4242" in page.one("aside").text
    assert page.one("button").text == "Pay 43.50 USD"


async def test_a_subscription_says_what_it_costs_from_now_on_and_saves_the_card(app: ASGIApp, shop: Shop) -> None:
    customer = await make.customer(shop.client)
    price = await make.recurring_price(shop.client, 1000, 2000, amount=500)
    cart = {"items": [{"price": price["id"]}]}
    async with payer(app, shop, cart=cart, customer=customer["id"]) as someone:
        page = await someone.see()
        assert "5.00 USD once, then 10.00 USD for 1 month, then 20.00 USD every month" in page.one("li").text
        assert not page.every("input", name="save")
        assert (await someone.pays()).status_code == 303
        assert (await someone.stored())["paymentMethod"] is not None


async def test_names_are_shown_as_they_are_and_are_no_markup(app: ASGIApp, shop: Shop, database: Database) -> None:
    name = '"><script>alert(1)</script>'
    await database.write.run("update merchants set name = $1 where id = $2", name, shop.merchant_id)
    product = await make.product(shop.client, name=name)
    price = await make.price(shop.client, product=product["id"], name=f"{name} 250 g")
    async with payer(
        app, shop, cart={"items": [{"price": price["id"]}]}, returnUrl='https://shop.example/"><b>'
    ) as any_:
        response = await any_.pays(make.DECLINED, name=name)
    assert "<script>alert" not in response.text
    assert '"><b>' not in response.text
    assert response.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 7


async def test_a_card_pays_and_leads_back_to_the_shop(jane: Payer) -> None:
    paid = await jane.is_led_to(await jane.pays())
    assert paid.status_code == 200
    assert led_on(paid) == ("2", {"order": ["7"], "payment": [jane.id], "success": ["true"]})
    link = markup.read(paid.text).one("a", class_="primary")
    assert link.attributes["href"] == f"https://shop.example/thanks?order=7&payment={jane.id}&success=true#top"
    stored = await jane.stored()
    assert (stored["status"], stored["amountCaptured"], stored["checkoutUrl"]) == ("succeeded", 4200, None)


@pytest.mark.parametrize(
    ("address", "led"),
    [
        ("https://shop.example", "https://shop.example?payment=ID&success=true"),
        ("https://shop.example/?", "https://shop.example/?payment=ID&success=true"),
        ("https://shop.example/a?b=c&", "https://shop.example/a?b=c&payment=ID&success=true"),
        ("https://shop.example/a?success=false&payment=x", "https://shop.example/a?payment=ID&success=true"),
        ("https://shop.example/#/done?x=1", "https://shop.example/?payment=ID&success=true#/done?x=1"),
        ("https://café.example/ü?q=%C3%BC", "https://caf%C3%A9.example/%C3%BC?q=%C3%BC&payment=ID&success=true"),
        ("http://[bad", "http://[bad?payment=ID&success=true"),
    ],
)
async def test_the_way_back_keeps_what_its_address_says(address: str, led: str, app: ASGIApp, shop: Shop) -> None:
    async with payer(app, shop, returnUrl=address) as someone:
        paid = await someone.is_led_to(await someone.pays())
    assert paid.headers["refresh"] == f"2; url={led.replace('ID', someone.id)}"


async def test_without_a_way_back_the_page_says_that_it_is_paid(app: ASGIApp, shop: Shop) -> None:
    async with payer(app, shop) as someone:
        paid = await someone.is_led_to(await someone.pays())
    assert "refresh" not in paid.headers
    page = markup.read(paid.text)
    assert page.one("h1").text == "Payment successful"
    assert not page.every("a")


async def test_who_does_not_want_to_pay_goes_back_without_success(jane: Payer) -> None:
    link = (await jane.see()).one("a")
    assert link.text == "Cancel and return to Corner Shop"
    assert link.attributes["href"] == f"https://shop.example/thanks?order=7&payment={jane.id}&success=false#top"
    assert (await jane.stored())["status"] == "open"


async def test_a_decline_is_told_in_safe_words_and_the_form_is_ready_for_another_card(jane: Payer) -> None:
    response = await jane.pays(make.FRAUD)
    page = markup.read(response.text)
    assert response.status_code == 402
    assert page.one("p", role="alert").text == SAFE
    assert page.one("input", name="name").attributes["value"] == "Jane Doe"
    assert page.one("input", name="expiry").attributes["value"] == "12 / 40"
    for name in ("number", "cvc"):
        assert "value" not in page.one("input", name=name).attributes
    assert (await jane.is_led_to(await jane.pays())).status_code == 200
    assert [each["type"] for each in (await jane.stored())["transactions"]] == ["authorize", "authorize", "capture"]


async def test_the_card_of_a_customer_is_saved_unless_they_do_not_want_it(app: ASGIApp, shop: Shop) -> None:
    customer = await make.customer(shop.client)
    for is_wanted in (False, True):
        async with payer(app, shop, customer=customer["id"]) as someone:
            assert (await someone.form())["save"] == "on"
            form = {**await someone.form(), **CARD}
            if not is_wanted:
                del form["save"]
            assert (await someone.sends(form)).status_code == 303
            assert bool((await someone.stored())["paymentMethod"]) == is_wanted
    saved = (await shop.client.get("/payment-methods", params={"customer": customer["id"]})).json()["data"]
    assert [each["card"]["lastFour"] for each in saved] == ["4242"]


async def test_nobody_is_asked_to_save_a_card_for_nobody(jane: Payer) -> None:
    assert "save" not in await jane.form()


async def test_a_confirmed_payment_is_paid(jane: Payer) -> None:
    asked = await jane.is_led_to(await jane.pays(make.CHALLENGED))
    seconds, _, address = asked.headers["refresh"].partition("; url=")
    assert (seconds, address.partition("/checkout/")[2]) == ("1", jane.challenge_path.removeprefix("/checkout/"))
    page = await jane.see(jane.challenge_path)
    assert page.one("dl").text == "Amount 42.00 USD To Corner Shop Card Visa ending in 3220"
    paid = await jane.is_led_to(await jane.answers("succeeded"))
    assert led_on(paid)[1]["success"] == ["true"]
    assert (await jane.stored())["status"] == "succeeded"


async def test_a_refused_confirmation_leads_back_to_the_form_with_the_reason(jane: Payer) -> None:
    await jane.pays(make.CHALLENGED)
    page = markup.read((await jane.is_led_to(await jane.answers("failed"))).text)
    assert page.one("p", role="alert").text == "The payment was not confirmed. Try again, or use another card."
    assert (await jane.is_led_to(await jane.pays())).status_code == 200
    assert (await jane.stored())["status"] == "succeeded"


async def test_a_payment_that_waits_for_its_payer_leads_to_the_bank_or_to_another_card(jane: Payer) -> None:
    await jane.pays(make.CHALLENGED)
    response = await jane.get()
    page = markup.read(response.text)
    assert "refresh" not in response.headers
    assert page.one("a").attributes["href"].endswith(jane.challenge_path)
    fields = {**dict(page.one("form").fields()), "outcome": page.one("button").attributes["value"]}
    await jane.is_led_to(await jane.sends(fields, page.one("form").attributes["action"]))
    assert (await jane.stored())["status"] == "open"


async def test_an_answer_to_the_bank_must_be_one_and_there_must_be_a_question(jane: Payer) -> None:
    for outcome in ("succeeded", "failed"):
        response = await jane.sends({"outcome": outcome}, jane.challenge_path)
        assert (response.status_code, response.headers["location"].partition("&")[0]) == (303, jane.path)
    assert (await jane.get(jane.challenge_path)).headers["location"] == jane.path
    await jane.pays(make.CHALLENGED)
    for fields in ({}, {"outcome": ""}, {"outcome": "maybe"}):
        assert (await jane.sends(fields, jane.challenge_path)).status_code == 400
    assert (await jane.stored())["status"] == "requires_action"


async def test_a_form_that_is_sent_twice_charges_once(jane: Payer) -> None:
    form = {**await jane.form(), **CARD}
    first, second = [await jane.sends(form) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]
    assert "Payment successful" in (await jane.is_led_to(second)).text
    declined = [each["type"] for each in (await jane.stored())["transactions"]]
    assert declined == ["authorize", "capture"]


async def test_a_declined_form_that_is_sent_twice_is_one_attempt(jane: Payer) -> None:
    form = {**await jane.form(), **CARD, "number": make.DECLINED}
    answers = [await jane.sends(form) for _ in range(2)]
    assert [each.status_code for each in answers] == [402, 402]
    assert len((await jane.stored())["transactions"]) == 1


async def test_an_answer_to_the_bank_that_is_sent_twice_counts_once(jane: Payer) -> None:
    await jane.pays(make.CHALLENGED)
    form = dict((await jane.see(jane.challenge_path)).one("form").fields())
    for outcome in ("succeeded", "failed"):
        response = await jane.sends({**form, "outcome": outcome}, jane.challenge_path)
        assert "Payment successful" in (await jane.is_led_to(response)).text
    assert (await jane.stored())["status"] == "succeeded"


async def test_a_form_without_its_name_pays_too(jane: Payer) -> None:
    assert (await jane.sends({**CARD, "attempt": "'; drop"})).status_code == 303
    assert (await jane.stored())["status"] == "succeeded"


async def test_what_was_paid_or_cancelled_earlier_tells_nothing_but_that(app: ASGIApp, shop: Shop) -> None:
    async with payer(app, shop, returnUrl="https://shop.example") as paid, payer(app, shop) as cancelled:
        await paid.pays()
        await shop.client.post(f"/payments/{cancelled.id}/cancel", json={})
        for someone, words in ((paid, "This was paid already"), (cancelled, "This payment was cancelled")):
            response = await someone.get()
            page = markup.read(response.text)
            assert page.one("h1").text == words
            assert "refresh" not in response.headers
            assert not page.every("a") + page.every("form") + page.every("data")
            assert (await someone.get(f"{someone.path}&attempt={'a' * 22}")).text == response.text
            assert "42" not in page.one("main").text
            late = await someone.sends(CARD)
            assert (await someone.is_led_to(late)).text == response.text


async def test_a_restricted_customer_cannot_pay_and_is_not_told_why(app: ASGIApp, shop: Shop) -> None:
    customer = await make.customer(shop.client)
    async with payer(app, shop, customer=customer["id"]) as someone:
        form = {**await someone.form(), **CARD}
        restricted = {"restrictCit": True, "restrictReason": "Stolen cards"}
        await shop.client.post(f"/customers/{customer['id']}", json=restricted)
        for response in (await someone.get(), await someone.sends(form)):
            assert "This payment cannot be paid here" in response.text
            assert "contact Corner Shop" in response.text
            assert "Stolen" not in response.text
        assert (await someone.stored())["transactions"] == []


async def test_cards_cannot_be_tried_without_end(jane: Payer, database: Database) -> None:
    await jane.pays(make.DECLINED)
    sql = """
        update payments set transactions = made.transactions
        from (
            select id, jsonb_agg(transactions -> 0) as transactions
            from payments, generate_series(1, $1::int) where id = $2 group by id
        ) as made
        where made.id = payments.id
    """
    await database.write.run(sql, MOST_TRANSACTIONS, jane.id)
    assert "This payment cannot be paid here" in (await jane.get()).text
    assert "This payment cannot be paid here" in (await jane.sends(CARD)).text


async def test_an_attempt_without_an_answer_is_told_as_under_way_until_it_has_one(
    jane: Payer, shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorize = Sandbox.authorize

    async def lost(*arguments: object) -> None:
        await authorize(*arguments)
        raise GatewayError

    monkeypatch.setattr(Sandbox, "authorize", lost)
    response = await jane.pays()
    waiting = await jane.is_led_to(response)
    assert (waiting.headers["refresh"], "being processed" in waiting.text) == ("3", True)
    assert "being processed" in (await jane.is_led_to(await jane.sends(CARD))).text
    assert "being processed" in (await jane.get()).text
    await database.write.run(
        "update payments set due_at = now(), attempt = jsonb_set(attempt, '{began_at}', $1)", _PAST
    )
    await jobs.run_due(database, f"{shop.merchant_id} {jane.id}")
    assert "Payment successful" in (await jane.is_led_to(response)).text
    assert [each["type"] for each in (await jane.stored())["transactions"]] == ["authorize", "capture"]


_PAST = '"2020-01-01T00:00:00.000Z"'


async def test_the_payer_is_the_checkout_in_the_record_of_changes(jane: Payer, shop: Shop) -> None:
    await jane.pays()
    events = (await shop.client.get("/events", params={"resource": jane.id})).json()["data"]
    changed = [each for each in events if each["eventType"] == "payment.updated"]
    assert {(each["actor"]["type"], each["actor"]["id"]) for each in changed} == {("system", "checkout")}


async def test_a_live_merchant_has_no_banner(jane: Payer, database: Database) -> None:
    await database.write.run("update merchants set environment = 'live' where id = $1", jane.shop.merchant_id)
    assert not (await jane.see()).every("aside")


async def test_a_session_of_the_dashboard_is_not_needed_and_does_not_show(jane: Payer, app: ASGIApp) -> None:
    async with people.browser(app) as browser:
        assert "/dashboard" not in (await browser.get(jane.path)).text
