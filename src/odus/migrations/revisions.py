"""Running the revisions that a database lacks: Alembic, one process at a time."""

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


async def run(url: str, lock: int, lock_timeout: str) -> str:
    """Run what is lacking, and return what Alembic cannot make sense of in this database, mostly nothing.

    `lock` is the advisory lock that one process at a time may have, `lock_timeout` how long a statement waits for a
    table. What the database refuses is raised as asyncpg says it.
    """

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade, lock, lock_timeout)
    except DBAPIError as error:
        cause = error.orig and error.orig.__cause__
        raise (cause or error) from error
    except CommandError as error:
        return str(error)
    finally:
        await engine.dispose()
    return ""


def _upgrade(connection: Connection, lock: int, lock_timeout: str) -> None:
    connection.execute(text(f"select pg_advisory_lock({lock})"))  # before the limit: the first takes what it takes
    connection.execute(text(f"set lock_timeout = '{lock_timeout}'"))
    connection.commit()
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent))
    command.upgrade(config, "head")
    connection.commit()
