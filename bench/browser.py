"""A browser's side of the Dashboard: a connection that takes gzip, signed in by a user made for the benchmark."""

import http.client
import secrets
import time
from typing import NamedTuple
from urllib.parse import urlencode

from bench.figure import BenchError
from bench.seed import Seeded
from bench.server import Server
from odus import commands
from odus.settings import Settings

PASSWORD = "Bench-mark-1"  # noqa: S105 - opens nothing but a benchmark


class Answer(NamedTuple):
    """What came, and after how many milliseconds."""

    milliseconds: float
    status: int
    body: bytes
    cookie: str


class Browser:
    """One keep-alive connection that takes gzip, as browsers do."""

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        """Connect with the first request."""
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._headers = {"Accept-Encoding": "gzip", **headers}

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """Get a page, or send a form."""
        typed = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        method, body = ("GET", None) if form is None else ("POST", urlencode(form))
        self._connection.request(method, path, body, {**self._headers, **typed})
        answer = self._connection.getresponse()
        text = answer.read()
        milliseconds = (time.perf_counter() - began) * 1000
        return Answer(milliseconds, answer.status, text, (answer.getheader("Set-Cookie") or "").partition(";")[0])

    def time(self, path: str) -> float:
        """Return how many milliseconds a page takes. Raises `BenchError` where it is not there."""
        answer = self.ask(path)
        if answer.status != http.HTTPStatus.OK:
            raise BenchError(f"{path}: {answer.status}")
        return answer.milliseconds

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def signed_in(server: Server, seeded: Seeded) -> str:
    """Make a user and sign in; return the session's cookie."""
    settings = Settings(data_dir=seeded.data_dir)
    email = f"{secrets.token_hex(8)}@odus.example"
    commands.create_user(settings, seeded.merchant_id, {"email": email, "role": "admin", "password": PASSWORD})
    browser = Browser(server, {})
    answer = browser.ask("/dashboard/login", {"email": email, "password": PASSWORD})
    browser.close()
    if not answer.cookie:
        raise BenchError("The Dashboard did not let the benchmark in.")
    return answer.cookie
