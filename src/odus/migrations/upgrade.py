"""Bringing a database up to date: Alembic, one process at a time."""

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

OLDEST_SERVER = 15
LOCK = 6_035_717_350_281
"""The advisory lock that lets one process migrate at a time: an arbitrary number of our own."""
LOCK_TIMEOUT = "5s"
"""How long a statement waits for a table that others use, rather than holding up all that come after it."""


class MigrationError(Exception):
    """One clear sentence for the person who started Odus."""


class DatabaseTooOldError(MigrationError):
    """The server is before PostgreSQL 15."""


async def upgrade(url: str) -> None:
    """Run the revisions that the database lacks. Raises `DatabaseTooOldError` for a server before PostgreSQL 15."""

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
    except DBAPIError as error:
        cause = error.orig and error.orig.__cause__
        raise (cause or error) from error
    except CommandError as error:
        raise MigrationError(f"The database is not one of this release: {error}.") from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    number = int(connection.execute(text("show server_version_num")).scalar_one())
    if number // 10_000 < OLDEST_SERVER:
        raise DatabaseTooOldError(f"PostgreSQL {OLDEST_SERVER} or later is needed; this server is {number // 10_000}.")
    connection.execute(text(f"select pg_advisory_lock({LOCK})"))  # before the limit: the first takes what it takes
    connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent))
    command.upgrade(config, "head")
    connection.commit()
