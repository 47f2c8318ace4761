"""Whether a worker's memory grows: what is resident after 1,000 requests, and after 100,000."""

import msgspec

from bench import load
from bench.figure import Figure, Goal, Row
from bench.harness import Bench
from bench.load import Load
from bench.server import serving

FEW = 1_000
MANY = 100_000
SLICE_SECONDS = 2
_MEGABYTE = 1_000_000


def _measure(bench: Bench) -> list[Row]:
    seeded = bench.seeded()
    done, few, many = 0, 0.0, 0.0
    with (
        serving(seeded.data_dir, workers=1) as server,
        bench.steps(f"memory: {MANY:,} requests, one in five writes", MANY) as step,
    ):
        while done < MANY:
            # wrk counts seconds, not requests: a short first slice for the few, which is some more than a thousand.
            requests = load.wrk(server, seeded, Load("mix", SLICE_SECONDS if done else 1)).requests
            done += requests
            many = server.worker().memory_info().rss / _MEGABYTE
            few = few or many
            step(requests)
    goal = Goal("value", "<=", 150)
    row = Row(title=f"memory of a worker after {MANY:,} requests", unit="MB", goal=goal, ours=[many])
    growth = {"goal": Goal("ratio", "<=", 1.2), "reference": [few], "reference_title": f"after {FEW:,}"}
    return [row, msgspec.structs.replace(row, **growth)]


FIGURE = Figure("memory", _measure)
