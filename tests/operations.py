"""A valid call of every operation, and what is true of every answer: the tests over all endpoints are made from it."""

import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from itertools import count
from typing import Any

import httpx
import jsonschema_rs
import pytest
from litestar.types import ASGIApp, Receive, Scope, Send

from odus.app import HANDLERS
from odus.kit.db import Database, Write
from odus.kit.endpoints import Operation
from odus.kit.openapi import document, operations
from odus.kit.permissions import Permission
from odus.kit.times import Moment
from tests import make
from tests.make import Shop

OPERATIONS = operations(HANDLERS)
DOCUMENT = document(HANDLERS)
BEGIN = Moment.parse("2040-01-01T00:00:00.000Z")
REQUEST_ID = re.compile(r"req_[0-9A-Za-z]{27}")


async def _customer(shop: Shop, _: Database) -> str:
    return str((await make.customer(shop.client))["id"])


async def _secret_key(shop: Shop, database: Database) -> str:
    return (await make.key(database, shop.merchant_id, [Permission.SECRET_KEY_READ])).id


async def _user(shop: Shop, _: Database) -> str:
    return str((await make.user(shop.client))["id"])


async def _gateway_profile(shop: Shop, _: Database) -> str:
    body = {"title": "Sandbox", "integration": "sandbox"}
    return (await shop.client.post("/gateway-profiles", json=body)).json()["id"]


async def _merchant_config(shop: Shop, _: Database) -> str:
    return (await shop.client.get("/merchant-configs")).json()["data"][0]["id"]


async def _product(shop: Shop, _: Database) -> str:
    return str((await make.product(shop.client))["id"])


async def _price(shop: Shop, _: Database) -> str:
    return str((await make.price(shop.client))["id"])


async def _payment(shop: Shop, _: Database) -> str:
    return str((await make.payment(shop.client))["id"])


async def _authorized(shop: Shop, _: Database) -> str:
    return str((await make.paid(shop.client, paymentMethodOptions={"captureMethod": "manual"}))["id"])


async def _paid(shop: Shop, _: Database) -> str:
    return str((await make.paid(shop.client, customer=await _customer(shop, _)))["id"])


async def _challenged(shop: Shop, _: Database) -> str:
    return str((await make.paid(shop.client, make.CHALLENGED))["id"])


async def _payment_method(shop: Shop, _: Database) -> str:
    customer = (await make.customer(shop.client))["id"]
    await make.paid(shop.client, make.MASTERCARD, customer=customer)
    return str((await make.paid(shop.client, customer=customer))["paymentMethod"])


async def _subscription(shop: Shop, _: Database) -> str:
    cart = {"items": [{"price": (await make.recurring_price(shop.client))["id"]}]}
    return str((await make.paid(shop.client, customer=await _customer(shop, _), cart=cart))["subscription"])


async def _ending(shop: Shop, _: Database) -> str:
    made = await _subscription(shop, _)
    await shop.client.post(f"/subscriptions/{made}/cancel", json={})
    return made


async def _event(shop: Shop, _: Database) -> str:
    return (await shop.client.get("/events")).json()["data"][0]["id"]


_minutes = count()


@dataclass(frozen=True)
class Sample:
    """How an operation is called so that it succeeds and, where it writes, changes something.

    `made` makes the object that the path names and returns its id. `body` must be possible for a key that has no
    permission but the operation's own. `event` is the type of the event that a write causes. `unique` is the field of
    the body, an email, that no two objects may share. `once` says that it can be done once to an object, and a retry
    past its time is a conflict. `later` is the field of the body that takes a moment after any before,
    which a retry past its time names in vain. `names` is the field of the body that takes the id of what `made`
    made, where the path does not.
    """

    made: Callable[[Shop, Database], Awaitable[str]] | None = None
    body: dict[str, object] | None = None
    event: str | None = None
    unique: str | None = None
    once: bool = False
    later: str | None = None
    names: str | None = None


SAMPLES = {
    "create_customer": Sample(body={"email": "ada@example.com", "name": "Ada"}, event="customer.created"),
    "get_customer": Sample(_customer),
    "update_customer": Sample(_customer, {"name": "Ada", "metadata": {"tier": "gold"}}, "customer.updated"),
    "list_customer_events": Sample(_customer),
    "create_payment": Sample(_customer, {"amount": 4200, "currency": "usd"}, "payment.created", names="customer"),
    "list_payments": Sample(),
    "get_payment": Sample(_payment),
    "update_payment": Sample(_payment, {"metadata": {"order": "1042"}}, "payment.updated"),
    "authorize_payment": Sample(_payment, {"card": make.card(make.VISA)}, "payment.updated"),
    "complete_payment_action": Sample(_challenged, {"outcome": "succeeded"}, "payment.updated"),
    "capture_payment": Sample(_authorized, {"amount": 4000}, "payment.updated"),
    "cancel_payment": Sample(_payment, {}, "payment.updated"),
    "reverse_payment": Sample(_paid, {"amount": 2100}, "payment.updated"),
    "record_payment_chargeback": Sample(_paid, {}, "payment.updated", once=True),
    "list_payment_methods": Sample(),
    "get_payment_method": Sample(_payment_method),
    "update_payment_method": Sample(_payment_method, {"isDefault": True}, "payment_method.updated"),
    "detach_payment_method": Sample(_payment_method, {}, "payment_method.detached", once=True),
    "list_subscriptions": Sample(),
    "get_subscription": Sample(_subscription),
    "update_subscription": Sample(_subscription, {"metadata": {"plan": "family"}}, "subscription.updated"),
    "cancel_subscription": Sample(_subscription, {"cancelImmediately": True}, "subscription.updated", once=True),
    "resume_subscription": Sample(_ending, {}, "subscription.updated", once=True),
    "get_test_clock": Sample(),
    "advance_test_clock": Sample(body={"to": "2040-01-01T00:00:00.000Z"}, later="to"),
    "create_product": Sample(body={"name": "Tea club", "statementDescriptor": "TEA CLUB"}, event="product.created"),
    "list_products": Sample(),
    "get_product": Sample(_product),
    "update_product": Sample(_product, {"active": False, "metadata": {"shelf": "A4"}}, "product.updated"),
    "create_price": Sample(
        _product,
        {"name": "Once", "type": "one_time", "currency": "usd", "amount": 2000},
        "price.created",
        names="product",
    ),
    "list_prices": Sample(),
    "get_price": Sample(_price),
    "update_price": Sample(_price, {"name": "Old", "active": False}, "price.updated"),
    "create_secret_key": Sample(body={"note": "Till", "permissions": ["SECRET_KEY_READ"]}, event="secret_key.created"),
    "list_secret_keys": Sample(),
    "get_secret_key": Sample(_secret_key),
    "update_secret_key": Sample(_secret_key, {"note": "Till"}, "secret_key.updated"),
    "rotate_secret_key": Sample(_secret_key, {}, "secret_key.rotated"),
    "revoke_secret_key": Sample(_secret_key, {}, "secret_key.revoked"),
    "create_user": Sample(
        body={"email": "ada@example.com", "password": make.PASSWORD, "role": "developer"},
        event="user.created",
        unique="email",
    ),
    "list_users": Sample(),
    "get_user": Sample(_user),
    "update_user": Sample(_user, {"firstName": "Ada", "password": make.PASSWORD + "2"}, "user.updated"),
    "remove_user": Sample(_user, {}, "user.removed"),
    "create_gateway_profile": Sample(
        body={"title": "Second sandbox", "integration": "sandbox"}, event="gateway_profile.created"
    ),
    "list_gateway_profiles": Sample(),
    "get_gateway_profile": Sample(_gateway_profile),
    "update_gateway_profile": Sample(_gateway_profile, {"title": "Main sandbox"}, "gateway_profile.updated"),
    "list_merchant_configs": Sample(),
    "get_merchant_config": Sample(_merchant_config),
    "update_merchant_config": Sample(
        _merchant_config,
        {"captureMethod": "automaticDelayed", "captureDelay": 2, "timezone": "Europe/Vienna"},
        "merchant_config.updated",
    ),
    "list_customers": Sample(),
    "list_events": Sample(),
    "get_event": Sample(_event),
}
"""A new operation needs a line here, and is then under all rules of `test_every_*.py` and `test_openapi_fuzz.py`."""


def _those(chosen: Callable[[Operation], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", list(filter(chosen, OPERATIONS)), ids=lambda each: each.name)


every = _those(lambda _: True)
gets = _those(lambda each: each.method == "GET")
posts = _those(lambda each: each.method == "POST")
reads = _those(lambda each: each.kind == "read" and each.has_version)
lists = _those(lambda each: each.kind == "list")
changes = _those(lambda each: each.kind == "change" and each.has_version)
writes = _those(lambda each: each.method == "POST" and each.has_version)
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
    write: Write = field(repr=False)

    async def attempt(self, **variation: Any) -> httpx.Response:
        """Send a variation, and undo what it does where it succeeds, so that the next one finds all as this one did."""
        await self.write.run("savepoint attempted")
        response = await self.send(**variation)
        if response.status_code < 400:
            await self.write.run("rollback to savepoint attempted")
        await self.write.run("release savepoint attempted")
        return response

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

    def another_body(self) -> dict[str, object]:
        """Return the body that makes another object."""
        sample, body = SAMPLES[self.operation.name], {**(self.body or {})}
        if sample.unique:
            body[sample.unique] = f"{secrets.token_hex(8)}@example.com"
        if sample.later:
            body[sample.later] = str(Moment.of(BEGIN + timedelta(minutes=next(_minutes))))
        return body

    def example(self) -> dict[str, object]:
        """Return the body that the reference shows, about what was made here."""
        names = SAMPLES[self.operation.name].names
        return {**(self.operation.example or {}), **({names: self.id} if names else {})}

    def path(self, named: str | None = None) -> str:
        """Return the path, with the id of its object or another."""
        return self.operation.path.replace("{id}", named or self.id or "")


async def call(operation: Operation, shop: Shop, database: Database) -> Call:
    """Make the object that an operation needs; return a valid call of it."""
    sample = SAMPLES[operation.name]
    make = sample.made and partial(sample.made, shop, database)
    made = Call(operation, shop.client, make and await make(), sample.body, database.write)
    made.body = sample.body and made.another_body()
    if made.body and sample.names:
        made.body[sample.names] = made.id
    return made


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
        (media_type,) = answer["content"]
        assert response.headers["Content-Type"] == media_type
        if response.status_code >= 400:
            assert f"`{response.json()['code']}`" in answer["description"]
        _validator(operation.path, operation.method.lower(), str(response.status_code)).validate(response.json())
    else:
        assert response.content == b""


@cache
def _validator(path: str, method: str, status: str) -> jsonschema_rs.Validator:
    """Compile what an answer must fit, once: it takes longer than most requests."""
    (content,) = DOCUMENT["paths"][path][method]["responses"][status]["content"].values()
    return jsonschema_rs.validator_for({**content["schema"], "components": DOCUMENT["components"]})


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
