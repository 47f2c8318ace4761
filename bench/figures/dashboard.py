"""How long the Dashboard's list takes beside the same list by the API, and how much comes over the wire."""

import gzip
import re
from collections.abc import Callable, Iterator
from statistics import median

from bench.browser import Browser, signed_in
from bench.figure import Figure, Goal, Row
from bench.harness import WORKERS, Bench
from bench.server import serving

QUERY = "email[like]=example.com&sortDirection=desc&pageSize=20"
PAGE = f"/dashboard/customers?{QUERY}"
LIST = f"/customers?{QUERY}"
ASKED = 40
"""How often each side is asked for one value."""

OF_LIST = Goal("ratio", "<=", 3)
FIRST_VISIT = Goal("value", "<=", 150)
FURTHER_VISIT = Goal("value", "<=", 15)


def _measure(bench: Bench) -> list[Row]:
    seeded = bench.seeded()
    with serving(seeded.data_dir, WORKERS) as server:
        page = Browser(server, {"Cookie": signed_in(server, seeded)})
        api = Browser(server, {"Authorization": f"Bearer {seeded.key}"})
        repeats = bench.options.repeats
        with bench.steps("the Dashboard's list and the API's by turns", repeats) as step:
            pairs = list(_pairs(page, api, repeats, step))
        first = _first_visit(page)
        further = len(page.ask(PAGE).body) / 1000
        page.close()
        api.close()
    ours, reference = zip(*pairs, strict=True)
    title = "Dashboard, list of 20 customers"
    return [
        Row(
            title=title,
            unit="ms",
            goal=OF_LIST,
            ours=list(ours),
            reference_title="the API's list",
            reference=list(reference),
        ),
        Row(title=f"{title}, first visit", unit="kB", goal=FIRST_VISIT, ours=[first]),
        Row(title=f"{title}, further visits", unit="kB", goal=FURTHER_VISIT, ours=[further]),
    ]


def _pairs(page: Browser, api: Browser, repeats: int, step: Callable[[int], None]) -> Iterator[tuple[float, float]]:
    """Yield the median times of both, the first of which warm up."""
    for number in range(repeats + 1):
        both = median(page.time(PAGE) for _ in range(ASKED)), median(api.time(LIST) for _ in range(ASKED))
        if number:
            step(1)
            yield both


def _first_visit(page: Browser) -> float:
    """Return the kilobytes of a page and all that it loads."""
    body = page.ask(PAGE).body
    text = gzip.decompress(body).decode()
    assets = set(re.findall(r'(?:href|src)="(/dashboard/assets/[^"]+)"', text))
    return (len(body) + sum(len(page.ask(asset).body) for asset in assets)) / 1000


FIGURE = Figure("dashboard", _measure)
