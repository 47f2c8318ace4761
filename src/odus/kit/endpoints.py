"""Endpoints: the four kinds of operation that the API has, each with the same conduct by construction.

`reads`, `creates`, `changes` and `lists` turn a short function into a Litestar route handler. The function's
annotations say the body and the answer, its docstring is its reference, and the `Operation` that is kept with the
route is what the OpenAPI document and the tests over all endpoints are made from. The order is always: key (401),
permission (403), address (404), preconditions and body (400, 413, 415), then the function.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypedDict, Unpack, get_type_hints  # Any: each operation has arguments and an answer of its own

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from odus.kit import bodies, deadlines, idempotency, lists, requests, times
from odus.kit.db import Write
from odus.kit.idempotency import Answer, Attempt
from odus.kit.lists import Listing
from odus.kit.permissions import Permission, Principal, clock_for
from odus.kit.problems import (
    BAD_REQUEST,
    CONFLICT,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    INVALID_JSON,
    MISSING_PERMISSION,
    NOT_FOUND,
    PAYLOAD_TOO_LARGE,
    PRECONDITION_FAILED,
    REQUEST_TIMEOUT,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    Kind,
)
from odus.kit.requests import JSON, PROBLEM, Call, Response, Services
from odus.kit.versions import IfMatch, etag, matches_weakly, tags

Decorator = Callable[[Callable[..., Awaitable[Any]]], HTTPRouteHandler]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint is, for its reference and for the tests that hold for all of them."""

    name: str
    kind: str
    """`read`, `create`, `change` or `list`."""
    method: str
    path: str
    permission: Permission
    body: Any
    answer: Any
    status: int
    problems: tuple[Kind, ...]
    summary: str
    description: str
    example: dict[str, object] | None
    shows_secret: bool
    takes_secret: bool
    listing: Listing | None
    calls_out: bool
    """Whether it waits for somebody else than the database, so that it is no one transaction."""

    @property
    def tag(self) -> str:
        """The resource, as it stands first in the path."""
        return self.path.split("/")[1]

    @property
    def has_id(self) -> bool:
        """Whether the path names one object."""
        return "{id" in self.path

    @property
    def has_version(self) -> bool:
        """Whether it is about one object, which has versions: what has no id of its own, like a clock, has none."""
        return self.kind == "create" or (self.kind in ("read", "change") and self.has_id)


class More(TypedDict, total=False):
    """What else can be said of an endpoint that writes."""

    raises: Sequence[Kind]
    """The problems that its action can end in, beyond those that every such endpoint has."""
    example: dict[str, object]
    """A body, or the parameters of a list, for the reference."""
    shows_secret: bool
    """Whether the answer holds a secret, so that a kept answer must be sealed."""
    takes_secret: bool
    """Whether the body holds a secret, of which not even a hash may be kept that others could try passwords on."""
    listing: Listing
    """What a list filters and sorts by."""
    calls_out: bool
    """Whether its action waits for somebody else than the database: it is no one transaction then, and finds what it
    did under the `mark` of the request."""


def operation_of(handler: object) -> Operation | None:
    """Return the operation that a route handler was made from, or None for a page."""
    return handler.opt.get("operation") if isinstance(handler, HTTPRouteHandler) else None


def reads(path: str, permission: Permission, *, raises: Sequence[Kind] = ()) -> Decorator:
    """`GET` of one object: `async def get_x(read, who, id) -> X`. Answers 304 to a current `If-None-Match`.

    Of what has no id it is `async def get_x(read, who) -> X`, without versions. `raises` are the problems that it can
    end in beyond those that every such endpoint has.
    """

    def decorate(function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
        known = (NOT_FOUND, *raises) if "{id" in path else raises
        operation = _operation(function, "read", "GET", path, permission, raises=known)

        async def handle(call: Call, services: Services, who: Principal, _seconds: float) -> Response:
            if not operation.has_id:
                return Response(200, bodies.encode(await function(services.database.read, who)), JSON)
            found = await function(services.database.read, who, requests.resource_id(call.scope))
            tag = etag(found)
            condition = requests.header(call.scope, b"if-none-match")
            if condition is not None and matches_weakly(condition, tag):
                return Response(304, b"", JSON, [("ETag", tag)])
            return Response(200, bodies.encode(found), JSON, [("ETag", tag)])

        return _route(operation, handle)

    return decorate


def lists_of(
    path: str, permission: Permission, listing: Listing, example: dict[str, object] | None = None
) -> Decorator:
    """`GET` of a page: `async def list_x(search, who, [id,] asked) -> Page[X]`."""

    def decorate(function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
        known = (VALIDATION_FAILED, NOT_FOUND) if "{id" in path else (VALIDATION_FAILED,)
        more = More(raises=known, listing=listing, example=example or {})
        operation = _operation(function, "list", "GET", path, permission, **more)

        async def handle(call: Call, services: Services, who: Principal, _seconds: float) -> Response:
            named = [requests.resource_id(call.scope)] if operation.has_id else []
            asked = lists.parse(listing, requests.query(call.scope))
            page = await function(services.database.search, who, *named, asked)
            return Response(200, bodies.encode(page), JSON)

        return _route(operation, handle)

    return decorate


def creates(path: str, permission: Permission, **more: Unpack[More]) -> Decorator:
    """`POST` that makes an object, answered 201: `async def create_x(write, who, data) -> X`."""

    def decorate(function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
        return _writes(_operation(function, "create", "POST", path, permission, **more), function)

    return decorate


def changes(path: str, permission: Permission, **more: Unpack[More]) -> Decorator:
    """`POST` to one object, answered 200: `async def change_x(write, who, id, data, if_match) -> X`.

    To what has no id it is `async def change_x(write, who, data) -> X`, without versions.
    """

    def decorate(function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
        if "{id" in path:
            more["raises"] = (NOT_FOUND, PRECONDITION_FAILED, *more.get("raises", ()))
        return _writes(_operation(function, "change", "POST", path, permission, **more), function)

    return decorate


def _writes(operation: Operation, function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
    decode = bodies.decoder(operation.body)
    keep = idempotency.around if operation.calls_out else idempotency.once

    async def handle(call: Call, services: Services, who: Principal, seconds: float) -> Response:
        named = requests.resource_id(call.scope) if operation.has_id else None
        body = await requests.body(call)
        data = decode(body)
        attempt = _attempt(call, who, operation, body)
        acting = msgspec.structs.replace(who, mark=idempotency.mark(attempt)) if attempt else who

        async def run(write: Write) -> Answer:
            arguments = (named, data, _if_match(call)) if operation.has_id else (data,)
            done = await function(write, acting, *arguments)
            return Answer(operation.status, bodies.encode(done), etag(done) if operation.has_version else None)

        async with deadlines.limited(seconds):
            write = services.database.write
            return _response(await (keep(write, attempt, run) if attempt else run(write)))

    return _route(operation, handle)


def _attempt(call: Call, who: Principal, operation: Operation, body: bytes) -> Attempt | None:
    key = requests.header(call.scope, b"idempotency-key")
    if key is None:
        return None
    secret = (requests.secret_key(call.scope) or "").encode()
    return Attempt(
        who=who,
        key=idempotency.check_key(key),
        fingerprint=idempotency.fingerprint(
            operation.method, call.scope["path"], body, secret if operation.takes_secret else b""
        ),
        seal=secret if operation.shows_secret else b"",
    )


def _if_match(call: Call) -> IfMatch:
    condition = requests.header(call.scope, b"if-match")
    return IfMatch() if condition is None else IfMatch(tags(condition))


_FIRST_PROBLEM = 400


def _response(answer: Answer) -> Response:
    headers = [("ETag", answer.etag)] if answer.etag else []
    if answer.replayed:
        headers.append(("Idempotent-Replayed", "true"))
    return Response(answer.status, answer.body, JSON if answer.status < _FIRST_PROBLEM else PROBLEM, headers)


def _operation(
    function: Callable[..., Awaitable[Any]],
    kind: str,
    method: str,
    path: str,
    permission: Permission,
    **more: Unpack[More],
) -> Operation:
    hints = get_type_hints(function, include_extras=True)
    summary, _, description = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    shows_secret = more.get("shows_secret", False)
    every = (BAD_REQUEST, UNAUTHORIZED, MISSING_PERMISSION, UNAVAILABLE, *more.get("raises", ()))
    if method == "POST":
        every += (VALIDATION_FAILED, INVALID_JSON, REQUEST_TIMEOUT, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE)
        every += (IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_MISMATCH, *((CONFLICT,) if shows_secret else ()))
    return Operation(
        name=function.__name__,
        kind=kind,
        method=method,
        path=path,
        permission=permission,
        body=hints.get("data"),
        answer=hints["return"],
        status=201 if kind == "create" else 200,
        problems=tuple(sorted(set(every), key=lambda known: (known.status, known.code))),
        summary=summary,
        description=description,
        example=more.get("example"),
        shows_secret=shows_secret,
        takes_secret=more.get("takes_secret", False),
        listing=more.get("listing"),
        calls_out=more.get("calls_out", False),
    )


def _route(
    operation: Operation, handle: Callable[[Call, Services, Principal, float], Awaitable[Response]]
) -> HTTPRouteHandler:
    async def handler(request: Call) -> ASGIApp:
        services: Services = request.app.state.services
        seconds, began = services.request_timeout, time.monotonic()
        async with asyncio.timeout(seconds):
            who = await requests.principal(services, request.scope, operation.permission)
            if operation.method == "GET":
                with times.ahead(clock_for(who, operation.permission)):
                    return await handle(request, services, who, seconds)
        with times.ahead(clock_for(who, operation.permission)):
            # A write reads the body first, at the pace of the client; what is left is for the database.
            return await handle(request, services, who, seconds - (time.monotonic() - began))

    method = get if operation.method == "GET" else post
    path = operation.path.replace("{id}", "{id:str}")
    return method(path, name=operation.name, status_code=operation.status, opt={"operation": operation})(handler)
