"""Pages: the Dashboard's two kinds of endpoint, each with the same conduct by construction.

`shows` turns a short function into the route of a page, `submits` into the one that a form is sent to. The order is
always: session (else to the sign-in), origin of the request, permission (403), then the function. Whatever a function
raises becomes a page in the Dashboard's dress.
"""

import gzip
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qs, quote

import msgspec
from jinja2 import Environment
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from odus.kit import deadlines, problems, requests, times
from odus.kit.browsers import check_origin, cookie
from odus.kit.db import Database, unavailable
from odus.kit.permissions import Permission, Principal, clock_for
from odus.kit.problems import Problem
from odus.kit.requests import Call, Response, Services, header

HTML = b"text/html; charset=utf-8"
LOGIN = "/dashboard/login"
MOST_FIELDS = 500
"""Fields of a form."""
FORM = "form"
"""Under this name a request keeps what its form sent."""
PERSON = "person"
"""Under this name it keeps who sent it, once that was looked up; None where nobody is signed in."""
PERMISSION = "permission"
"""Under this name a route keeps what it needs (None: a session alone); one that is open to all has no such name."""

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""What every page is sent with (dashboard.md §1)."""


class Person(msgspec.Struct, frozen=True):
    """Who is signed in, as the shell shows it."""

    who: Principal
    name: str
    email: str
    role: str
    merchant: str
    is_test: bool


class Recognize(Protocol):
    """Turns the value of a session's cookie into a person, or None where the session ended."""

    def __call__(self, token: str, request_id: str) -> Awaitable[Person | None]:
        """Look the session up."""
        ...


class Pages(msgspec.Struct, frozen=True):
    """What every page needs of its application; kept as `app.state.pages`."""

    environment: Environment
    recognize: Recognize


class Form:
    """What a form sent: each field's text, in the order of the form."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Take the decoded fields."""
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    @property
    def names(self) -> frozenset[str]:
        """The names of all fields."""
        return frozenset(self._fields)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The fields one by one."""
        return [(name, text) for name, texts in self._fields.items() for text in texts]

    def text(self, name: str) -> str:
        """Return a field's text, with line ends as they are typed; empty where it was not sent."""
        return self._fields.get(name, [""])[0].replace("\r\n", "\n")

    def texts(self, name: str) -> list[str]:
        """Return the texts of all fields of a name."""
        return list(self._fields.get(name, []))


class Visit:
    """A request for a page, by a person who is signed in."""

    def __init__(self, call: Call, person: Person) -> None:
        """Take the request and whose session it shows."""
        self.call = call
        self.person = person
        self.database: Database = _services(call).database

    @property
    def who(self) -> Principal:
        """Who acts."""
        return self.person.who

    @property
    def id(self) -> str:
        """The id in the address."""
        return requests.resource_id(self.call.scope)

    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The values of each parameter of the address."""
        return requests.query(self.call.scope)

    @property
    def is_scripted(self) -> bool:
        """Whether a script asks, which puts a part of the page in place of another."""
        return header(self.call.scope, b"hx-request") is not None

    def curl(self, path: str, query: str = "") -> str:
        """Return the command that asks the API the same; `-g`, as brackets mean something to curl."""
        address = f"{requests.origin(self.call.scope)}{path}{f'?{query}' if query else ''}"
        return f"curl -g '{address}' -H 'Authorization: Bearer skey_…'"

    def may(self, permission: Permission) -> bool:
        """Tell whether the person may do something."""
        return permission in self.who.permissions

    def page(
        self, template: str, status: int = 200, headers: Sequence[tuple[str, str]] = (), **context: object
    ) -> Response:
        """Render a page."""
        return page(self.call, template, status, headers, person=self.person, **context)


def page(
    call: Call,
    template: str,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
    *,
    person: Person | None = None,
    **context: object,
) -> Response:
    """Render a page, compressed where the browser takes that."""
    permissions = frozenset[str]() if person is None else person.who.permissions
    pages: Pages = call.app.state.pages
    scope = call.scope
    shown = {
        "person": person,
        "may": permissions.__contains__,
        "path": scope["path"],
        "request_id": requests.request_id(scope),
        **context,
    }
    body = pages.environment.get_template(template).render(shown).encode()
    sent = [*{**SECURITY, "Vary": "Accept-Encoding, Cookie, HX-Request", **dict(headers)}.items()]
    if "gzip" in (header(scope, b"accept-encoding") or ""):
        body = gzip.compress(body, 3, mtime=0)
        sent.append(("Content-Encoding", "gzip"))
    return Response(status, body, HTML, sent)


def moved(to: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """Lead on to another page."""
    return Response(303, b"", HTML, [("Location", to), *headers])


def wrong(problem: Problem | None = None, *, by: Callable[[str], str] = str) -> Mapping[str, str]:
    """Return what is wrong with each field of a form, empty for one that is right.

    Raises again what is not about fields. `by` turns an error's path into the name of the field in the form.
    """
    if problem is not None and problem.kind is not problems.VALIDATION_FAILED:
        raise problem
    return defaultdict(str, {by(error.field): error.message for error in problem.errors} if problem else {})


def problem_page(call: Call, problem: Problem, person: Person | None = None) -> Response:
    """Render what went wrong in the Dashboard's dress."""
    headers = list(problem.headers.items())
    return page(
        call,
        "problem.html",
        problem.kind.status,
        headers,
        person=person,
        problem=problem,
        fields=_typed(call),
        is_form=FORM in call.scope["state"],
        here=requests.here(call.scope),
    )


class ProblemPage(Response):
    """The page of what went wrong outside of a page's own function, which looks up who is signed in when it is sent."""

    __slots__ = ("call", "problem")

    def __init__(self, call: Call, problem: Problem) -> None:
        """Take the request, and what went wrong."""
        super().__init__(problem.kind.status, b"", HTML)
        self.call = call
        self.problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Render it, and send it."""
        await problem_page(self.call, self.problem, await self._person())(scope, receive, send)

    async def _person(self) -> Person | None:
        """Return who is signed in; None also where that cannot be read either."""
        if PERSON in self.call.scope["state"]:
            return self.call.scope["state"][PERSON]
        try:
            async with deadlines.limited(_services(self.call).request_timeout):
                return await recognized(self.call)
        except Exception as error:
            if not isinstance(error, Problem) and unavailable(error) is None:
                raise
            return None


Decorator = Callable[[Callable[..., Awaitable[Response]]], HTTPRouteHandler]


def shows(path: str, permission: Permission | None = None) -> Decorator:
    """`GET` of a page: `async def x_page(visit) -> Response`."""

    def decorate(function: Callable[..., Awaitable[Response]]) -> HTTPRouteHandler:
        async def handler(request: Call) -> ASGIApp:
            return await _visit(request, permission, function)

        return get(_route(path), name=function.__name__, opt={PERMISSION: permission})(handler)

    return decorate


def submits(path: str, permission: Permission | None = None) -> Decorator:
    """`POST` of a form: `async def do_x(visit, form) -> Response`."""

    def decorate(function: Callable[..., Awaitable[Response]]) -> HTTPRouteHandler:
        async def act(visit: Visit) -> Response:
            return await function(visit, visit.call.scope["state"][FORM])

        async def handler(request: Call) -> ASGIApp:
            try:
                check_origin(request.scope)
            except Problem as problem:
                return problem_page(request, problem)
            return await _visit(request, permission, act)

        return post(_route(path), name=function.__name__, status_code=200, opt={PERMISSION: permission})(handler)

    return decorate


async def _visit(
    call: Call, permission: Permission | None, function: Callable[[Visit], Awaitable[Response]]
) -> Response:
    person: Person | None = None
    call.scope["state"][PERSON] = None  # nor is it looked up again, where the database lets one wait for it
    try:
        async with deadlines.limited(_services(call).request_timeout):
            if call.scope["method"] == "POST":
                call.scope["state"][FORM] = await form_of(call)
            person = await recognized(call)
            if person is None:
                return _without_session(call)
            call.scope["state"]["who"] = person.who
            call.scope["state"][PERSON] = person
            if permission is not None and permission not in person.who.permissions:
                raise problems.MISSING_PERMISSION(f"Your role lacks the permission {permission.value}.")
            with times.ahead(clock_for(person.who, permission)):
                return await function(Visit(call, person))
    except Problem as problem:
        return problem_page(call, problem, person)


async def recognized(call: Call) -> Person | None:
    """Return whose session the request shows; None where there is none."""
    token = cookie(call.scope)
    pages: Pages = call.app.state.pages
    return await pages.recognize(token, requests.request_id(call.scope)) if token else None


def _without_session(call: Call) -> Response:
    fields = _typed(call)
    return page(call, "signed_out.html", 401, fields=fields) if fields else _to_login(call)


def _typed(call: Call) -> list[tuple[str, str]]:
    """Return what was typed, to be given back and sent again; a password is typed anew."""
    form: Form | None = call.scope["state"].get(FORM)
    return [] if form is None else [(name, text) for name, text in form.pairs if name != "password"]


def _to_login(call: Call) -> Response:
    scope = call.scope
    target = requests.here(scope)
    address = f"{LOGIN}?next={quote(target, safe='')}" if scope["method"] == "GET" else LOGIN
    if header(scope, b"hx-request"):
        return Response(401, b"", HTML, [("HX-Redirect", address)])
    return moved(address)


async def form_of(call: Call) -> Form:
    """Read the fields of a form (`application/x-www-form-urlencoded`)."""
    received = await requests.form(call)
    try:
        fields = parse_qs(received.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise problems.BAD_REQUEST("The form cannot be read.") from None
    return Form(fields)


def _services(call: Call) -> Services:
    return call.app.state.services


def _route(path: str) -> str:
    return path.replace("{id}", "{id:str}")
