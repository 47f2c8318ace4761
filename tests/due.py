"""Things that fall due in a table of the tests, and the `odus` that does them: `worker` and `serve` as they are."""

import os
import stat
import sys
from pathlib import Path

import asyncpg

from odus.kit import addresses
from odus.kit.db import Database, Read
from odus.kit.jobs import Due

HELD = 4242
"""The advisory lock that a thing waits for whose key begins with `held`."""

TABLES = """
create table things (key text primary key, due_at timestamptz, done int not null default 0, worker int,
    link text);
create table begun (key text, worker int);
"""

_SCRIPT = """#!{python}
import sys
sys.path.insert(0, {root!r})
from tests.due import main
main()
"""


async def find(read: Read, limit: int) -> list[str]:
    """Return what is due."""
    rows = await read.rows("select key from things where due_at <= now() order by due_at, key limit $1", limit)
    return [row["key"] for row in rows]


async def run(database: Database, key: str) -> None:
    """Do a thing, once; say that it is begun, and wait for the lock where it is held."""
    await database.write.run("insert into begun values ($1, $2)", key, os.getpid())
    if key.startswith("held"):
        await database.write.run("select pg_advisory_xact_lock_shared($1)", HELD)
    await database.write.run(
        "update things set due_at = null, done = done + 1, worker = $2, link = $3 where key = $1 and due_at <= now()",
        key,
        os.getpid(),
        addresses.absolute("/thing"),
    )


DUE = Due("things", find, run)


async def add(connection: asyncpg.Connection, *keys: str) -> None:
    """Let things be due."""
    await connection.executemany("insert into things values ($1, now())", [(key,) for key in keys])


async def begun(connection: asyncpg.Connection) -> list[tuple[str, int]]:
    """Return what was begun by whom."""
    return [tuple(row) for row in await connection.fetch("select key, worker from begun")]


async def done(connection: asyncpg.Connection) -> dict[str, int]:
    """Return what was done, and how often."""
    return {row["key"]: row["done"] for row in await connection.fetch("select key, done from things where done > 0")}


def script(directory: Path) -> Path:
    """Write a program that is `odus`, with the things among what falls due."""
    path = directory / "odus"
    path.write_text(_SCRIPT.format(python=sys.executable, root=str(Path(__file__).parents[1])))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def main() -> None:
    """Run a command of `odus`."""
    from odus import cli, worker  # noqa: PLC0415 - only the program needs them

    worker.DUES.append(DUE)
    cli.main()
