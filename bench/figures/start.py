"""How long a newcomer waits: from `odus serve` to the first 200 of `/health/ready`."""

from bench.figure import Figure, Goal, Row
from bench.harness import Bench
from bench.server import serving

MOST_REPEATS = 3


def _measure(bench: Bench) -> list[Row]:
    repeats = min(bench.options.repeats, MOST_REPEATS)
    first: list[float] = []
    later: list[float] = []
    with bench.steps("start: an empty directory, then the same again", 2 * repeats) as step:
        for repeat in range(repeats):
            for seconds in (first, later):
                with serving(bench.directory / f"start-{repeat}", workers=1) as server:
                    seconds.append(server.ready_after)
                step(1)
    return [
        Row(title="first start of odus serve", unit="s", goal=Goal("value", "<=", 6), ours=first),
        Row(title="later start of odus serve", unit="s", goal=Goal("value", "<=", 2), ours=later),
    ]


FIGURE = Figure("start", _measure)
