"""A valid call of every operation, and what is true of every answer: the tests over all endpoints are made from it."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import jsonschema_rs
import pytest
from litestar.types import ASGIApp, Receive, Scope, Send

from odus.app import HANDLERS
from odus.kit.db import Database
from odus.kit.endpoints import Operation
from odus.kit.openapi import document, operations
from odus.kit.permissions import Permission
from tests import make
from tests.make import Shop

OPERATIONS = operations(HANDLERS)
DOCUMENT = document(HANDLERS)
REQUEST_ID = re.compile(r"req_[0-9A-Za-z]{27}")


async def _customer(shop: Shop, _: Database) -> str:
    return str((await make.customer(shop.client))["id"])


async def _secret_key(shop: Shop, database: Database) -> str:
    return (await make.key(database, shop.merchant_id, [Permission.SECRET_KEY_READ])).id


async def _event(shop: Shop, _: Database) -> str:
    return (await shop.client.get("/events")).json()["data"][0]["id"]


@dataclass(frozen=True)
class Sample:
    """How an operation is called so that it succeeds and, where it writes, changes something.

    `made` makes the object that the path names and returns its id. `body` must be possible for a key that has no
    permission but the operation's own. `event` is the type of the event that a write causes.
    """

    made: Callable[[Shop, Database], Awaitable[str]] | None = None
    body: dict[str, object] | None = None
    event: str | None = None


SAMPLES = {
    "create_customer": Sample(body={"email": "ada@example.com", "name": "Ada"}, event="customer.created"),
    "get_customer": Sample(_customer),
    "update_customer": Sample(_customer, {"name": "Ada", "metadata": {"tier": "gold"}}, "customer.updated"),
    "list_customer_events": Sample(_customer),
    "create_secret_key": Sample(body={"note": "Till", "permissions": ["SECRET_KEY_READ"]}, event="secret_key.created"),
    "list_secret_keys": Sample(),
    "get_secret_key": Sample(_secret_key),
    "update_secret_key": Sample(_secret_key, {"note": "Till"}, "secret_key.updated"),
    "rotate_secret_key": Sample(_secret_key, {}, "secret_key.rotated"),
    "revoke_secret_key": Sample(_secret_key, {}, "secret_key.revoked"),
    "list_events": Sample(),
    "get_event": Sample(_event),
}
"""A new operation needs a line here, and is then under all rules of `test_every_*.py` and `test_openapi_fuzz.py`."""


def _those(chosen: Callable[[Operation], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", list(filter(chosen, OPERATIONS)), ids=lambda each: each.name)


every = _those(lambda _: True)
gets = _those(lambda each: each.method == "GET")
posts = _those(lambda each: each.method == "POST")
reads = _those(lambda each: each.kind == "read")
lists = _those(lambda each: each.kind == "list")
changes = _those(lambda each: each.kind == "change")
with_id = _those(lambda each: each.has_id)
posts_with_id = _those(lambda each: each.has_id and each.method == "POST")
showing_a_secret = _those(lambda each: each.shows_secret)


@dataclass
class Call:
    """A valid call of one operation; `send` sends it, or a variation of it, and holds what is true of every answer."""

    operation: Operation
    client: httpx.AsyncClient = field(repr=False)
    id: str | None
    body: dict[str, object] | None

    async def send(
        self,
        *,
        client: httpx.AsyncClient | None = None,
        method: str | None = None,
        named: str | None = None,
        **variation: Any,
    ) -> httpx.Response:
        """Send it as it is, or by another client, with another method or id, or with httpx's own arguments."""
        method = method or self.operation.method
        if method == "POST" and not {"json", "content", "data", "files"} & variation.keys():
            variation["json"] = self.body
        response = await (client or self.client).request(method, self.path(named), **variation)
        if method == self.operation.method:
            assert_documented(self.operation, response)
        assert_well_formed(response)
        return response

    def path(self, named: str | None = None) -> str:
        """Return the path, with the id of its object or another."""
        return self.operation.path.replace("{id}", named or self.id or "")


async def call(operation: Operation, shop: Shop, database: Database) -> Call:
    """Make the object that an operation needs; return a valid call of it."""
    sample = SAMPLES[operation.name]
    return Call(operation, shop.client, sample.made and await sample.made(shop, database), sample.body)


async def raw(app: ASGIApp, call: Call, query: bytes) -> httpx.Response:
    """Send a call past httpx, which would put a query string right."""

    async def with_query(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "query_string": query}, receive, send)

    key = call.client.headers["Authorization"].removeprefix("Bearer ")
    async with make.client(with_query, key) as client:
        return await call.send(client=client)


def assert_well_formed(response: httpx.Response) -> None:
    """Hold what api.md §1 and §3 say of every answer."""
    assert response.status_code < 500, response.text
    request_id = response.headers["X-Request-Id"]
    assert REQUEST_ID.fullmatch(request_id)
    if response.request.method == "HEAD" or response.status_code in (204, 304):
        assert response.content == b""
    elif response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["type"] == f"/docs/errors#{problem['code']}"
        assert problem["title"]
        assert problem["detail"]
        assert problem["requestId"] == request_id or "Idempotent-Replayed" in response.headers
    else:
        assert response.headers["Content-Type"] == "application/json"


def assert_documented(operation: Operation, response: httpx.Response) -> None:
    """Hold that the OpenAPI document has this answer: its status, its headers, its media type, its shape."""
    documented = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
    assert str(response.status_code) in documented, f"{operation.name} does not document {response.status_code}"
    answer = documented[str(response.status_code)]
    assert "X-Request-Id" in answer["headers"]
    for name in ("ETag", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate"):
        if name in response.headers and response.status_code < 400:
            assert name in answer["headers"], f"{operation.name} {response.status_code} does not document {name}"
    if "content" in answer:
        media_type, content = next(iter(answer["content"].items()))
        assert response.headers["Content-Type"] == media_type
        if response.status_code >= 400:
            assert f"`{response.json()['code']}`" in answer["description"]
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        jsonschema_rs.validate(schema, response.json())
    else:
        assert response.content == b""


def assert_invalid(response: httpx.Response, errors: set[tuple[str, str]]) -> None:
    """Hold that exactly these fields are named as wrong, each with its code."""
    assert response.status_code == 400, response.text
    assert response.json()["code"] == "validation_failed"
    found = {(error["field"], error["code"]) for error in response.json()["errors"]}
    assert found == errors, f"expected {errors}, got {found}"


def without_request_id(response: httpx.Response) -> dict[str, object]:
    """Return the problem that was answered, without what differs each time."""
    problem = response.json()
    del problem["requestId"]
    return problem


def headers(response: httpx.Response) -> dict[str, str]:
    """Return the headers of an answer, without what differs each time."""
    return {name: value for name, value in response.headers.items() if name != "x-request-id"}


def address(operation: Operation, named: str) -> str:
    """Return where the object that an operation is about can be read."""
    return f"/{operation.tag}/{named}"


def fields(operation: Operation) -> list[str]:
    """Return the names of the fields that an operation's body can have."""
    return [*DOCUMENT["components"]["schemas"][operation.body.__name__]["properties"]]


def filled(pattern: str, put_in: dict[str, str]) -> str:
    """Return a pattern with each of these words put in."""
    for word, value in put_in.items():
        pattern = pattern.replace(word, value)
    return pattern


def as_json(body: dict[str, object] | None) -> bytes:
    """Encode a body."""
    return json.dumps(body).encode()
