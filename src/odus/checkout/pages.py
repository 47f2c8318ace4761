"""The checkout's pages: where a person pays a payment, open to whoever has its link (api.md, Checkout)."""

from collections.abc import Awaitable, Callable
from typing import get_args

import msgspec
from litestar import get, post
from litestar.types import ASGIApp, HTTPScope

from odus.checkout import cards
from odus.checkout.assets import ASSETS
from odus.checkout.states import cart, confirmation, renews, standing
from odus.checkout.visits import Visit, attempt_of, opened, problem_page
from odus.gateways.protocol import Result
from odus.kit import deadlines, problems, times
from odus.kit.browsers import check_origin
from odus.kit.pages import Form, form_of, moved
from odus.kit.problems import Problem
from odus.kit.requests import Call, Response, Services, header
from odus.kit.versions import IfMatch
from odus.payments import actions
from odus.payments.model import PaymentAuthorize, PaymentCompleteAction

SHOWN = (
    problems.CONFLICT,
    problems.ATTEMPT_IN_PROGRESS,
    problems.IDEMPOTENCY_IN_PROGRESS,
    problems.CUSTOMER_RESTRICTED,
    problems.GATEWAY_TIMEOUT,
)
"""Problems that the page of the payment's state tells a payer better."""

DECLINED = 402


@get("/checkout/{id:str}", name="checkout_page")
async def checkout_page(request: Call) -> ASGIApp:
    """Show where the payment stands: the form of a card, or what came of it."""
    return await _visited(request, standing)


@post("/checkout/{id:str}", name="pay_form", status_code=200)
async def pay_form(request: Call) -> ASGIApp:
    """Pay by the card that was typed."""
    return await _submitted(request, _pay)


@get("/checkout/{id:str}/challenge", name="challenge_page")
async def challenge_page(request: Call) -> ASGIApp:
    """Ask the payer to confirm the payment, as the bank of a sandbox's card does (3-D Secure)."""
    return await _visited(request, _challenge)


@post("/checkout/{id:str}/challenge", name="challenge_form", status_code=200)
async def challenge_form(request: Call) -> ASGIApp:
    """Take the payer's confirmation or refusal."""
    return await _submitted(request, _confirm)


@get("/checkout/assets/{name:str}", name="checkout_asset")
async def asset(request: Call) -> ASGIApp:
    """Answer a file that the pages load."""
    return ASSETS.answer(request.scope)


HANDLERS = [checkout_page, pay_form, challenge_page, challenge_form, asset]


async def _pay(visit: Visit, form: Form) -> Response:
    typed = cards.typed(form)
    if typed.errors:
        return await standing(visit, typed)
    attempt, order = attempt_of(form), await _order(visit, form)
    try:
        await actions.authorize(visit.database.write, visit.acting(attempt), visit.record.id, order, IfMatch())
    except Problem as problem:
        _pass(problem)
    after = await visit.again()
    if after.record.status == "open" and after.record.attempt is None:
        return await standing(after, msgspec.structs.replace(typed, status=DECLINED))
    return moved(after.path(attempt))


async def _order(visit: Visit, form: Form) -> PaymentAuthorize:
    """Return what is asked for; the card of a subscription is saved, as it is what renews it."""
    saves = "save" in form or renews(await cart(visit))
    return PaymentAuthorize(card=cards.card(form), save_payment_method=saves)


async def _challenge(visit: Visit) -> Response:
    return await confirmation(visit) or moved(visit.path())


async def _confirm(visit: Visit, form: Form) -> Response:
    outcome = next((each for each in get_args(Result) if each == form.text("outcome")), None)
    if outcome is None:
        raise problems.BAD_REQUEST("The form says neither that the payment was confirmed nor that it was refused.")
    attempt = attempt_of(form)
    data = PaymentCompleteAction(outcome=outcome)
    try:
        await actions.complete_action(visit.database.write, visit.acting(attempt), visit.record.id, data, IfMatch())
    except Problem as problem:
        _pass(problem)
    return moved(visit.path(attempt))


def _pass(problem: Problem) -> None:
    """Raise again what the state of the payment does not tell."""
    if problem.kind not in SHOWN:
        raise problem


async def _visited(call: Call, function: Callable[[Visit], Awaitable[Response]]) -> Response:
    services: Services = call.app.state.services
    try:
        async with deadlines.limited(services.request_timeout):
            visit = await opened(call)
            with times.ahead(visit.who.clock):
                return await function(visit)
    except Problem as problem:
        return problem_page(call, problem)


async def _submitted(call: Call, function: Callable[[Visit, Form], Awaitable[Response]]) -> Response:
    async def act(visit: Visit) -> Response:
        return await function(visit, await form_of(call))

    try:
        _check_origin(call.scope)
    except Problem as problem:
        return problem_page(call, problem)
    return await _visited(call, act)


def _check_origin(scope: HTTPScope) -> None:
    """Raise `cross_site` for a form of another site.

    A page without a referrer says `Origin: null`, and by plain HTTP nothing else (Fetch §3.2). Then the key in the
    address, which another site does not know, is proof enough.
    """
    if header(scope, b"sec-fetch-site") is not None or header(scope, b"origin") != "null":
        check_origin(scope)
