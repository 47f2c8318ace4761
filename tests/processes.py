"""Odus as real processes: `odus serve` on data of its own and a free port, its process numbers, and its sure end."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg
import httpx
import psutil

from odus.kit.db import Database
from odus.merchants import actions as merchants
from tests import make
from tests.make import Shop

ODUS = Path(sys.executable).with_name("odus")
PATIENCE = 60.0
"""Seconds in which whatever a test waits for must have happened, also on a busy machine."""


@dataclass
class Server:
    """A running `odus serve`; `data_dir` is where its embedded PostgreSQL lives, None where it uses another."""

    process: subprocess.Popen[bytes]
    port: int
    workers_wanted: int
    data_dir: Path | None
    errors: Path
    seen: set[psutil.Process] = field(default_factory=set)
    """Whatever was ever seen of its processes, to be ended in the end."""

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The number of the process that was started."""
        return self.process.pid

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes: those of its children that listen on its port."""
        return [child for child in self.children() if listens(child, self.port)]

    def watcher(self) -> psutil.Process:
        """Return the process that watches PostgreSQL: the first child."""
        return min(self.children(), key=lambda child: child.create_time())

    def children(self) -> list[psutil.Process]:
        """Return the processes that it forked, which are all of its own program."""
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.pid)
            found = [child for child in main.children() if lives(child) and child.name() == main.name()]
            self.seen.update(found)
            return found
        return []

    def family(self) -> list[psutil.Process]:
        """Return its children and theirs, such as the worker of the jobs."""
        found = [process for child in self.children() for process in (child, *child.children()) if lives(process)]
        self.seen.update(found)
        return found

    def postmaster(self) -> psutil.Process:
        """Return the embedded PostgreSQL."""
        assert self.data_dir
        return postmaster(self.data_dir)

    def is_ready(self) -> bool:
        """Tell whether all workers listen and one of them reaches the database."""
        assert self.process.poll() is None, f"odus serve ended with {self.process.returncode}: {self.said()}"
        with suppress(httpx.TransportError):
            response = httpx.get(f"{self.url}/health/ready", timeout=5)
            return response.status_code == 200 and len(self.workers()) == self.workers_wanted
        return False

    def wait_until_ready(self) -> None:
        """Wait until it serves with all its workers."""
        eventually(self.is_ready)

    def said(self) -> str:
        """Return what it wrote on standard error, but for the log."""
        lines = self.errors.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith("{"))

    def logged(self) -> str:
        """Return all that it wrote on standard error."""
        return self.errors.read_text(errors="replace")


@contextmanager
def data_dir() -> Iterator[Path]:
    """Make a directory for data, removed in the end together with the PostgreSQL that may be left in it."""
    path = Path(tempfile.mkdtemp(prefix="odus-faults-"))
    try:
        yield path
    finally:
        with suppress(psutil.NoSuchProcess, OSError, ValueError, IndexError):
            end([postmaster(path)])
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def copied(template: Path) -> Iterator[Path]:
    """Make a copy of a data directory that nothing runs on, which saves making a cluster."""
    with data_dir() as path:
        owner = template.stat()
        shutil.copytree(template, path, dirs_exist_ok=True)
        os.chown(path, owner.st_uid, owner.st_gid)
        for inner in path.rglob("*"):
            os.chown(inner, owner.st_uid, owner.st_gid, follow_symlinks=False)
        yield path


@contextmanager
def serving(
    data: Path | None = None, *options: str, workers: int = 2, port: int | None = None, **environment: str
) -> Iterator[Server]:
    """Start `odus serve` and wait until it is ready; in the end it is stopped, and whatever it left is killed."""
    with started(data, *options, workers=workers, port=port, **environment) as server:
        server.wait_until_ready()
        yield server


@contextmanager
def started(
    data: Path | None, *options: str, workers: int = 2, port: int | None = None, **environment: str
) -> Iterator[Server]:
    """Start `odus serve`; in the end it is stopped, and whatever it left is killed.

    What the environment says is not said by options too.
    """
    port = port or free_port()
    chosen = {"--data-dir": data, "--port": port, "--workers": workers}
    said = {name: str(value) for name, value in chosen.items() if value and _variable(name) not in environment}
    command = [ODUS, "serve", *(part for pair in said.items() for part in pair), *options]
    with tempfile.TemporaryDirectory(prefix="odus-faults-") as own, (Path(own) / "errors").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=log, env=clean({"TMPDIR": own, **environment}), process_group=0
        )
        server = Server(process, port, workers, data, Path(log.name))
        try:
            yield server
        finally:
            with suppress(psutil.NoSuchProcess):
                server.family()
            stop(process)
            end(server.seen)


def _variable(option: str) -> str:
    return f"ODUS_{option.removeprefix('--').upper().replace('-', '_')}"


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server in order, or, where it takes too long, by force."""
    process.terminate()
    try:
        process.wait(PATIENCE / 2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(
    *arguments: str | bytes, timeout: float = 60, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of `odus` with what is typed on its standard input, and wait for its end."""
    return subprocess.run(
        [ODUS, *arguments],
        capture_output=True,
        text=True,
        env=clean(environment),
        timeout=timeout,
        check=False,
        input=typed,
    )


def clean(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of this process without anything that steers Odus, and with what is named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ODUS_", "OTEL_", "PG"))}
    return {**kept, "COLUMNS": "200", **environment}


@asynccontextmanager
async def shop(server_url: str, dsn: str, **client: object) -> AsyncIterator[Shop]:
    """Make a merchant in the database of a running server, with a client that shows a key that may do everything."""
    connection = await asyncpg.connect(dsn)
    try:
        database = Database(connection)
        async with connection.transaction():
            merchant = await merchants.create(database.write, make.who(""), "Corner Shop", "test")
            made = await make.key(database, merchant.id)
    finally:
        await connection.close()
    headers = {"Authorization": f"Bearer {made.value}"}
    async with httpx.AsyncClient(base_url=server_url, headers=headers, timeout=30, **client) as http:
        yield Shop(merchant.id, made.id, made.value, http)


def dsn(data: Path) -> str:
    """Return the database URL of the PostgreSQL that runs in a data directory."""
    return f"postgresql://odus@/odus?host={quote(str(data / 'run'), safe='')}&port=5432"


def postmaster(data: Path) -> psutil.Process:
    """Return the PostgreSQL of a data directory; raises where there is none."""
    number = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    found = psutil.Process(number)
    if not lives(found) or found.name() != "postgres":
        raise psutil.NoSuchProcess(number)
    return found


def runs(data: Path) -> bool:
    """Tell whether a PostgreSQL runs in a data directory."""
    with suppress(psutil.NoSuchProcess, OSError, ValueError, IndexError):
        return lives(postmaster(data))
    return False


def lives(process: psutil.Process) -> bool:
    """Tell whether a process runs: a zombie has ended."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def listens(process: psutil.Process, port: int) -> bool:
    """Tell whether a process takes connections on a port."""
    with suppress(psutil.Error, OSError):
        return any(
            each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in process.net_connections("tcp")
        )
    return False


def end(processes: Iterable[psutil.Process]) -> None:
    """Kill processes that a test started, and see them end."""
    left = [process for process in processes if lives(process)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(lambda: not any(lives(process) for process in left))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    """Tell whether a port could be taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_listening(port: int) -> bool:
    """Tell whether someone takes connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> float:
    """Wait until something holds; return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, f"not so within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - began


async def eventually_true(condition: Callable[[], Awaitable[object]], seconds: float = PATIENCE) -> float:
    """Wait until something holds; return how long it took."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() < began + seconds, f"not so within {seconds} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - began
