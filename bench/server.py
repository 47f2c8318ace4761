"""A server to measure: `odus serve` in a process of its own, on a free port."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psutil

from bench.figure import BenchError
from odus.kit import embedded
from odus.kit.embedded import EmbeddedServer

START_SECONDS = 60.0
STOP_SECONDS = 40.0
_POLL_SECONDS = 0.01


class Server(msgspec.Struct, frozen=True):
    """A running server and where its processes are found."""

    process: psutil.Process
    postgres: psutil.Process
    port: int
    database: EmbeddedServer
    ready_after: float
    """Seconds from the command to the first 200 of `/health/ready`."""

    def odus_seconds(self) -> float:
        """Return the processor time that its processes have used, PostgreSQL's apart."""
        return sum(_seconds(process) for process in [self.process, *self.process.children()])

    def postgres_seconds(self) -> float:
        """Return the processor time that PostgreSQL has used, the connections that ended included."""
        living = sum(_seconds(process) for process in self.postgres.children())
        return sum(self.postgres.cpu_times()[:4]) + living  # its own, and its children's that have ended

    def worker(self) -> psutil.Process:
        """Return the worker that has done the most."""
        return max(self.process.children(), key=_seconds)


@contextmanager
def serving(data_dir: Path, workers: int) -> Generator[Server]:
    """Run `odus serve` on a data directory; stopped, and waited for, at the end."""
    port = _free_port()
    # The log goes to a file: writing it is part of what a request costs wherever it really runs.
    with Path(f"{data_dir}.log").open("ab") as log:
        began = time.monotonic()
        command = subprocess.Popen(
            [odus(), "serve", "--data-dir", data_dir, "--port", str(port), "--workers", str(workers)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={name: value for name, value in os.environ.items() if not name.startswith("ODUS_")},
        )
    try:
        _wait_ready(command, port, Path(log.name))
        seconds = time.monotonic() - began
        with embedded.start(data_dir) as database:
            yield Server(psutil.Process(command.pid), _postgres(data_dir), port, database, seconds)
    finally:
        _stop(command)


def odus() -> Path:
    """Return the `odus` command that is installed beside this Python."""
    return Path(sys.executable).with_name("odus")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_ready(command: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(port):
        if command.poll() is not None or time.monotonic() > deadline:
            last = (log.read_text(errors="replace").splitlines() or ["it said nothing"])[-1]
            raise BenchError(f"The server did not become ready: {last}")
        time.sleep(_POLL_SECONDS)  # the server can be asked whether it is ready, and tells nobody when it is


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _postgres(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0]))


def _stop(command: subprocess.Popen[bytes]) -> None:
    command.send_signal(signal.SIGTERM)
    try:
        command.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        command.kill()
        command.wait()
        raise BenchError(f"The server did not stop within {STOP_SECONDS:.0f} seconds.") from None


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system
    return 0
