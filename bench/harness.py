"""The bench: what figures share while they are measured, which is the data, the repeats and the progress."""

import asyncio
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec
from rich.progress import Progress

from bench import load, seed
from bench.figure import BenchError, Race, Sample
from bench.load import Kind, Load, Script
from bench.seed import Seeded
from bench.server import Server, serving
from odus.kit import embedded

WARM_UP_SECONDS = 2
WORKERS = 2
SMALL = 10_000
"""Customers of the data that shows what more of them cost."""


class Options(msgspec.Struct, frozen=True):
    """How large and how long; `seconds` is one run of one side."""

    customers: int
    seconds: int
    repeats: int


class Bench:
    """A benchmark: its directory, its data once it is seeded, and its progress on the terminal."""

    def __init__(self, options: Options, directory: Path, progress: Progress) -> None:
        """Keep all files in a directory, which PostgreSQL's user must be able to pass where root runs this."""
        self.options = options
        self.directory = directory
        self._progress = progress
        self._seeded: Seeded | None = None
        self._small: Seeded | None = None

    def seeded(self) -> Seeded:
        """Return the data of all figures, made when the first of them asks."""
        if self._seeded is None:
            self._seeded = self._seed(self.directory / "data", self.options.customers)
        return self._seeded

    def small(self) -> Seeded:
        """Return data of few customers, in a database of their own."""
        if self._small is None:
            self._small = self._seed(self.directory / "small", SMALL)
        return self._small

    def race(self, kind: Kind, reference: Callable[[Server, Seeded], Script]) -> Race:
        """Let wrk load a server and pgbench load its database by turns: what disturbs the machine disturbs both."""
        seeded = self.seeded()
        ours: list[Sample] = []
        theirs: list[Sample] = []
        lengths = [WARM_UP_SECONDS, *[self.options.seconds] * self.options.repeats]
        bar = self.steps(f"{kind}: wrk and pgbench by turns", 2 * len(lengths))
        with serving(seeded.data_dir, WORKERS) as server, bar as step:
            script = reference(server, seeded)
            for seconds in lengths:
                ours.append(load.wrk(server, seeded, Load(kind, seconds)))
                step(1)
                theirs.append(load.pgbench(server, script, seconds))
                step(1)
        return Race(ours[1:], theirs[1:])

    @contextmanager
    def steps(self, title: str, total: int) -> Generator[Callable[[float], None]]:
        """Show a bar; the function that is yielded moves it on by so many."""
        task = self._progress.add_task(title, total=total)
        yield lambda by: self._progress.advance(task, by)
        self._progress.update(task, completed=total)  # shares of 1 do not quite make 1

    def _seed(self, data_dir: Path, count: int) -> Seeded:
        bar = self.steps(f"seeding {count:,} customers", 1)
        with embedded.start(data_dir, self._progress.console.print) as database, bar as step:
            merchant_id, key = seed.make_merchant(data_dir)
            seed.copy_customers(database.dsn, merchant_id, count, step)
            asyncio.run(_check_durable(database.dsn))
        return Seeded(data_dir, merchant_id, key, count)


@contextmanager
def temporary_directory() -> Generator[Path]:
    """Make a directory that every user can pass through."""
    with tempfile.TemporaryDirectory(prefix="odus-bench-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def _check_durable(dsn: str) -> None:
    """Raise where a commit would be answered before it is on the disk: no figure would be worth anything."""
    connection = await asyncpg.connect(dsn)
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if await connection.fetchval("select current_setting($1)", setting) != "on":
                raise BenchError(f"PostgreSQL runs with {setting} off.")
    finally:
        await connection.close()
