"""Runs a command against a PostgreSQL of this machine: `python -m tests.own_postgres BIN -- COMMAND …`.

Makes a cluster of its own in a temporary directory, with the programs in BIN, and ends it afterwards.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Start the server, run the command with `ODUS_TEST_DATABASE_URL`, stop the server; return the command's code."""
    programs, command = Path(sys.argv[1]), sys.argv[3:]
    directory = Path(tempfile.mkdtemp(prefix="odus-own-"))
    user = _user(directory)
    data = directory / "data"
    try:
        _run(user, programs / "initdb", "-D", data, "-U", "odus", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        options = f"-c listen_addresses='' -c unix_socket_directories='{directory}' -c max_connections=100"
        _run(user, programs / "pg_ctl", "-D", data, "-w", "-l", directory / "log", "-o", options, "start")
        try:
            url = f"postgresql://odus@/postgres?host={directory}&port=5432"
            return subprocess.run(command, env={**os.environ, "ODUS_TEST_DATABASE_URL": url}, check=False).returncode
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-m", "fast", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _user(directory: Path) -> str | None:
    """Return whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    user = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
    shutil.chown(directory, user)
    return user


def _run(user: str | None, program: Path, *arguments: str | Path) -> None:
    groups = [] if user else None
    done = subprocess.run(
        [program, *arguments], user=user, extra_groups=groups, stdout=subprocess.DEVNULL, cwd="/", check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{program.name} failed with code {done.returncode}.")


if __name__ == "__main__":
    sys.exit(main())
