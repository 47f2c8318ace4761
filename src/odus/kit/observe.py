"""Seen from outside: a request id, a log line, figures and a trace for every request, whatever becomes of it.

Nothing here holds personal data: a request shows as its route (`/customers/{id}`), never its address, query or body.
"""

import time
from contextlib import AbstractContextManager, nullcontext

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

from odus.kit.ids import new_id
from odus.kit.logs import log
from odus.kit.permissions import Principal
from odus.kit.problems import INTERNAL
from odus.kit.requests import PROBLEM
from odus.kit.tracing import Span, Trace
from odus.settings import Settings

_REQUESTS = Counter("odus_http_requests", "Requests answered.", ["method", "route", "status"])
_SECONDS = Histogram(
    "odus_http_request_seconds",
    "Time from a request's arrival to its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def metrics(settings: Settings) -> bytes:
    """Return the figures of all workers, in Prometheus' text format."""
    if not settings.metrics_dir:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=settings.metrics_dir)
    return generate_latest(registry)


class Observed:
    """An ASGI application around another, which gives each request its id and tells what became of it."""

    def __init__(self, app: ASGIApp, trace: Trace | None) -> None:
        """Wrap an application; spans are made where a trace is given."""
        self._app = app
        self._trace = trace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or pass on what is none."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        outgoing = _Outgoing(send, new_id("req"), is_head=scope["method"] == "HEAD")
        method = scope["method"]
        scope["state"] = {"request_id": outgoing.request_id}
        scope["path_template"] = "-"  # until the router knows better
        if outgoing.is_head:
            scope["method"] = "GET"
        span: AbstractContextManager[Span | None] = self._trace.span(scope) if self._trace else nullcontext()
        with span as open_span:
            try:
                await self._app(scope, receive, outgoing)
            except Exception:  # noqa: BLE001 - it is logged whole, and answered blank
                log.exception("fault", requestId=outgoing.request_id)
                await outgoing.fail()
            seconds = time.perf_counter() - began
            route = scope["path_template"]
            if open_span is not None:
                open_span.end(method, route, outgoing.status, outgoing.request_id)
        _note(scope, method, route, outgoing, seconds)


class _Outgoing:
    """A `send` that adds the request's id to the answer, and leaves the body of a `HEAD` out."""

    __slots__ = ("_id_header", "_send", "is_head", "request_id", "status")

    def __init__(self, send: Send, request_id: str, *, is_head: bool) -> None:
        self._send = send
        self._id_header = (b"x-request-id", request_id.encode())
        self.request_id = request_id
        self.is_head = is_head
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], self._id_header, _NO_SNIFF]
            if all(name != b"cache-control" for name, _ in headers):
                headers.append(_NO_STORE)
            message["headers"] = headers
        elif self.is_head and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)

    async def fail(self) -> None:
        if self.status == 0:
            body = INTERNAL("Something failed on our side.").body(self.request_id)
            await self({"type": "http.response.start", "status": 500, "headers": [(b"content-type", PROBLEM)]})
            await self({"type": "http.response.body", "body": body, "more_body": False})


_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_NO_STORE = (b"cache-control", b"no-store")
"""Answers hold personal data: nothing on the way keeps one, unless it says that it may."""

_children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def _note(scope: HTTPScope, method: str, route: str, outgoing: _Outgoing, seconds: float) -> None:
    series = (method if method in _METHODS else "other", route, outgoing.status)
    if series not in _children:
        _children[series] = _REQUESTS.labels(*map(str, series)), _SECONDS.labels(*series[:2])
    count, histogram = _children[series]
    count.inc()
    histogram.observe(seconds)
    who: Principal | None = scope["state"].get("who")
    log.info(
        "request",
        requestId=outgoing.request_id,
        merchant=who.merchant_id if who else None,
        actor=who.actor.id if who else None,
        method=method,
        route=route,
        status=outgoing.status,
        durationMs=round(seconds * 1000, 3),
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
