"""The embedded PostgreSQL: one server for all who use a data directory, gone with the last of them.

Who uses it holds a lock on a file, and nothing else says so: the kernel drops the lock of a process that was killed.
A server that outlived everyone is adopted by the next.
"""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import platformdirs

from odus.kit.embedded_cluster import package_binaries
from odus.kit.embedded_place import ELSEWHERE, PORT, EmbeddedError, Place, prepare
from odus.kit.embedded_process import ensure_running, stop
from odus.kit.embedded_waiting import Say, mutex, open_lock, release, share_lock, try_lock

__all__ = ["EmbeddedError", "EmbeddedServer", "default_data_dir", "start"]


class EmbeddedServer:
    """A hold on a running server; closing it, or leaving the `with` block, lets go.

    `dsn` is understood by asyncpg, SQLAlchemy and psql; `bin` is the directory of psql, pgbench, pg_dump and so on.
    """

    dsn: str
    bin: Path

    def __init__(self, place: Place, hold: int, say: Say) -> None:
        self.dsn = f"postgresql://odus@/odus?host={quote(str(place.socket), safe='')}&port={PORT}"
        self.bin = package_binaries()
        self._place = place
        self._hold: int | None = hold
        self._say = say

    def close(self) -> None:
        """Let go, and stop the server if nobody else holds it; safe to call again."""
        if self._hold is not None:
            with mutex(self._place, self._say):
                hold, self._hold = self._hold, None
                _let_go(self._place, hold, self._say)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def default_data_dir() -> Path:
    """Return where data goes when nobody says: the user's own place; for root not, as nobody else may enter there."""
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/odus")
    return platformdirs.user_data_path("odus")


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def start(data_dir: Path, say: Say = _tell) -> EmbeddedServer:
    """Join the server of a directory, or start it; return when it takes connections, however long it recovers.

    The database `odus` and its superuser `odus` are there. Calling it again brings back a server that was killed.
    Raises `EmbeddedError`.
    """
    if sys.platform == "win32":
        raise EmbeddedError(
            "The embedded PostgreSQL does not run on Windows: set ODUS_DATABASE_URL to a database of yours."
        )
    try:
        return _hold(prepare(data_dir), say)
    except OSError as error:
        culprit = error.filename or data_dir
        raise EmbeddedError(
            f"The data cannot be kept in {data_dir} ({culprit}: {error.strerror}); {ELSEWHERE}."
        ) from error


def _hold(place: Place, say: Say) -> EmbeddedServer:
    with mutex(place, say):
        hold = open_lock(place, "holders.lock")
        share_lock(hold)
        try:
            ensure_running(place, say)
            return EmbeddedServer(place, hold, say)
        except BaseException:
            _let_go(place, hold, say)
            raise


def _let_go(place: Place, hold: int, say: Say) -> None:
    """Stop the server if ours is the only hold: then, and only then, the lock can be ours alone."""
    try:
        if try_lock(hold):
            stop(place, say)
    finally:
        release(hold)
