"""Tracing: one OpenTelemetry span for each request, where a collector is configured."""

from collections.abc import Generator
from contextlib import contextmanager

from litestar.types import HTTPScope
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from odus import __version__


class Span:
    """An open span, whose name and outcome are known only at its end."""

    def __init__(self, span: trace.Span) -> None:
        """Take the library's span."""
        self._span = span

    def end(self, method: str, route: str, status: int, request_id: str) -> None:
        """Say what became of the request; the names are OpenTelemetry's semantic conventions for HTTP servers."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "odus.request_id": request_id,
            }
        )
        if status >= 500:  # noqa: PLR2004 - HTTP's class of server errors
            self._span.set_status(StatusCode.ERROR)


class Trace:
    """Sends spans to a collector, in batches, from a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        """Send to an OTLP/HTTP endpoint such as `http://localhost:4318`."""
        resource = Resource.create({"service.name": "odus", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("odus")

    @contextmanager
    def span(self, scope: HTTPScope) -> Generator[Span]:
        """Open the span of a request, as a child of the caller's where its `traceparent` says so."""
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = propagate.extract(carrier)
        with self._tracer.start_as_current_span("request", context=parent, kind=SpanKind.SERVER) as span:
            yield Span(span)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
