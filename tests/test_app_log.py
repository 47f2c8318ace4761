"""What the whole application logs: one line for each request, and each fault."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from litestar.types import ASGIApp

import odus.app
from odus.app import create_app
from odus.customers import queries as customers
from odus.kit import observe
from odus.kit.db import Database
from odus.settings import Settings
from tests import make, operations
from tests.make import Shop
from tests.operations import Call, every

call = pytest.fixture(operations.call)


class Log:
    """What is logged during one test, by an application that logs each request."""

    def __init__(self, app: ASGIApp, captured: pytest.CaptureFixture[bytes]) -> None:
        self.app = app
        self._captured = captured

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines since the last look."""
        return [json.loads(line) for line in self._captured.readouterr().err.splitlines()]


@pytest.fixture
def noisy(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], database: Database
) -> Callable[[], Log]:
    """Return what makes an application that logs; to be called in the test, since each phase has another stderr."""
    fresh = structlog.stdlib.get_logger("odus")
    monkeypatch.setattr(observe, "log", fresh)
    monkeypatch.setattr(odus.app, "log", fresh)
    return lambda: Log(create_app(Settings(log_level="info"), database), capsysbinary)


async def test_each_request_is_one_line_that_names_who_asked_for_what(shop: Shop, noisy: Callable[[], Log]) -> None:
    log = noisy()
    async with make.client(log.app, shop.value) as client:
        response = await client.post("/customers", json={"email": "jane@example.com"})
    (line,) = log.lines()
    assert line.pop("durationMs") > 0
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "requestId": response.headers["X-Request-Id"],
        "merchant": shop.merchant_id,
        "actor": shop.key_id,
        "method": "POST",
        "route": "/customers",
        "status": 201,
    }


async def test_a_request_without_a_key_is_logged_too(noisy: Callable[[], Log]) -> None:
    log = noisy()
    async with make.client(log.app) as client:
        for method, path in (("GET", "/customers/x"), ("HEAD", "/events"), ("GET", "/a/b")):
            await client.request(method, path)
    lines = log.lines()
    assert {(line["merchant"], line["actor"]) for line in lines} == {(None, None)}
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/customers/{id}", 401),
        ("HEAD", "/events", 401),
        ("GET", "-", 404),
    ]


async def test_a_key_without_the_permission_is_named_in_the_log(
    shop: Shop, noisy: Callable[[], Log], database: Database
) -> None:
    key = await make.key(database, shop.merchant_id, ["PAYMENT_READ"])
    log = noisy()
    async with make.client(log.app, key.value) as client:
        await client.get("/events")
    (line,) = log.lines()
    assert (line["status"], line["actor"]) == (403, key.id)


PERSONAL = "PersonalThing"


@every
async def test_the_log_holds_nothing_personal_and_no_key(call: Call, shop: Shop, noisy: Callable[[], Log]) -> None:
    body = {
        "email": f"{PERSONAL}@example.com",
        "name": PERSONAL,
        "note": PERSONAL,
        "metadata": {PERSONAL: PERSONAL},
        "billingAddress": {"line1": PERSONAL},
        "permissions": ["EVENT_READ"],
    }
    fields = operations.fields(call.operation) if call.operation.body else []
    fitting = {name: value for name, value in body.items() if name in fields}
    headers = {"Idempotency-Key": PERSONAL, "User-Agent": PERSONAL, "Cookie": f"a={PERSONAL}", "X-Request-Id": PERSONAL}
    log = noisy()
    async with make.client(log.app, shop.value) as client:
        is_post = call.operation.method == "POST"
        for sent in (fitting, {**body, "email": PERSONAL, PERSONAL: 1}) if is_post else (None,):
            await client.request(
                call.operation.method,
                call.path(),
                json=sent,
                params={PERSONAL: PERSONAL},
                headers={**headers, "Idempotency-Key": f"{PERSONAL}{len(sent or {})}"},
            )
        await client.get(f"/customers/{PERSONAL}")
        await client.get(f"/{PERSONAL}?{PERSONAL}")
        await client.request(PERSONAL.upper(), "/customers")
        await client.get("/events", headers={"Authorization": f"Bearer skey_{PERSONAL}"})
    lines = log.lines()
    text = json.dumps(lines)
    assert len(lines) == (6 if is_post else 5)
    assert PERSONAL not in text
    assert shop.value not in text
    assert shop.value[5:-4] not in text
    if call.id is not None:
        assert call.id not in text


async def test_a_fault_is_answered_blank_and_logged_whole(
    shop: Shop, noisy: Callable[[], Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(customers, "get", fails)
    log = noisy()
    async with make.client(log.app, shop.value) as client:
        response = await client.get("/customers/cus_000000000000000000000000000")
    request_id = response.headers["X-Request-Id"]
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "/docs/errors#internal",
        "title": "Internal error",
        "status": 500,
        "code": "internal",
        "detail": "Something failed on our side.",
        "requestId": request_id,
    }
    fault, line = log.lines()
    assert (fault["event"], fault["level"], fault["requestId"]) == ("fault", "error", request_id)
    assert "RuntimeError: secret detail" in fault["exception"]
    assert "test_app_log.py" in fault["exception"]
    assert (line["status"], line["requestId"], line["actor"]) == (500, request_id, shop.key_id)
