"""The server: granian with its workers, on an embedded PostgreSQL where no other is named."""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.server.mp import MPServer

from odus import children
from odus.kit import addresses, embedded, embedded_place, embedded_process
from odus.settings import Settings, SettingsError, variable

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

LOOK_SECONDS = 5.0
"""How often it is asked whether it takes connections, which costs more: someone may have told it to stop."""
RETRY_SECONDS = 2.0
"""How long after an embedded server could not be started again it is tried again."""
LINGER_SECONDS = 0.5
"""How long a stop goes on taking requests: those that were sent before it may not have been read yet."""

_LEAVE = signal.SIGUSR1 if sys.platform != "win32" else signal.SIGTERM


class PortTakenError(Exception):
    """One clear sentence for the person who started Odus."""


class WorkersError(Exception):
    """One clear sentence for the person who started Odus."""


@contextmanager
def database(settings: Settings) -> Generator[Settings]:
    """Yield the settings with a database URL: the one given, or an embedded server that runs meanwhile.

    Links that the process makes begin with the settings' address.

    Raises `EmbeddedError`, and `SettingsError` for a URL that asyncpg would fail on without a word that helps.
    """
    addresses.public_at(settings.public_url)
    if settings.database_url:
        _check_url(settings.database_url)
        yield settings
        return
    with embedded.start(_data_dir(settings), _say) as server:
        yield msgspec.structs.replace(settings, database_url=server.dsn)


@contextmanager
def running(settings: Settings) -> Generator[Settings]:
    """Yield settings to serve with: the port is free, the database is there and stays, a signal ends it in order."""
    _address(settings.host, settings.port)
    with staying(settings) as ready:
        yield ready


@contextmanager
def staying(settings: Settings) -> Generator[Settings]:
    """Yield settings to run with for long: the database is there and stays, a signal ends it in order."""
    signal.signal(signal.SIGTERM, children.end)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as `nohup` has it
        signal.signal(signal.SIGHUP, children.end)
    with database(settings) as ready, _watched(settings):
        yield ready


def serve(settings: Settings) -> None:
    """Serve until SIGTERM, Ctrl-C or the end of the terminal; requests under way are answered before it returns.

    Raises `WorkersError`.
    """
    address = _address(settings.host, settings.port)
    with tempfile.TemporaryDirectory(prefix="odus-metrics-") as metrics_dir:
        _export(msgspec.structs.replace(settings, metrics_dir=metrics_dir))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_dir
        server = _Server(
            "odus.server:worker_app",
            factory=True,
            address=address,
            port=settings.port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,  # to guess at HTTP/2, granian would wait for ever for a connection's first bytes
            workers=settings.workers,
            websockets=False,
            log_enabled=False,
            respawn_failed_workers=True,
            respawn_interval=children.WATCH_SECONDS,
            workers_kill_timeout=children.DRAIN_SECONDS,
        )
        _stop_with_terminal(server)
        try:
            server.serve()
        except SystemExit:  # granian's word for a worker that died again within seconds, or while all stop
            if not server.interrupt_signal:
                raise WorkersError(
                    "A worker process died twice within seconds; what is written above says why."
                ) from None


def worker_app() -> "ASGIApp":
    """Make the application of a worker process: from the time a stop is near, its answers end their connections."""
    from odus.app import serve_app  # noqa: PLC0415 - only the workers need the web framework

    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, children.FOR_ALL)
    app, leaving = serve_app(), threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        del number, frame
        leaving.set()

    signal.signal(_LEAVE, leave)

    async def serve(scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def send_last(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await app(scope, receive, send_last if leaving.is_set() else send)

    return serve


def _stop_with_terminal(server: MPServer) -> None:
    """Take a closed terminal for a stop: granian would renew its workers, and serve on where nobody sees it."""
    if sys.platform != "win32":
        is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN

        def stop(number: int, frame: FrameType | None) -> None:
            del number, frame
            if not is_ignored:
                os.kill(os.getpid(), signal.SIGTERM)

        server.on_startup(lambda: signal.signal(signal.SIGHUP, stop))


class _Server(MPServer):
    """Granian, but for its end: that closes connections with requests in them that it has not read yet."""

    def shutdown(self, exit_code: int = 0) -> None:
        """Let the workers take what is on its way, then stop them."""
        for child in multiprocessing.active_children():
            if child.pid is not None and not child.name.startswith(children.BESIDE):
                with suppress(ProcessLookupError):
                    os.kill(child.pid, _LEAVE)
        time.sleep(LINGER_SECONDS)
        super().shutdown(exit_code)


@contextmanager
def _watched(settings: Settings) -> Generator[None]:
    """Keep the embedded server alive, by a process of its own: workers are best forked from one without threads."""
    if settings.database_url:
        yield
        return
    what = (_data_dir(settings), os.getpid())
    watcher = children.Child(target=_watch, name=f"{children.BESIDE}watcher", args=what, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        watcher.terminate()
        watcher.join()


def _watch(data_dir: Path, parent: int) -> None:
    """Bring the embedded server back whenever it is gone, as long as the process that started it runs."""
    children.heed_only_stop()  # not at once, so that half a start is undone
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    place, next_look = embedded_place.prepare(data_dir), 0.0
    while True:
        if embedded_process.find(place) is None or time.monotonic() > next_look:
            _revive(data_dir)
            next_look = time.monotonic() + LOOK_SECONDS
        time.sleep(children.WATCH_SECONDS)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, even while it waits for a server that hangs."""
    while os.getppid() == parent:
        time.sleep(children.WATCH_SECONDS)
    os._exit(0)


def _revive(data_dir: Path) -> None:
    try:
        embedded.start(data_dir, _say).close()  # the process that started us holds it too, so it goes on running
    except embedded.EmbeddedError as error:
        _say(f"odus: {error}")
        time.sleep(RETRY_SECONDS)


def _check_url(url: str) -> None:
    try:
        for host in urlsplit(url).netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
    except ValueError:
        raise SettingsError(
            "ODUS_DATABASE_URL is not usable: a port in it is no number;"
            " in a password, write %23, %2F, %3F and %40 for #, /, ? and @."
        ) from None


def _address(host: str, port: int) -> str:
    """Return the numeric address of a host; raises `PortTakenError` where nobody could listen on it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return str(address[0])
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
