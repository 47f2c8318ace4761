"""What the commands of the command line do, apart from how they are said."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeVar

import asyncpg
import msgspec

from odus import keeper, server
from odus.demo import prepare
from odus.kit import bodies, db, problems
from odus.kit.db import Database
from odus.kit.embedded import EmbeddedError
from odus.kit.permissions import Actor, Permission, Principal
from odus.kit.problems import Problem
from odus.kit.times import now
from odus.kit.versions import IfMatch
from odus.merchants import actions as merchants
from odus.merchants import queries as merchant_queries
from odus.merchants.model import Environment, Merchant
from odus.migrations.upgrade import MigrationError, knows_all_letters, upgrade
from odus.secret_keys import actions as secret_keys
from odus.secret_keys import queries as secret_key_queries
from odus.secret_keys.model import SecretKey, SecretKeyCreate, SecretKeyWithValue
from odus.seed import Wanted, fill, pay
from odus.settings import Settings, SettingsError
from odus.users import actions as users
from odus.users.model import User, UserCreate

T = TypeVar("T")

ERRORS = (
    EmbeddedError,
    MigrationError,
    Problem,
    SettingsError,
    server.PortTakenError,
    server.WorkersError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
    UnicodeEncodeError,
)
"""What a command may end in that is no fault of the program."""

_ALL = frozenset(Permission)


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve the API; see `server.serve`. `say` is told where it starts without its database."""
    with server.running(settings) as ready:
        if settings.database_url:
            asyncio.run(_look_for(settings.database_url, say, "Requests are answered 503"))
        else:
            asyncio.run(upgrade(ready.database_url))
        with keeper.worker(ready, wanted=_runs_jobs(settings)):
            server.serve(ready)


def demo(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve with sample data; `say` is told the address and the key."""
    with server.running(settings) as ready:
        asyncio.run(upgrade(ready.database_url))
        say(asyncio.run(_on(ready, lambda database: prepare(database, ready))))
        with keeper.worker(ready, wanted=_runs_jobs(settings)):
            server.serve(ready)


def work(settings: Settings, say: Callable[[str], None]) -> None:
    """Run a worker; see `worker.run`. `say` is told where it starts without its database."""
    from odus import worker  # noqa: PLC0415 - only a worker needs the queue and all features

    with server.staying(settings) as ready:
        if settings.database_url:
            asyncio.run(_look_for(settings.database_url, say, "Jobs wait"))
        else:
            asyncio.run(upgrade(ready.database_url))
        worker.run(ready)


def migrate(settings: Settings, say: Callable[[str], None]) -> None:
    """Bring the schema up to date; `say` is told of what makes lists slow."""
    with server.database(settings) as ready:
        asyncio.run(upgrade(ready.database_url))
        if not asyncio.run(knows_all_letters(ready.database_url)):
            say(
                "The database's lc_ctype is C, so its indexes see no letters beyond ASCII:"
                " finding parts of names and emails that have them will be slow."
            )


def openapi() -> bytes:
    """Return the OpenAPI document."""
    from odus.app import HANDLERS  # noqa: PLC0415 - it loads the metrics, which must know their directory first
    from odus.kit.openapi import document  # noqa: PLC0415 - the same

    return msgspec.json.format(msgspec.json.encode(document(HANDLERS)))


def create_merchant(settings: Settings, name: str, environment: Environment) -> Merchant:
    """Make a merchant."""
    return _run(settings, lambda database: merchants.create(database.write, _operator(""), name, environment))


def create_key(settings: Settings, merchant_id: str | None, body: Mapping[str, object]) -> SecretKeyWithValue:
    """Make a secret key from what `POST /secret-keys` takes."""
    data = bodies.decoder(SecretKeyCreate)(bodies.encode(body))

    async def create(database: Database) -> SecretKeyWithValue:
        who = _operator(await _merchant(database, merchant_id))
        return await secret_keys.create(database.write, who, data)

    return _run(settings, create)


def create_user(settings: Settings, merchant_id: str | None, body: Mapping[str, object]) -> User:
    """Make a user from what `POST /users` takes."""
    data = bodies.decoder(UserCreate)(bodies.encode(body))

    async def create(database: Database) -> User:
        return await users.create(database.write, _operator(await _merchant(database, merchant_id)), data)

    return _run(settings, create)


def list_keys(settings: Settings, merchant_id: str | None) -> list[tuple[SecretKey, str]]:
    """Return a merchant's keys, each with its state in a word."""

    async def search(database: Database) -> list[SecretKey]:
        return await secret_key_queries.every(database.read, await _merchant(database, merchant_id))

    return [(key, _state(key)) for key in _run(settings, search)]


def revoke_key(settings: Settings, merchant_id: str | None, key_id: str) -> SecretKey:
    """End a key."""

    async def revoke(database: Database) -> SecretKey:
        who = _operator(await _merchant(database, merchant_id))
        return await secret_keys.revoke(database.write, who, key_id, IfMatch())

    return _run(settings, revoke)


def seed_customers(
    settings: Settings,
    merchant_id: str | None,
    wanted: Wanted,
    payments: int,
    bar: Callable[[str, int], AbstractContextManager[Callable[[int], None]]],
) -> tuple[str, float]:
    """Write made-up customers to a test merchant, and payments of theirs; return its id and the seconds it took.

    `bar` shows how far a work of a title and a size is.
    """

    async def write(database: Database) -> tuple[str, float]:
        merchant = await _merchant(database, merchant_id)
        began = time.monotonic()
        with bar("Writing customers", wanted.count) as advance:
            payers = await fill(database.write, merchant, wanted, advance)
        took = time.monotonic() - began
        if payments:
            with bar("Making payments", payments) as advance:
                await pay(database.write, merchant, payers, payments, advance)
        return merchant, took

    return _run(settings, write)


def sentence(error: BaseException) -> str:
    """Say in one sentence what went wrong, for the person at the terminal."""
    match error:
        case Problem(errors=[]):
            return error.detail
        case Problem():
            return "; ".join(f"{each.field} {each.message}" for each in error.errors) + "."
        case asyncpg.UndefinedTableError():
            return "The database has no tables yet: run `odus migrate`."
        case UnicodeEncodeError():
            return "The command line is not UTF-8."
        case asyncpg.PostgresError() | asyncpg.InterfaceError() | TimeoutError() | OSError():
            return f"The database cannot be used: {str(error) or 'it does not answer'}."
        case _:
            return str(error)


def _run(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do something with the database; the embedded one, brought up to date, joined or started for the while."""
    with server.database(settings) as ready:
        return asyncio.run(_on(ready, work, is_ours=not settings.database_url))


async def _on(settings: Settings, work: Callable[[Database], Awaitable[T]], *, is_ours: bool = False) -> T:
    if is_ours:
        await upgrade(settings.database_url)
    async with db.connect(settings.database_url, 1) as database:
        return await work(database)


async def _look_for(url: str, say: Callable[[str], None], meanwhile: str) -> None:
    """Say where the database cannot be used yet, and what follows; raises where it never can, as the URL is wrong."""
    try:
        connection = await asyncpg.connect(url, timeout=db.CONNECT_SECONDS)
        await connection.close()
    except asyncpg.ClientConfigurationError:
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        say(f"odus: {sentence(error)} {meanwhile} until it can.")


def _runs_jobs(settings: Settings) -> bool:
    """Tell whether a server has a worker beside it: the embedded PostgreSQL has nobody else to think of one."""
    return not settings.database_url if settings.jobs is None else settings.jobs


def _operator(merchant_id: str) -> Principal:
    """Return who acts when a person at the server's own command line does: it may do everything."""
    return Principal(merchant_id=merchant_id, actor=Actor("system", "command line"), permissions=_ALL, request_id="")


async def _merchant(database: Database, merchant_id: str | None) -> str:
    """Return the merchant that is meant, which need not be named where there is only one."""
    known = [merchant.id for merchant in await merchant_queries.search(database.read)]
    if merchant_id is not None:
        if merchant_id not in known:
            raise problems.NOT_FOUND(f"There is no merchant {merchant_id}.")
        return merchant_id
    if len(known) != 1:
        count = f"There are {len(known)} merchants" if known else "There is no merchant yet"
        hint = "name one with --merchant" if known else "make one with `odus merchants create`"
        raise problems.NOT_FOUND(f"{count}: {hint}.")
    return known[0]


def _state(key: SecretKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now() else "valid"
