"""What was paid is restored as it was: the rules on how payments come to be do not stand in the way."""

import asyncio
from pathlib import Path

import pytest

from odus.app import create_app
from odus.kit import db, embedded
from odus.kit.db import Database
from odus.migrations.upgrade import upgrade
from odus.settings import Settings
from tests import make, processes
from tests.payments.test_database import STATES, put

OF_THE_SERVER = {"alembic_version", "count_horizons", "kept_counts"}
"""Tables that say nothing of what happened; nor do the logs of changes."""


async def run(*command: str | Path) -> None:
    """Run a tool of PostgreSQL."""
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


async def kept(database: Database) -> dict[str, list[str]]:
    """Return all that must be there again."""
    found = await make.snapshot(database)
    return {name: rows for name, rows in found.items() if name not in OF_THE_SERVER and not name.endswith("_changes")}


@pytest.mark.parametrize("how", [("--no-owner",), ("--data-only", "--disable-triggers")], ids=["whole", "data alone"])
async def test_payments_of_every_state_are_restored(how: tuple[str, ...]) -> None:
    with processes.data_dir() as folder, embedded.start(folder) as server:
        async with make.database(server.dsn) as first, make.database(server.dsn) as second:
            await upgrade(first)
            async with db.connect(first, 2) as database:
                async with make.shop(create_app(Settings(log_level="error"), database), database) as shop:
                    for state in STATES:
                        await put(shop.client, state)
                before = await kept(database)
            assert len(before["payments"]) == len(STATES)
            await run(server.bin / "pg_dump", "-Fc", "-f", folder / "odus.dump", first)
            async with db.connect(second, 2) as database:
                if "--data-only" in how:
                    await upgrade(second)
                    await database.write.run("truncate alembic_version, count_epoch")
                await run(server.bin / "pg_restore", *how, "-d", second, folder / "odus.dump")
                assert await kept(database) == before
