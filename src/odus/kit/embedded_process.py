"""The process of an embedded PostgreSQL: found, started, awaited and stopped."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from odus.kit.embedded_cluster import ensure_cluster, package_binaries, server_binaries, write_settings
from odus.kit.embedded_place import PORT, EmbeddedError, Place, open_own, run_as, start_as
from odus.kit.embedded_waiting import Say, wait_until

_STATUS_LINE = 7
_STILL_IN_USE = "pre-existing shared memory block"
_ORPHAN_SECONDS = 60.0
_LARGEST_LOG = 2**20


def ensure_running(place: Place, say: Say) -> None:
    """Adopt the server of this directory, or start one; return when it takes connections."""
    server = find(place)
    if server and _status(place, server) == "stopping":
        _end(server, say)
    elif server and _is_ready(place, server, say):
        return
    _start(place, say)


def stop(place: Place, say: Say) -> None:
    """Stop the server, if there is one, and wait for it."""
    if server := find(place):
        _end(server, say)


def find(place: Place) -> psutil.Process | None:
    """Return the live server of this directory.

    The number in `postmaster.pid` proves nothing: the process may be a zombie, or another that got the number since.
    """
    number = _number(place.cluster / "postmaster.pid")
    if number is None:
        return None
    with suppress(psutil.Error):
        server = psutil.Process(number)
        if _lives(server) and server.name() == "postgres" and _serves(server, place):
            return server
    return None


def _start(place: Place, say: Say) -> None:
    binaries = server_binaries(place)
    ensure_cluster(place, binaries, say)
    write_settings(place, place.cluster)
    if (place.cluster / "postmaster.pid").exists():
        say("PostgreSQL was not stopped cleanly and recovers now: what was committed is kept, and it may take a while.")
    _forget_strangers(place)
    deadline = time.monotonic() + _ORPHAN_SECONDS
    orphans = "Waiting for the last processes of the PostgreSQL that was killed"
    wait_until(lambda: _started(place, binaries, say, deadline), say, orphans)


def _started(place: Place, binaries: Path, say: Say, deadline: float) -> bool:
    """Start the server; return False to try again, while processes of one that was killed still hold its memory."""
    log = _open_log(place)
    try:
        before = os.fstat(log).st_size
        if _is_up(place, _launch(place, binaries, log), say):
            return True
    finally:
        os.close(log)
    reason = _reason(place, before)
    if _STILL_IN_USE not in reason or time.monotonic() > deadline:
        raise EmbeddedError(f"PostgreSQL did not start: {reason} (its log is {place.log}).")
    return False


def _is_up(place: Place, server: psutil.Process, say: Say) -> bool:
    try:
        return _is_ready(place, server, say)
    except BaseException:  # such as Ctrl-C; it may be too new for stop() to find it
        _end(server, say)
        raise


def _open_log(place: Place) -> int:
    if place.log.exists() and place.log.stat().st_size > _LARGEST_LOG:
        place.log.replace(place.log.with_suffix(".log.old"))
    return open_own(place, place.log.name, os.O_WRONLY | os.O_APPEND)


def _forget_strangers(place: Place) -> None:
    """Remove the lock files of a dead server whose number another process has: PostgreSQL would believe them.

    A number that nobody has is left for PostgreSQL to judge. That no old process still writes, PostgreSQL learns from
    the shared memory that belongs to the directory, not from these files.
    """
    for path in (place.cluster / "postmaster.pid", place.socket / f".s.PGSQL.{PORT}.lock"):
        number = _number(path)
        if number is not None and psutil.pid_exists(number):
            path.unlink(missing_ok=True)


def _launch(place: Place, binaries: Path, log: int) -> psutil.Process:
    socket = str(place.socket).replace('"', '""')
    where = ("-D", place.cluster, "-p", str(PORT), "-k", f'"{socket}"', "-c", "listen_addresses=")
    child = start_as(place.owner, binaries / "postgres", *where, source=subprocess.DEVNULL, output=log)
    child.returncode = 0  # it may outlive us, of which Popen would warn; _lives() reaps it
    return psutil.Process(child.pid)


def _is_ready(place: Place, server: psutil.Process, say: Say) -> bool:
    """Wait until the server takes connections, however long it recovers, or has ended."""
    wait_until(lambda: _answers(place, server) or not _lives(server), say, "Waiting for PostgreSQL to be ready")
    return _lives(server)


def _answers(place: Place, server: psutil.Process) -> bool:
    """Ask it, as a server that is being killed still seems to live and has left word that it is ready."""
    ask = (package_binaries() / "pg_isready", "-q", "-U", "odus", "-d", "odus", "-p", str(PORT), "-h", place.socket)
    return _status(place, server) == "ready" and run_as(None, *ask).returncode == 0


def _end(server: psutil.Process, say: Say) -> None:
    """Ask for PostgreSQL's fast shutdown: it ends the sessions, writes a checkpoint and exits."""
    with suppress(psutil.NoSuchProcess):
        server.send_signal(signal.SIGINT)
    wait_until(lambda: not _lives(server), say, "Waiting for PostgreSQL to stop")


def _lives(server: psutil.Process) -> bool:
    """Tell whether it runs; a zombie has ended, which we reap if it is ours, and which else may stay for ever."""
    try:
        if server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
            return True
    except psutil.NoSuchProcess:
        return False
    with suppress(ChildProcessError):
        os.waitpid(server.pid, os.WNOHANG)
    return False


def _serves(server: psutil.Process, place: Place) -> bool:
    try:
        return Path(server.cwd()) == place.cluster.resolve()
    except psutil.AccessDenied:
        return str(place.cluster) in server.cmdline()


def _status(place: Place, server: psutil.Process) -> str:
    """Return what `postmaster.pid` says of the server: starting, ready, stopping, or nothing yet."""
    lines = _lines(place.cluster / "postmaster.pid")
    return lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE and lines[0] == str(server.pid) else ""


def _number(path: Path) -> int | None:
    """Return the process number in the first line of a lock file."""
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _reason(place: Place, before: int) -> str:
    """Return why a start failed, from what it added to the log; clients that came too early are not the reason."""
    lines = place.log.read_bytes()[before:].decode(errors="replace").splitlines()
    fatal = [line.split("FATAL:")[-1].strip() for line in lines if "FATAL:" in line and " client backend " not in line]
    return (fatal or lines or ["it left no message"])[-1]
