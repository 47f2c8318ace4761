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


def another_process(database: Database) -> ASGIApp:
    """Make the application as another process runs it, which has looked up no key yet."""
    return create_app(Settings(log_level="error"), database)


async def snapshot(database: Database) -> dict[str, list[str]]:
    """All rows of all tables, but for when a key was last used: what two looks must agree on where nothing happened."""
    tables = await database.read.rows("select tablename from pg_tables where schemaname = current_schema() order by 1")
    return {
        table: [row["row"] for row in await database.read.rows(_ROWS.replace("TABLE", table))] for (table,) in tables
    }


_ROWS = "select (to_jsonb(this) - 'last_used_at')::text as row from TABLE as this order by 1"
