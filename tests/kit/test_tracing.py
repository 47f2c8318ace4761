import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from odus import __version__
from odus.app import create_app
from odus.kit.ids import new_id
from odus.kit.logs import configure_logs
from odus.kit.observe import Observed
from odus.kit.tracing import Trace
from odus.settings import Settings
from tests import make

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Collector(ThreadingHTTPServer):
    """Takes traces over HTTP as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), Collect)
        self.received: list[tuple[str, str, bytes]] = []

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def exports(self) -> list[ExportTraceServiceRequest]:
        """Return what was sent."""
        return [ExportTraceServiceRequest.FromString(body) for _, _, body in self.received]

    def spans(self) -> list[Span]:
        """Return the spans that were sent."""
        return [
            span
            for export in self.exports()
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class Collect(BaseHTTPRequestHandler):
    """Keeps each request that is posted."""

    server: Collector

    def do_POST(self) -> None:
        """Keep it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@asynccontextmanager
async def started(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application from its start to its stop, as a server does."""
    orders: asyncio.Queue[Message] = asyncio.Queue()
    states: asyncio.Queue[Message] = asyncio.Queue()
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}  # type: ignore[assignment]
    running = asyncio.create_task(app(scope, orders.get, states.put))  # type: ignore[arg-type]
    await orders.put({"type": "lifespan.startup"})  # type: ignore[arg-type]
    assert (await states.get())["type"] == "lifespan.startup.complete"
    async with make.client(app) as client:
        yield client
    await orders.put({"type": "lifespan.shutdown"})  # type: ignore[arg-type]
    assert (await states.get())["type"] == "lifespan.shutdown.complete"
    await running


async def answer(scope: Scope, _: Receive, send: Send) -> None:
    """Answer the status that stands in the path."""
    scope["path_template"] = "/{status}"  # type: ignore[typeddict-item]
    if scope["path"] == "/fault":
        raise RuntimeError("the cause with hidden@example.com in it")
    await send({"type": "http.response.start", "status": int(scope["path"][1:]), "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def traced(collector: Collector, method: str, path: str, headers: dict[str, str] | None = None) -> Span:
    """Return the one span of a request."""
    configure_logs("critical")  # type: ignore[arg-type]
    trace = Trace(collector.endpoint)
    async with make.client(Observed(answer, trace)) as client:
        await client.request(method, path, headers=headers)
    await asyncio.to_thread(trace.close)
    [span] = collector.spans()
    return span


def attributes(span: Span) -> dict[str, object]:
    return {
        each.key: each.value.string_value if each.value.HasField("string_value") else each.value.int_value
        for each in span.attributes
    }


async def test_a_collector_receives_a_span_of_each_request_by_its_route(
    collector: Collector, database_url: str
) -> None:
    customer = new_id("cus")
    settings = Settings(database_url=database_url, otel_endpoint=collector.endpoint, log_level="error", pool_size=1)
    async with started(create_app(settings)) as client:
        headers = {"Authorization": "Bearer skey_hidden", "Cookie": "hidden", "X-Forwarded-For": "203.0.113.7"}
        unknown = await client.get(f"/customers/{customer}?email=hidden@example.com", headers=headers)
        nowhere = await client.post("/hidden@example.com", json={"email": "hidden@example.com"})
    assert (unknown.status_code, nowhere.status_code) == (401, 404)
    known, other = collector.spans()
    assert known.name == "GET /customers/{id}"
    assert known.kind == Span.SPAN_KIND_SERVER
    assert attributes(known) == {
        "http.request.method": "GET",
        "http.route": "/customers/{id}",
        "http.response.status_code": 401,
        "odus.request_id": unknown.headers["x-request-id"],
    }
    assert (other.name, attributes(other)["http.response.status_code"]) == ("POST -", 404)
    assert 0 < known.end_time_unix_nano - known.start_time_unix_nano < 30 * 10**9


async def test_nothing_that_is_sent_to_the_collector_is_personal(collector: Collector, database_url: str) -> None:
    customer = new_id("cus")
    settings = Settings(database_url=database_url, otel_endpoint=collector.endpoint, log_level="error", pool_size=1)
    async with started(create_app(settings)) as client:
        headers = {"Authorization": "Bearer skey_hidden", "X-Secret": "hidden", "baggage": "user=hidden"}
        await client.get(f"/customers/{customer}?email=hidden%40example.com&page=hidden", headers=headers)
        await client.post(f"/customers/{customer}", headers=headers, json={"email": "hidden@example.com"})
        await client.get("/hidden")
    sent = b"".join(body for _, _, body in collector.received)
    assert len(collector.spans()) == 3
    assert b"hidden" not in sent
    assert customer.encode() not in sent
    assert b"odus.test" not in sent


async def test_spans_are_posted_as_otlp_under_the_name_of_the_service(collector: Collector) -> None:
    await traced(collector, "GET", "/200")
    assert [(path, kind) for path, kind, _ in collector.received] == [("/v1/traces", "application/x-protobuf")]
    resource = collector.exports()[0].resource_spans[0].resource
    named = {each.key: each.value.string_value for each in resource.attributes}
    assert (named["service.name"], named["service.version"]) == ("odus", __version__)


async def test_an_endpoint_may_end_in_a_slash(collector: Collector) -> None:
    trace = Trace(collector.endpoint + "/")
    async with make.client(Observed(answer, trace)) as client:
        await client.get("/200")
    await asyncio.to_thread(trace.close)
    assert [path for path, _, _ in collector.received] == ["/v1/traces"]


async def test_a_span_is_the_child_of_the_callers(collector: Collector) -> None:
    span = await traced(collector, "GET", "/200", {"traceparent": PARENT})
    assert span.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert span.span_id.hex() != "00f067aa0ba902b7"


async def test_a_caller_that_is_not_traced_makes_no_spans(collector: Collector) -> None:
    trace = Trace(collector.endpoint)
    async with make.client(Observed(answer, trace)) as client:
        await client.get("/200", headers={"traceparent": PARENT.removesuffix("01") + "00"})
    await asyncio.to_thread(trace.close)
    assert collector.spans() == []


@pytest.mark.parametrize("parent", ["", "garbage", f"00-{'0' * 32}-{'0' * 16}-01", "\xff\xfe", "00-" * 10_000])
async def test_a_caller_that_says_nonsense_begins_a_trace_of_its_own(collector: Collector, parent: str) -> None:
    span = await traced(collector, "GET", "/200", {"traceparent": parent.encode("latin-1")})  # type: ignore[dict-item]
    assert span.parent_span_id == b""
    assert len(span.trace_id) == 16
    assert any(span.trace_id)


@pytest.mark.parametrize(
    ("path", "status", "failed"),
    [("/200", 200, False), ("/404", 404, False), ("/503", 503, True), ("/fault", 500, True)],
)
async def test_only_a_fault_of_the_server_is_marked_as_an_error(
    collector: Collector, path: str, status: int, *, failed: bool
) -> None:
    span = await traced(collector, "GET", path)
    assert (span.name, attributes(span)["http.response.status_code"]) == ("GET /{status}", status)
    assert (span.status.code == 2) == failed
    assert b"hidden" not in collector.received[0][2]


async def test_head_is_traced_as_head(collector: Collector) -> None:
    assert (await traced(collector, "HEAD", "/200")).name == "HEAD /{status}"


async def test_spans_of_requests_at_the_same_time_do_not_mix(collector: Collector) -> None:
    trace = Trace(collector.endpoint)
    async with make.client(Observed(answer, trace)) as client:
        await asyncio.gather(*[client.get("/200") for _ in range(20)])
    await asyncio.to_thread(trace.close)
    spans = collector.spans()
    assert len({span.trace_id for span in spans}) == len(spans) == 20
    assert {span.parent_span_id for span in spans} == {b""}


async def test_a_collector_that_is_away_holds_up_no_request_and_the_stop_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    trace = Trace("http://127.0.0.1:1")
    began = time.perf_counter()
    async with make.client(Observed(answer, trace)) as client:
        assert (await client.get("/200")).status_code == 200
    assert time.perf_counter() - began < 1
    await asyncio.to_thread(trace.close)
    assert time.perf_counter() - began < 8


async def test_without_a_collector_nothing_is_traced() -> None:
    async with make.client(Observed(answer, None)) as client:
        response = await client.get("/200", headers={"traceparent": PARENT})
    assert response.status_code == 200
    assert "traceparent" not in response.headers
