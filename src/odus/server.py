"""The server: granian with its workers, on an embedded PostgreSQL where no other is named."""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec
from granian.constants import Interfaces
from granian.server import Server

from odus.kit import embedded
from odus.settings import Settings, variable

WATCH_SECONDS = 0.25
"""How soon an embedded server that was killed is seen, and started again."""
DRAIN_SECONDS = 30
"""How long a stop waits for the requests under way."""


class PortTakenError(Exception):
    """One clear sentence for the person who started Odus."""


@contextmanager
def database(settings: Settings) -> Generator[Settings]:
    """Yield the settings with a database URL: the one given, or an embedded server that runs meanwhile."""
    if settings.database_url:
        yield settings
        return
    with embedded.start(_data_dir(settings), _say) as server:
        yield msgspec.structs.replace(settings, database_url=server.dsn)


@contextmanager
def running(settings: Settings) -> Generator[Settings]:
    """Yield settings to serve with: the port is free, the database is there and stays, SIGTERM ends it in order."""
    _check_port(settings.host, settings.port)
    signal.signal(signal.SIGTERM, _end)
    with database(settings) as ready, _watched(settings):
        yield ready


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered before it returns."""
    with tempfile.TemporaryDirectory(prefix="odus-metrics-") as metrics_dir:
        _export(msgspec.structs.replace(settings, metrics_dir=metrics_dir))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_dir
        Server(
            "odus.app:serve_app",
            factory=True,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            websockets=False,
            log_enabled=False,
            respawn_failed_workers=True,
            respawn_interval=WATCH_SECONDS,
            workers_kill_timeout=DRAIN_SECONDS,
        ).serve()


@contextmanager
def _watched(settings: Settings) -> Generator[None]:
    """Keep the embedded server alive, by a process of its own: workers are best forked from one without threads."""
    if settings.database_url:
        yield
        return
    watcher = multiprocessing.Process(target=_watch, args=(_data_dir(settings), os.getpid()), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        watcher.terminate()
        watcher.join()


def _watch(data_dir: Path, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while os.getppid() == parent:
        embedded.start(data_dir, _say).close()
        time.sleep(WATCH_SECONDS)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    sys.exit(128 + number)


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PortTakenError(
            f"Cannot listen on {host} port {port} ({reason}); choose another with --port or --host."
        ) from None


def _data_dir(settings: Settings) -> Path:
    return settings.data_dir or embedded.default_data_dir()


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def _export(settings: Settings) -> None:
    """Put the settings where the worker processes read theirs."""
    for field, value in msgspec.structs.asdict(settings).items():
        if value is not None:
            os.environ[variable(field)] = str(value.resolve() if isinstance(value, Path) else value)
