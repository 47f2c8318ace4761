"""The two sources of load: wrk on the server, pgbench on its database."""

import re
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from bench.figure import BenchError, Cpu, Sample
from bench.seed import Seeded
from bench.server import Server

Kind = Literal["get", "create", "update", "mix", "pay", "paths"]

CONNECTIONS = 32
_GRACE_SECONDS = 30.0
_TIMEOUT = "10s"
"""When wrk gives up an answer: later than Odus does."""
_SETTLE_SECONDS = 0.2
"""How long the connections of a load take to end, after which PostgreSQL's used time stands still."""


class Load(msgspec.Struct, frozen=True):
    """What wrk sends, for how long, and by how many connections; of the kind `paths`, the paths that a file names."""

    kind: Kind
    seconds: int
    connections: int = CONNECTIONS
    paths: Path | None = None
    may_fail: bool = False
    """Whether a server may refuse some, which is then told with the figure; else none that was refused is measured."""


class Script(msgspec.Struct, frozen=True):
    """What each client of pgbench does again and again, with the values of its variables, which are sent as parameters.

    Each run adds `:turn`, which is 0 at first, and `:started`, the microsecond of its start.
    """

    text: str
    variables: Mapping[str, str]
    clients: int


class _Summary(msgspec.Struct):
    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    broken: int


def check_wrk() -> None:
    """Raise `BenchError` where there is no wrk."""
    if shutil.which("wrk") is None:
        raise BenchError("The load comes from wrk: install it with `apt-get install wrk` or `brew install wrk`.")


def wrk(server: Server, seeded: Seeded, load: Load) -> Sample:
    """Load the server; raises `BenchError` where an answer was no 2xx, unless some may be, or did not come."""
    address = f"http://127.0.0.1:{server.port}"
    lua = Path(__file__).with_name("load.lua")
    wrk = ("wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s", "--timeout", _TIMEOUT, "-s", lua, address)
    what = (load.kind, seeded.key, str(seeded.customers), *([load.paths] if load.paths else []))
    output, (odus, postgres, client) = _timed(server, [*wrk, "--", *what], load.seconds)
    saw = msgspec.json.decode(output.splitlines()[-1], type=_Summary)
    if (saw.refused and not load.may_fail) or saw.broken or saw.refused == saw.requests:
        raise BenchError(f"{load.kind}: {saw.refused} of {saw.requests} answers were no 2xx, {saw.broken} never came.")
    cpu = Cpu(*(used / saw.requests * 1e6 for used in (odus, postgres, client)))
    return Sample(saw.requests, saw.requests / saw.seconds, saw.p50, saw.p99, cpu, saw.refused)


def pgbench(server: Server, script: Script, seconds: int) -> Sample:
    """Load the database alone, durable and prepared; raises `BenchError` where a transaction failed."""
    variables = {**script.variables, "turn": "0", "started": str(time.time_ns() // 1000)}
    values = [f"--define={name}={value}" for name, value in variables.items()]
    load = (server.database.bin / "pgbench", "-n", "-M", "prepared", "-c", str(script.clients), "-T", str(seconds))
    command = [*load, "-f", "-", *values, server.database.dsn]
    output, (_, postgres, client) = _timed(server, command, seconds, script.text)
    count, failed = int(_find(r"processed: (\d+)", output)), int(_find(r"failed transactions: (\d+)", output))
    if failed or not count:
        raise BenchError(f"pgbench: {failed} of {count} transactions failed.")
    cpu = Cpu(0, postgres / count * 1e6, client / count * 1e6)
    return Sample(count, float(_find(r"tps = ([\d.]+)", output)), float(_find(r"average = ([\d.]+)", output)), 0, cpu)


def _find(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        raise BenchError(f"pgbench did not say {pattern!r}.")
    return found[1]


def _timed(
    server: Server, command: Sequence[str | Path], seconds: int, text: str = ""
) -> tuple[str, tuple[float, float, float]]:
    """Run a load; return what it printed, and the processor time that Odus, PostgreSQL and itself used meanwhile."""
    before = server.odus_seconds(), server.postgres_seconds(), _client_seconds()
    limit = seconds + _GRACE_SECONDS
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=limit)
    time.sleep(_SETTLE_SECONDS)  # nothing tells when PostgreSQL has accounted for the time of ended connections
    after = server.odus_seconds(), server.postgres_seconds(), _client_seconds()
    if done.returncode != 0:
        last = (done.stderr.splitlines() or ["it said nothing"])[-1]
        raise BenchError(f"{Path(command[0]).name} failed: {last}")
    odus, postgres, client = (used - base for used, base in zip(after, before, strict=True))
    return done.stdout, (odus, postgres, client)


def _client_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
