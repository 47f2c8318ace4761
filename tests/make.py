"""Rows and clients with sensible defaults."""

import os
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from litestar.types import ASGIApp

from odus.app import create_app
from odus.kit.db import Database
from odus.kit.permissions import Actor, Permission, Principal
from odus.merchants import actions as merchants
from odus.secret_keys import actions as secret_keys
from odus.secret_keys.model import SecretKeyCreate, SecretKeyWithValue
from odus.settings import Settings

EVERYTHING = frozenset(Permission)
PASSWORD = "Correct-horse-7"  # noqa: S105 - opens nothing


@dataclass
class Shop:
    """A merchant with a key of some permissions, and an HTTP client that shows it."""

    merchant_id: str
    key_id: str
    value: str = field(repr=False)
    client: httpx.AsyncClient = field(repr=False)


@asynccontextmanager
async def database(server_url: str) -> AsyncIterator[str]:
    """Make a new, empty database on a server, dropped in the end; yield its URL."""
    name = f"odus_test_{os.getpid()}_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"create database {name} template template0 encoding 'UTF8'")
        parts = urlsplit(server_url)
        yield urlunsplit(parts._replace(path=f"/{name}"))
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


def client(app: ASGIApp, value: str | None = None) -> httpx.AsyncClient:
    """Make a client of the application in this process, with a key's value or without."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    headers = {} if value is None else {"Authorization": f"Bearer {value}"}
    return httpx.AsyncClient(transport=transport, base_url="http://odus.test", headers=headers)


@asynccontextmanager
async def shop(app: ASGIApp, database: Database) -> AsyncIterator[Shop]:
    """Make a new merchant with a key that may do everything."""
    merchant = await merchants.create(database.write, who(""), "Corner Shop", "test")
    made = await key(database, merchant.id)
    async with client(app, made.value) as http:
        yield Shop(merchant.id, made.id, made.value, http)


async def key(
    database: Database, merchant_id: str, permissions: Iterable[Permission] = tuple(Permission)
) -> SecretKeyWithValue:
    """Make a new secret key of a merchant."""
    data = SecretKeyCreate(note="Test", permissions=list(permissions))
    return await secret_keys.create(database.write, who(merchant_id), data)


def who(merchant_id: str) -> Principal:
    """Whoever may do everything for a merchant."""
    return Principal(merchant_id=merchant_id, actor=Actor("system", "test"), permissions=EVERYTHING, request_id="")


async def customer(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    """Make a new customer over the API."""
    response = await client.post("/customers", json={"email": "jane@example.com", **fields})
    assert response.status_code == 201, response.text
    return response.json()


async def product(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    """Make a new product over the API."""
    response = await client.post("/products", json={"name": "Coffee club", **fields})
    assert response.status_code == 201, response.text
    return response.json()


async def price(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    """Make a new price over the API, paid once, of a new product, where nothing else is said."""
    body = {"name": "Standard", "type": "one_time", "currency": "usd", "amount": 2000, **fields}
    body = body if "product" in body else {**body, "product": (await product(client))["id"]}
    response = await client.post("/prices", json=body)
    assert response.status_code == 201, response.text
    return response.json()


async def recurring_price(client: httpx.AsyncClient, *amounts: int, **fields: object) -> dict[str, object]:
    """Make a new recurring price over the API, its cycles of a month each at these amounts."""
    cycles = [
        {"position": position, "amount": amount, "intervalUnit": "month", "intervalValue": 1}
        for position, amount in enumerate(amounts or (2000,), 1)
    ]
    more = {"type": "recurring", "amount": None, "billingSchedule": {"cycleDefinitions": cycles}}
    return await price(client, **{**more, **fields})


VISA, MASTERCARD = "4242424242424242", "5555555555554444"
CHALLENGED, APPROVED_ONCE = "4000000000003220", "4000000000000341"
DECLINED, INSUFFICIENT = "4000000000000002", "4000000000009995"
EXPIRED, FRAUD = "4000000000000069", "4100000000000019"
"""Cards of the sandbox (payments.md §1)."""


def card(number: str = VISA, **fields: object) -> dict[str, object]:
    """Return a card as a payer types it."""
    return {"number": number, "expMonth": "12", "expYear": "2040", "cvc": "123", "cardholderName": "Jane", **fields}


async def payment(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    """Make a new payment over the API, of 42 dollars where nothing else is said."""
    body = {"currency": "usd", **({} if "cart" in fields else {"amount": 4200}), **fields}
    response = await client.post("/payments", json=body)
    assert response.status_code == 201, response.text
    return response.json()


async def paid(client: httpx.AsyncClient, number: str = VISA, **fields: object) -> dict[str, object]:
    """Make a new payment over the API and authorize it by a card; whatever comes of it."""
    made = await payment(client, **fields)
    response = await client.post(f"/payments/{made['id']}/authorize", json={"card": card(number)})
    assert response.status_code == 200, response.text
    return response.json()


async def subscription(client: httpx.AsyncClient, number: str = VISA, **fields: object) -> dict[str, object]:
    """Make a new subscription over the API: a customer pays for a monthly price, of 20 dollars if nothing is said."""
    payer = {"customer": fields.pop("customer", None) or (await customer(client))["id"]}
    price = fields.pop("price", None) or (await recurring_price(client))["id"]
    item = {"price": price, "quantity": fields.pop("quantity", 1)}
    made = await paid(client, number, **payer, cart={"items": [item]}, **fields)
    return (await client.get(f"/subscriptions/{made['subscription']}")).json()


async def user(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    """Make a new user over the API."""
    body = {"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD, "role": "developer", **fields}
    response = await client.post("/users", json=body)
    assert response.status_code == 201, response.text
    return response.json()


def another_process(database: Database) -> ASGIApp:
    """Make the application as another process runs it, which has looked up no key yet."""
    return create_app(Settings(log_level="error"), database)


async def snapshot(database: Database) -> dict[str, list[str]]:
    """All rows of all tables, but for when a key and a session were last used.

    It is what two looks must agree on where nothing happened.
    """
    tables = await database.read.rows("select tablename from pg_tables where schemaname = current_schema() order by 1")
    looks = " union all ".join(_ROWS.replace("TABLE", table) for (table,) in tables)
    found: dict[str, list[str]] = {table: [] for (table,) in tables}
    for row in await database.read.rows(f"{looks} order by 1, 2"):
        found[row["name"]].append(row["row"])
    return found


_ROWS = "select 'TABLE' as name, (to_jsonb(this) - 'last_used_at' - 'seen_at')::text as row from TABLE as this"
"""Of one table; all of them are one statement, as most tests look twice."""
