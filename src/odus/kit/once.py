"""Forms that do something once, however often they are sent: each carries a random value of its own."""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from odus.kit import bodies, idempotency, problems
from odus.kit.browsers import cookie
from odus.kit.db import Write
from odus.kit.idempotency import Answer, Attempt
from odus.kit.pages import Form, Visit
from odus.kit.permissions import Principal
from odus.kit.problems import (
    CONFLICT,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    Kind,
    Problem,
    ProblemBody,
)
from odus.kit.versions import Versioned, etag

T = TypeVar("T", bound=Versioned)

FIELD = "once"


def value() -> str:
    """Return the value of a form that is shown anew."""
    return secrets.token_urlsafe(16)


def of(form: Form) -> str:
    """Return the value that a form was shown with. Raises `bad_request` for what is none."""
    sent = form.text(FIELD)
    if not _VALUE.fullmatch(sent):
        raise problems.BAD_REQUEST("The form is not complete. Open it again, and send it from there.")
    return sent


_VALUE = re.compile(r"[0-9A-Za-z_-]{22}")


def again(form: Form, problem: Problem) -> str:
    """Return the value of a form that is shown again: a new one where the one it was sent with has had its answer."""
    return value() if problem.kind in (CONFLICT, IDEMPOTENCY_MISMATCH) else of(form)


def told(problem: Problem | None, thing: str) -> str:
    """Say that the form of a new thing was sent before; empty where that is not what is wrong."""
    return "" if problem is None else _SENT.get(problem.kind, "").format(thing)


_SENT: Mapping[Kind, str] = {
    IDEMPOTENCY_IN_PROGRESS: "This was sent before, and is still under way. Look again in a moment.",
    IDEMPOTENCY_MISMATCH: "This form has made a {} already. Send it again to make another one.",
}


def attempt(visit: Visit, form: Form, seal: bytes = b"") -> Attempt:
    """Return what a form is known by when it is sent again: its value, whose it is, and what else it says.

    `seal` is a secret of the sender, with which an answer that holds one is kept. What a form with a password says is
    kept by the session's secret: nobody can try passwords on it.
    """
    said = bodies.encode({name: form.texts(name) for name in sorted(form.names) if name != FIELD})
    secret = _session(visit) if "password" in form else b""
    fingerprint = idempotency.fingerprint("POST", visit.call.scope["path"], said, secret)
    return Attempt(who=visit.who, key=f"form {of(form)}", fingerprint=fingerprint, seal=seal)


async def made(
    visit: Visit, form: Form, kind: type[T], make: Callable[[Write], Awaitable[T]], *, is_secret: bool = False
) -> T:
    """Make something, or find what the form made when it was sent before.

    Raises `idempotency_in_progress`, `idempotency_mismatch`, and `conflict` where it could not be made then either.
    """

    async def run(write: Write) -> Answer:
        thing = await make(write)
        return Answer(201, bodies.encode(thing), etag(thing))

    seal = _session(visit) if is_secret else b""
    answer = await idempotency.once(visit.database.write, attempt(visit, form, seal), run)
    if answer.etag is None:
        raise CONFLICT(msgspec.json.decode(answer.body, type=ProblemBody).detail)
    return msgspec.json.decode(answer.body, type=kind, dec_hook=bodies.parse_custom)


def acting(visit: Visit, form: Form) -> Principal:
    """Return who acts, with the mark that the form leaves on what it does."""
    return msgspec.structs.replace(visit.who, mark=idempotency.mark(attempt(visit, form)))


def _session(visit: Visit) -> bytes:
    return (cookie(visit.call.scope) or "").encode()
