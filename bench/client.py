"""A client that asks one thing at a time, where wrk would be too much: what a load cannot repeat, and paced writes."""

import http.client
import time
from types import TracebackType
from typing import Any, Self

import msgspec

from bench.figure import BenchError
from bench.seed import Seeded
from bench.server import Server

TIMEOUT_SECONDS = 30.0
_CREATED = 201


class Client:
    """One keep-alive connection."""

    def __init__(self, server: Server, seeded: Seeded) -> None:
        """Connect with the first request."""
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {seeded.key}"}

    def get(self, path: str) -> tuple[float, Any]:
        """Return how many milliseconds the answer took, and the answer."""
        began = time.perf_counter()
        body = self._ask("GET", path, None)
        milliseconds = (time.perf_counter() - began) * 1000
        return milliseconds, msgspec.json.decode(body)

    def post(self, path: str, body: object) -> None:
        """Write something."""
        self._ask("POST", path, msgspec.json.encode(body))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        typed = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, body, {**self._headers, **typed})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status > _CREATED:
            raise BenchError(f"{method} {path}: {answer.status} {text.decode()[:200]}")
        return text
