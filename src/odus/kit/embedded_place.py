"""The directory of an embedded PostgreSQL, prepared for the user that PostgreSQL runs as."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING or sys.platform != "win32":
    import pwd

PORT = 5432
"""The number in the socket's name; nothing listens on TCP."""

ELSEWHERE = "choose another directory with --data-dir or ODUS_DATA_DIR"

_OURS = {"postgres", "postgres.log", "postgres.log.old", "run", "binaries", "start.lock", "holders.lock"}
_LONGEST_SOCKET = 103
"""Bytes in the path of a socket: macOS takes no more, Linux four more."""


class EmbeddedError(Exception):
    """One clear sentence for the person who started Odus."""


class Owner(msgspec.Struct, frozen=True):
    """The unprivileged user that root runs PostgreSQL as."""

    uid: int
    gid: int


class Place(msgspec.Struct, frozen=True):
    """A data directory; `owner` is None where PostgreSQL runs as the user who runs Odus."""

    root: Path
    owner: Owner | None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory (PGDATA); where it exists, it is complete."""
        return self.root / "postgres"

    @property
    def socket(self) -> Path:
        """The directory of the socket, closed to other users: that is the access control."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """What the server wrote in its last starts."""
        return self.root / "postgres.log"


def prepare(data_dir: Path) -> Place:
    """Make the directories that are missing, and choose the user.

    Raises `EmbeddedError`, or `OSError` where it cannot write. Nothing outside `data_dir` is changed, and `data_dir`
    itself only where it is new or holds nothing but ours.
    """
    root = data_dir.absolute()
    _check_name(root)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Place(root, _owner(root) if os.geteuid() == 0 else None)
    if place.owner:
        _claim(place, place.owner)
        _check_open(root, place.owner)
    make_private(place.socket, place.owner)
    return place


def make_private(directory: Path, owner: Owner | None) -> None:
    """Make a directory that only the owner may enter, unless it is there."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if owner:
        os.chown(directory, owner.uid, owner.gid, follow_symlinks=False)


def give(tree: Path, owner: Owner) -> None:
    """Make all of a tree the owner's, its top last, so that the top tells whether it was finished."""
    for path in [*tree.rglob("*"), tree]:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def can_enter(path: Path, owner: Owner) -> bool:
    """Tell whether the owner reaches and may execute a path: by trying, as mode bits are not all there is."""
    return run_as(owner, "test", "-x", path).returncode == 0


def run_as(owner: Owner | None, *command: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as the owner and wait for it."""
    with start_as(owner, *command, source=subprocess.PIPE, output=subprocess.PIPE) as process:
        try:
            output, errors = process.communicate(text)
        except BaseException:  # such as Ctrl-C, which reached us alone
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(command, process.returncode, output, errors)


def start_as(owner: Owner | None, *command: str | Path, source: int, output: int) -> subprocess.Popen[str]:
    """Start a command as the owner.

    In a session of its own, so that Ctrl-C in the terminal does not reach it, and without our environment, whose
    secrets the other user could read and whose `PG…` variables would steer it.
    """
    return subprocess.Popen(
        command,
        stdin=source,
        stdout=output,
        stderr=output,
        encoding="utf-8",
        errors="replace",
        cwd="/",
        env=_environment(),
        umask=0o077,
        start_new_session=True,
        user=owner.uid if owner else None,
        group=owner.gid if owner else None,
        extra_groups=[] if owner else None,
    )


def open_own(place: Place, name: str, flags: int) -> int:
    """Open or make a file of the owner's; never through a link, which the owner could aim at a file of root's."""
    descriptor = os.open(place.root / name, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if place.owner:
        os.fchown(descriptor, place.owner.uid, place.owner.gid)
    return descriptor


def _check_name(root: Path) -> None:
    length = len(os.fsencode(root / "run" / f".s.PGSQL.{PORT}"))
    if length > _LONGEST_SOCKET:
        too_long = f"its path is {length - _LONGEST_SOCKET} bytes too long for PostgreSQL's socket"
        raise EmbeddedError(f"The data cannot be kept in {root}, as {too_long}: {ELSEWHERE}.")
    if "," in str(root):
        raise EmbeddedError(
            f"The data cannot be kept in {root}, as a comma separates hosts in a database URL: {ELSEWHERE}."
        )


def _owner(root: Path) -> Owner:
    """Choose whom root runs PostgreSQL as: whose the data is, else a user that every system has."""
    for path in (root / "postgres", root):
        if path.exists() and not _is_of_root(path):
            return Owner(path.stat().st_uid, path.stat().st_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return Owner(pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid)
    raise EmbeddedError(
        "PostgreSQL must not run as root, and there is no user postgres or nobody: start Odus as another user."
    )


def _claim(place: Place, owner: Owner) -> None:
    """Give the owner what is root's: a directory of ours alone (it may be /srv), and a cluster that root restored."""
    if _is_of_root(place.root) and all(_is_ours(path) for path in place.root.iterdir()):
        os.chown(place.root, owner.uid, owner.gid)
        place.root.chmod(0o700)
    if place.cluster.exists() and _is_of_root(place.cluster):
        for path in sorted(place.root.iterdir()):
            if _is_ours(path):
                give(path, owner)


def _check_open(root: Path, owner: Owner) -> None:
    if not can_enter(root, owner):
        closed = next(path for path in [*reversed(root.parents), root] if not can_enter(path, owner))
        why = f"PostgreSQL cannot run as root, and the user it runs as, {_name(owner)}, may not enter {closed}"
        raise EmbeddedError(f"The data cannot be kept in {root}: {why}; {ELSEWHERE}.")


def _is_ours(path: Path) -> bool:
    return path.name.partition(".new")[0] in _OURS


def _is_of_root(path: Path) -> bool:
    return path.stat().st_uid == 0


def _name(owner: Owner) -> str:
    try:
        return pwd.getpwuid(owner.uid).pw_name
    except KeyError:
        return str(owner.uid)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}
