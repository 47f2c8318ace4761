import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client.parser import text_string_to_metric_families

from odus.kit import observe
from odus.kit.logs import configure_logs
from odus.kit.observe import Observed
from odus.settings import Settings
from tests import make

SERVE = """
import asyncio, sys
from odus.kit.logs import configure_logs
from odus.kit.observe import Observed
from odus.kit.permissions import Actor, Principal
from tests import make

async def app(scope, receive, send):
    path = scope["path"]
    if path.startswith("/customers/"):
        scope["path_template"] = "/customers/{id}"
        who = Principal(merchant_id="mer_1", actor=Actor("secretKey", "key_1"), permissions=frozenset(), request_id="")
        scope["state"]["who"] = who
    if path == "/broken":
        raise RuntimeError("the cause of it")
    status = 404 if path == "/nothing" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"{}", "more_body": False})

async def main():
    configure_logs(sys.argv[1])
    async with make.client(Observed(app, None)) as client:
        for request in sys.argv[2:]:
            method, _, path = request.partition(" ")
            headers = {"Authorization": "Bearer skey_hidden", "Cookie": "session=hidden"}
            answer = await client.request(method, path, headers=headers, json={"email": "hidden@example.com"})
            print(answer.headers["x-request-id"])

asyncio.run(main())
"""


def serve(level: str, *requests: str, metrics_dir: Path | None = None) -> tuple[list[str], list[dict[str, object]]]:
    """Serve requests in a process of its own; return the request ids and the log."""
    with running(level, *requests, metrics_dir=metrics_dir) as process:
        out, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    return out.split(), [json.loads(line) for line in log.splitlines()]


def running(level: str, *requests: str, metrics_dir: Path | None = None) -> subprocess.Popen[str]:
    environment = {} if metrics_dir is None else {"PROMETHEUS_MULTIPROC_DIR": str(metrics_dir)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE, level, *requests],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


async def answer(scope: Scope, _: Receive, send: Send) -> None:
    """Answer what the path says: a status, or a fault before or after the answer began."""
    if scope["path"] == "/fault":
        raise RuntimeError("the cause of it")
    status = int(scope["path"].removeprefix("/").partition("/")[0])
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"4")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": scope["method"].encode()[:4].ljust(4), "more_body": False})
    if scope["path"].endswith("/fault"):
        raise RuntimeError("the cause of it")


@pytest.fixture
def observed() -> ASGIApp:
    configure_logs("error")
    return Observed(answer, None)


async def request(app: ASGIApp, method: str, path: str) -> httpx.Response:
    async with make.client(app) as client:
        return await client.request(method, path)


@pytest.mark.parametrize("path", ["/200", "/404", "/503", "/fault"])
async def test_every_answer_has_a_request_id_of_its_own(observed: ASGIApp, path: str) -> None:
    ids = [(await request(observed, "GET", path)).headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"req_[0-9A-Za-z]{27}", each) for each in ids)


async def test_every_answer_is_kept_by_nobody_and_guessed_by_nobody(observed: ASGIApp) -> None:
    for path in ("/200", "/404", "/fault"):
        headers = (await request(observed, "GET", path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


async def test_head_is_answered_as_get_without_the_body(observed: ASGIApp) -> None:
    get, head = await request(observed, "GET", "/200"), await request(observed, "HEAD", "/200")
    assert (get.content, head.content) == (b"GET ", b"")
    assert head.status_code == get.status_code
    assert head.headers["content-length"] == get.headers["content-length"] == "4"


async def test_a_fault_is_answered_blank_with_its_request_id(observed: ASGIApp) -> None:
    response = await request(observed, "GET", "/fault")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["requestId"]) == ("internal", response.headers["x-request-id"])
    assert "cause" not in response.text
    assert "Runtime" not in response.text


async def test_a_fault_after_the_answer_began_adds_nothing_to_it(observed: ASGIApp) -> None:
    response = await request(observed, "GET", "/200/fault")
    assert (response.status_code, response.content) == (200, b"GET ")


async def test_a_request_that_is_given_up_stays_given_up() -> None:
    async def never(_: Scope, __: Receive, ___: Send) -> None:
        await asyncio.Event().wait()

    configure_logs("error")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await request(Observed(never, None), "GET", "/")


async def test_a_websocket_is_closed_and_a_lifespan_is_passed_on() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        seen.append(message["type"])

    outer = Observed(app, None)
    await outer({"type": "lifespan"}, receive, send)  # type: ignore[typeddict-item]
    await outer({"type": "websocket"}, receive, send)  # type: ignore[typeddict-item]
    assert seen == ["lifespan", "websocket.close"]


def test_each_request_is_one_log_line_without_anything_personal() -> None:
    customer = "/customers/cus_hidden"
    ids, log = serve("info", f"GET {customer}?email=hidden@example.com", "POST /nothing", f"HEAD {customer}")
    assert [line["requestId"] for line in log] == ids
    first = log[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(first.pop("at")))
    assert 0 < float(str(first.pop("durationMs"))) < 30_000
    assert first == {
        "event": "request",
        "level": "info",
        "requestId": ids[0],
        "merchant": "mer_1",
        "actor": "key_1",
        "method": "GET",
        "route": "/customers/{id}",
        "status": 200,
    }
    assert [(line["method"], line["route"], line["status"], line["actor"]) for line in log[1:]] == [
        ("POST", "-", 404, None),
        ("HEAD", "/customers/{id}", 200, "key_1"),
    ]
    assert "hidden" not in json.dumps(log)


def test_a_fault_is_logged_whole_under_its_request_id() -> None:
    ids, log = serve("info", "GET /broken?email=hidden@example.com")
    fault, line = log
    assert (fault["event"], fault["level"], fault["requestId"]) == ("fault", "error", ids[0])
    assert "RuntimeError: the cause of it" in str(fault["exception"])
    assert (line["event"], line["status"], line["requestId"]) == ("request", 500, ids[0])
    assert "hidden" not in json.dumps(log)


def test_less_is_logged_where_less_is_asked_for() -> None:
    _, log = serve("error", "GET /customers/cus_1", "GET /broken")
    assert [line["event"] for line in log] == ["fault"]


def figures(text: bytes) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and its labels' values."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_figures_of_two_processes_add_up(tmp_path: Path) -> None:
    both = [
        running("error", *["GET /customers/cus_1"] * 3, "GET /nothing", metrics_dir=tmp_path),
        running("error", *["GET /customers/cus_2"] * 4, "POST /customers/cus_2", metrics_dir=tmp_path),
    ]
    for process in both:
        with process:
            assert process.wait(timeout=30) == 0
    found = figures(observe.metrics(Settings(metrics_dir=str(tmp_path))))
    requests = {labels[1:]: value for labels, value in found.items() if labels[0] == "odus_http_requests_total"}
    assert requests == {
        ("GET", "/customers/{id}", "200"): 7,
        ("POST", "/customers/{id}", "200"): 1,
        ("GET", "-", "404"): 1,
    }
    assert found["odus_http_request_seconds_count", "GET", "/customers/{id}"] == 7
    assert found["odus_http_request_seconds_bucket", "+Inf", "GET", "/customers/{id}"] == 7
    assert 0 < found["odus_http_request_seconds_sum", "GET", "/customers/{id}"] < 60


def test_the_figures_of_a_process_alone_are_its_own() -> None:
    assert b"# TYPE odus_http_requests_total counter" in observe.metrics(Settings())


async def test_a_method_or_address_of_the_callers_making_makes_no_new_figure(observed: ASGIApp) -> None:
    await request(observed, "GET", "/200")
    await request(observed, "BREW", "/200")
    before = figures(observe.metrics(Settings()))
    for number in range(5):
        await request(observed, "GET", f"/200/{number}")
        await request(observed, f"BREW{number}", "/200")
    after = figures(observe.metrics(Settings()))
    assert set(after) == set(before)
    key = ("odus_http_requests_total", "other", "-", "200")
    assert after[key] == before[key] + 5
