"""The Dashboard door to a test merchant's clock."""

from odus.kit import bodies, idempotency, once, problems, times
from odus.kit.db import Write
from odus.kit.idempotency import Answer
from odus.kit.pages import Form, Visit, moved, shows, submits, wrong
from odus.kit.permissions import Permission
from odus.kit.problems import Problem
from odus.kit.requests import Response
from odus.renewals import clock, forms

SETTINGS = "/dashboard/settings"
PATH = f"{SETTINGS}/test-clock"


@shows(PATH, Permission.MERCHANT_CONFIG_UPDATE)
async def test_clock_page(visit: Visit) -> Response:
    """Ask how far the clock is to be put ahead: a month, or as far as the address says."""
    _refuse_live(visit)
    asked = (visit.query.get("to") or [""])[0]
    return _form(visit, asked or forms.later(times.now(), forms.STEPS["A month"]), once.value())


@submits(PATH, Permission.MERCHANT_CONFIG_UPDATE)
async def advance_test_clock_form(visit: Visit, form: Form) -> Response:
    """Put the clock ahead once, however often the form is sent, with all that falls due until then."""
    _refuse_live(visit)
    attempt = once.attempt(visit, form)

    async def run(write: Write) -> Answer:
        at = await clock.advance(write, visit.who, forms.moment(form.text("to")))
        return Answer(200, bodies.encode(at))

    try:
        await idempotency.around(visit.database.write, attempt, run)
    except Problem as problem:
        return _form(visit, form.text("to"), once.of(form), problem)
    return moved(SETTINGS)


HANDLERS = [test_clock_page, advance_test_clock_form]


def _refuse_live(visit: Visit) -> None:
    """Raise `test_only` for a live merchant, whose clock is everybody's."""
    if not visit.person.is_test:
        raise problems.TEST_ONLY("The clock of a live merchant is everybody's, and cannot be advanced.")


def _form(visit: Visit, to: str, value: str, problem: Problem | None = None) -> Response:
    now = times.now()
    return visit.page(
        "renewals/clock.html",
        200 if problem is None else problem.kind.status,
        now=now,
        to=to,
        errors=wrong(problem),
        once=value,
        steps={title: forms.later(now, days) for title, days in forms.STEPS.items()},
    )
