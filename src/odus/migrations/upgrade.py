"""Bringing a database up to date."""

import asyncpg

from odus.migrations import HEAD

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
    """Run the revisions that the database lacks.

    Raises `DatabaseTooOldError` for a server before PostgreSQL 15, `MigrationError` for a database of a later release.
    """
    if await _revision(url) == HEAD:
        return
    from odus.migrations import revisions  # noqa: PLC0415 - Alembic is half of a start, and mostly not needed

    if reason := await revisions.run(url, LOCK, LOCK_TIMEOUT):
        raise MigrationError(f"The database is not one of this release: {reason}.")


async def knows_all_letters(url: str) -> bool:
    """Tell whether the indexes of trigrams see letters beyond ASCII, as they do but where `lc_ctype` is `C`."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select show_trgm('\u00e4') <> '{}'")
    finally:
        await connection.close()


async def _revision(url: str) -> str | None:
    """Return the revision that a database is at, or None for a new one."""
    connection = await asyncpg.connect(url, server_settings={"lock_timeout": LOCK_TIMEOUT})
    try:
        server = connection.get_server_version().major
        if server < OLDEST_SERVER:
            raise DatabaseTooOldError(f"PostgreSQL {OLDEST_SERVER} or later is needed; this server is {server}.")
        return await connection.fetchval("select version_num from alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()
