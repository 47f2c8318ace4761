"""Requests: what is read off an HTTP request before its handler runs, and the answer that is sent."""

import asyncio
import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self  # Any: the type parameters of Litestar's request, of which nothing is used here
from urllib.parse import parse_qs

import msgspec
from litestar import Request
from litestar.types import HTTPScope, Receive, Scope, Send

from odus.kit import problems
from odus.kit.db import Database
from odus.kit.permissions import Permission, Principal

Call = Request[Any, Any, Any]

LARGEST_BODY = 1024 * 1024
BODY_SECONDS = 20.0
"""How long a client may take to send a body."""
MOST_PARAMETERS = 1000


class Authenticate(Protocol):
    """Turns a secret key's value into who it stands for, or raises `unauthorized`."""

    def __call__(self, value: str, request_id: str) -> Awaitable[Principal]:
        """Look the value up."""
        ...


class Services(msgspec.Struct, frozen=True):
    """What every endpoint needs of its application; kept as `app.state.services`."""

    database: Database
    authenticate: Authenticate
    request_timeout: float
    """Seconds that a request may wait for the database."""
    schema: str
    """The revision that the database must be at."""


def request_id(scope: Scope) -> str:
    """Return the id that `Observed` gave the request."""
    return scope["state"]["request_id"]


def header(scope: HTTPScope, name: bytes) -> str | None:
    """Return a header's value, those of a repeated one joined by commas, or None."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None


async def principal(services: Services, scope: HTTPScope, permission: Permission) -> Principal:
    """Return who calls; raises `unauthorized`, or `missing_permission` where a permission lacks."""
    value = secret_key(scope)
    if value is None:
        raise problems.UNAUTHORIZED(UNAUTHORIZED_DETAIL)
    who = await services.authenticate(value, request_id(scope))
    scope["state"]["who"] = who
    if permission not in who.permissions:
        raise problems.MISSING_PERMISSION(f"The secret key lacks the permission {permission.value}.")
    return who


UNAUTHORIZED_DETAIL = "A valid secret key is needed: Authorization: Bearer skey_…"


def secret_key(scope: HTTPScope) -> str | None:
    """Return the bearer token of a request, or None where there is none, or more than one header."""
    scheme, _, value = (header(scope, b"authorization") or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.isascii() and "," not in value else None


def resource_id(scope: HTTPScope) -> str:
    """Return the id in the address; one that no object can have is answered as an unknown one."""
    value: str = scope["path_params"]["id"]
    if _ID.fullmatch(value) is None:
        raise not_found()
    return value


_ID = re.compile(r"[a-z]+_[0-9A-Za-z]{27}")


def not_found() -> problems.Problem:
    """Make the answer for an id that the caller's merchant does not have."""
    return problems.NOT_FOUND("There is no such object, or it is not yours to see.")


def here(scope: HTTPScope) -> str:
    """Return the address that was asked for, with its query."""
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else scope["path"]


_NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")


def query(scope: HTTPScope) -> Mapping[str, Sequence[str]]:
    """Decode the query string into the values of each parameter."""
    try:
        text = scope["query_string"].decode("ascii")
        if _NOT_ENCODED.search(text):
            raise problems.BAD_REQUEST("The query string has a % that begins no percent-encoding; write it as %25.")
        return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise problems.BAD_REQUEST("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise problems.BAD_REQUEST(f"The query string has more than {MOST_PARAMETERS} parameters.") from None


async def body(call: Call) -> bytes:
    """Return the body, `{}` for an empty one; raises for a wrong media type, and beyond 1 MiB without reading on."""
    received = await _whole(call)
    if not received and header(call.scope, b"content-type") is None:
        return b"{}"
    _check_media_type(call.scope)
    return received


async def _whole(call: Call) -> bytes:
    """Return all of a body that is not too large and arrives in time."""
    declared = header(call.scope, b"content-length") or "0"
    if _NUMBER.fullmatch(declared) and (len(declared) > len(str(LARGEST_BODY)) or int(declared) > LARGEST_BODY):
        raise problems.PAYLOAD_TOO_LARGE("The body is larger than 1 MiB.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _receive(call)
    except TimeoutError:
        raise problems.REQUEST_TIMEOUT(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.") from None


async def _receive(call: Call) -> bytes:
    """Read off what arrives; Litestar's own reader takes a client that hangs up, or sends half, for a fault of ours."""
    received = bytearray()
    more = True
    while more:
        message = await call.receive()
        if message["type"] != "http.request":
            raise problems.BAD_REQUEST("The body did not arrive whole.")
        received += message["body"]
        if len(received) > LARGEST_BODY:
            raise problems.PAYLOAD_TOO_LARGE("The body is larger than 1 MiB.")
        more = message["more_body"]
    return bytes(received)


_NUMBER = re.compile(r"[1-9][0-9]*")


def _check_media_type(scope: HTTPScope) -> None:
    media_type, _, parameters = (header(scope, b"content-type") or "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise problems.UNSUPPORTED_MEDIA_TYPE("The body must be Content-Type: application/json, in UTF-8.")
    if header(scope, b"content-encoding") not in (None, "identity"):
        raise problems.UNSUPPORTED_MEDIA_TYPE("The body must be sent without a Content-Encoding.")


def origin(scope: HTTPScope) -> str:
    """Return the address under which the reader reached this server; it only ever shows in their own answer."""
    host = header(scope, b"host") or ""
    scheme = "https" if header(scope, b"x-forwarded-proto") == "https" else scope["scheme"]
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"


_HOST = re.compile(r"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")


async def form(call: Call) -> bytes:
    """Return the body of a form; raises for another media type, and beyond 1 MiB without reading on."""
    media_type, _, _ = (header(call.scope, b"content-type") or "").partition(";")
    if media_type.strip().lower() != "application/x-www-form-urlencoded":
        raise problems.UNSUPPORTED_MEDIA_TYPE("A form must be sent as application/x-www-form-urlencoded.")
    return await _whole(call)


class Response:
    """An answer that is ready to be sent: an ASGI application without Litestar's general response machinery."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, media_type: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Take the status, the encoded body and its type; further headers by name."""
        self.status = status
        self.body = body
        self.headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers]
        if status not in (204, 304):
            self.headers += [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]

    def to_asgi_response(self, **_: object) -> Self:
        """Be what Litestar asks of the answer of an exception handler."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - what ASGI passes
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


JSON = b"application/json"
PROBLEM = b"application/problem+json"
