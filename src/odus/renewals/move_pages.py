"""The Dashboard door to what is done with a subscription: cancel it, resume it, and change what it is charged to."""

from collections.abc import Awaitable, Callable

import msgspec

from odus.kit import bodies, idempotency, once
from odus.kit.db import Write
from odus.kit.edits import Values
from odus.kit.idempotency import Answer
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import CONFLICT, VALIDATION_FAILED, Problem, ProblemBody
from odus.kit.requests import Response, not_found
from odus.kit.versions import IfMatch, etag
from odus.payment_methods import queries as payment_methods
from odus.payments import words
from odus.products import queries as products
from odus.renewals import ending, forms
from odus.renewals.forms import Move
from odus.subscriptions import actions, queries
from odus.subscriptions.model import Subscription
from odus.subscriptions.record import Record

PATH = "/dashboard/subscriptions"
HERE = f"{PATH}/{{id}}"
METHODS = 50
"""How many of a customer's payment methods the form offers."""

Act = Callable[[Write, Values], Awaitable[Subscription]]


class Shown(msgspec.Struct, frozen=True):
    """A form as it is shown: what it holds, the value by which it is known again, and what was wrong with it."""

    move: Move
    values: Values
    once: str
    problem: Problem | None = None


@shows(f"{HERE}/cancel", Permission.SUBSCRIPTION_UPDATE)
async def cancel_subscription_page(visit: Visit) -> Response:
    """Ask when the subscription is to end."""
    return await _ask(visit, "cancel")


@submits(f"{HERE}/cancel", Permission.SUBSCRIPTION_UPDATE)
async def cancel_subscription_form(visit: Visit, form: Form) -> Response:
    """Cancel the subscription with its period, or now."""

    async def act(write: Write, values: Values) -> Subscription:
        return await ending.cancel(write, visit.who, visit.id, forms.cancel(values), IfMatch())

    return await _act(visit, form, "cancel", act)


@shows(f"{HERE}/resume", Permission.SUBSCRIPTION_UPDATE)
async def resume_subscription_page(visit: Visit) -> Response:
    """Ask whether the subscription is to go on."""
    return await _ask(visit, "resume")


@submits(f"{HERE}/resume", Permission.SUBSCRIPTION_UPDATE)
async def resume_subscription_form(visit: Visit, form: Form) -> Response:
    """Let the subscription go on."""

    async def act(write: Write, _values: Values) -> Subscription:
        return await actions.resume(write, visit.who, visit.id, IfMatch())

    return await _act(visit, form, "resume", act)


@shows(f"{HERE}/card", Permission.SUBSCRIPTION_UPDATE)
async def subscription_card_page(visit: Visit) -> Response:
    """Ask what the subscription is charged to."""
    return await _ask(visit, "card")


@submits(f"{HERE}/card", Permission.SUBSCRIPTION_UPDATE)
async def subscription_card_form(visit: Visit, form: Form) -> Response:
    """Charge the subscription to another of the customer's payment methods, from the next cycle on."""

    async def act(write: Write, values: Values) -> Subscription:
        return await actions.update(write, visit.who, visit.id, forms.card(values), IfMatch())

    return await _act(visit, form, "card", act)


HANDLERS = [
    cancel_subscription_page,
    cancel_subscription_form,
    resume_subscription_page,
    resume_subscription_form,
    subscription_card_page,
    subscription_card_form,
]


async def _ask(visit: Visit, move: Move) -> Response:
    """Show a form; where the subscription is beyond it, its page says so."""
    record = await _record(visit)
    if move not in forms.moves(record):
        return moved(f"{PATH}/{record.id}")
    return await _form(visit, record, Shown(move, forms.shown(move, record), once.value()))


async def _act(visit: Visit, form: Form, move: Move, act: Act) -> Response:
    """Do what a form says, once however often it is sent; what is wrong is told in the form, with what was typed."""
    record = await _record(visit)
    values = forms.typed(move, form, record)

    async def run(write: Write) -> Answer:
        changed = await act(write, values)
        return Answer(200, bodies.encode(changed), etag(changed))

    try:
        answer = await idempotency.once(visit.database.write, once.attempt(visit, form), run)
        if answer.etag is None:
            raise CONFLICT(msgspec.json.decode(answer.body, type=ProblemBody).detail)
    except Problem as problem:
        value = once.value() if problem.kind is CONFLICT else once.of(form)  # the answer to what cannot be is kept
        return await _form(visit, await _record(visit), Shown(move, values, value, problem))
    return moved(f"{PATH}/{record.id}")


async def _record(visit: Visit) -> Record:
    record = await queries.get(visit.database.read, visit.who.merchant_id, visit.id)
    if record is None:
        raise not_found()
    return record


async def _form(visit: Visit, record: Record, shown: Shown) -> Response:
    read, merchant_id, problem = visit.database.read, visit.who.merchant_id, shown.problem
    is_about_fields = problem is None or problem.kind is VALIDATION_FAILED
    return visit.page(
        f"renewals/{shown.move}.html",
        200 if problem is None else problem.kind.status,
        subscription=record.subscription,
        names=(await products.price_names(read, merchant_id, [record.price]))[record.price],
        move=shown.move,
        values=shown.values,
        errors=wrong(problem if is_about_fields else None),
        problem=words.told(problem) if problem is not None and not is_about_fields else "",
        once=shown.once,
        methods=await payment_methods.of_customer(read, merchant_id, record.customer, METHODS),
    )
