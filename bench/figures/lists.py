"""How long lists take: beside a read by id, beside PostgreSQL alone, and of many customers beside few."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import LiteralString, NamedTuple

import msgspec

from bench import load
from bench.client import Client
from bench.database import Database, connected
from bench.figure import BenchError, Figure, Goal, Race, Row, Sample
from bench.harness import WORKERS, Bench
from bench.load import CONNECTIONS, Load
from bench.seed import Seeded
from bench.server import Server, serving
from bench.terms import rare_terms
from bench.writer import PACE, writing
from odus.customers import queries

MOST_REPEATS = 3
MOST_SECONDS = 2
"""Of one load, of which there are thirteen."""
WARM_UP_SECONDS = 1
SIZE = 20
"""Customers of a page."""
RARE = "few matches"
COMMON = {"5 % match": "example.com", "30 % match": "mail.example"}
"""Lists of emails that have a part in common, and which share of the customers that is (see `samples`)."""
GET = "GET by id"
FIRST_REPEATS = 7
DEEP_REPEATS = 15
APART = 66
"""The part of the way that lies between pages far from the start: of a million customers, none is near another."""

OF_GET = Goal("ratio", "<=", 4)
OF_COUNT = Goal("ratio", "<=", 1.3)
OF_OFFSET = Goal("ratio", "<=", 0.4)
OF_SMALL = Goal("ratio", "<=", 2)


class _Side(msgspec.Struct, eq=False):
    """A server with its data, and the rare terms that nobody searched for there yet."""

    server: Server
    seeded: Seeded
    paths: Path
    """The file that tells wrk what to send."""
    unused: list[str] = msgspec.field(default_factory=rare_terms)

    @property
    def size(self) -> str:
        """How many customers there are."""
        return f"of {self.seeded.customers:,}"

    @property
    def page(self) -> int:
        """The page at four fifths of the customers: 40,000 of a million."""
        return self.seeded.customers * 4 // 5 // SIZE


class _Run(NamedTuple):
    """A load: of what, on which side, and whether writes go on beside it."""

    what: str
    side: _Side
    beside: bool

    def sample(self, seconds: int, connections: int) -> Sample:
        """Run it."""
        with writing(self.side.server, self.side.seeded) if self.beside else nullcontext():
            if self.what == GET:
                return load.wrk(self.side.server, self.side.seeded, Load("get", seconds, connections))
            if self.what == RARE:
                return _rare(self.side, seconds, connections)
            return _listed(self.side, [COMMON[self.what]], seconds, connections)


def _measure(bench: Bench) -> list[Row]:
    large, small = bench.seeded(), bench.small()
    with (
        serving(large.data_dir, WORKERS) as large_server,
        serving(small.data_dir, WORKERS) as small_server,
        connected(large_server.database.dsn) as database,
    ):
        many = _Side(large_server, large, bench.directory / "many.paths")
        few = _Side(small_server, small, bench.directory / "few.paths")
        # What reads the whole table comes first, while all of it is as it was seeded.
        first = _first(bench, many, database)
        deep = _deep(bench, many, few, database)
        loaded = _loaded(bench, CONNECTIONS, many)
        single = _loaded(bench, 1, many, few)
        _check_counts(many, database)
    return [*loaded, *single[: len(loaded)], *first, *deep, *single[len(loaded) :]]


def _loaded(bench: Bench, connections: int, many: _Side, *few: _Side) -> list[Row]:
    """Load each list, and a read by id between them; the lines of what more customers cost come last."""
    lists = [_Run(RARE, many, beside=False), *(_Run(what, many, beside=True) for what in COMMON)]
    rare, *common = lists
    runs = [rare, _Run(GET, many, beside=False), common[0], _Run(GET, many, beside=True), *common[1:]]
    runs += [run._replace(side=side) for side in few for run in lists]
    title = f"{connections} connection{'s' if connections > 1 else ''}"
    samples = _samples(bench, runs, connections, f"lists by turns with {GET}, {title}")
    rows: list[Row] = []
    for run in lists:
        race = Race(samples[run], samples[run._replace(what=GET)])
        rows.append(race.latencies(f"{_title(run)}, {title}", GET, OF_GET))
    for side in few:
        for run in lists:
            race = Race(samples[run], samples[run._replace(side=side)])
            row = race.latencies(f"{_title(run)}, {many.size}, {title}", side.size, OF_SMALL)
            rows.append(msgspec.structs.replace(row, cpu={}))
    return rows


def _samples(bench: Bench, runs: Sequence[_Run], connections: int, title: str) -> dict[_Run, list[Sample]]:
    """Run one load after the other, and all of it again, without what warmed up."""
    repeats, seconds = min(bench.options.repeats, MOST_REPEATS), min(bench.options.seconds, MOST_SECONDS)
    lengths = [WARM_UP_SECONDS, *[seconds] * repeats]
    samples: dict[_Run, list[Sample]] = {run: [] for run in runs}
    with bench.steps(title, len(lengths) * len(runs)) as step:
        for length in lengths:
            for run in runs:
                samples[run].append(run.sample(length, connections))
                step(1)
    return {run: each[1:] for run, each in samples.items()}


def _title(run: _Run) -> str:
    return f"list, {run.what}, {PACE} writes/s" if run.beside else f"list, {run.what}"


def _rare(side: _Side, seconds: int, connections: int) -> Sample:
    """Search for another term with each request, as one that was searched for has its count kept."""
    sample = _listed(side, side.unused, seconds, connections)
    used = sample.requests + 2 * connections  # and those that were on their way at the end
    if used > len(side.unused):
        raise BenchError("There are not enough rare terms for a machine as fast as this one.")
    del side.unused[:used]
    return sample


def _listed(side: _Side, terms: Sequence[str], seconds: int, connections: int) -> Sample:
    side.paths.write_text("".join(f"{_found(term)}\n" for term in terms))
    return load.wrk(side.server, side.seeded, Load("paths", seconds, connections, side.paths, may_fail=True))


def _found(term: str) -> str:
    return f"/customers?pageSize={SIZE}&email%5Blike%5D={term}"


def _first(bench: Bench, side: _Side, database: Database) -> list[Row]:
    """Compare the first list of a filter, whose count is not kept, with the count alone."""
    ours: dict[str, list[float]] = {what: [] for what in COMMON}
    counted: dict[str, dict[str, list[float]]] = {what: {by: [] for by in _PLANS} for what in COMMON}
    total = (FIRST_REPEATS + 1) * len(COMMON)
    with (
        Client(side.server, side.seeded) as client,
        bench.steps("lists, first time: the list and its count alone by turns", total) as step,
    ):
        for _ in range(FIRST_REPEATS + 1):
            for what, term in COMMON.items():
                database.run("delete from kept_counts")
                ours[what].append(client.get(_found(term))[0])
                for by, settings in _PLANS.items():
                    counted[what][by].append(_count(database, side, term, settings)[0])
                step(1)
    return [_first_row(what, ours[what][1:], {by: each[1:] for by, each in counted[what].items()}) for what in COMMON]


def _first_row(what: str, ours: list[float], counted: dict[str, list[float]]) -> Row:
    by, reference = min(counted.items(), key=lambda each: sorted(each[1])[len(each[1]) // 2])
    title = f"list, {what}, first time"
    return Row(title=title, unit="ms", goal=OF_COUNT, ours=ours, reference_title=f"count(*), {by}", reference=reference)


_SCAN = "enable_seqscan"
_PLANS = {
    "trigrams": {_SCAN: "off", "enable_indexscan": "off", "enable_indexonlyscan": "off"},
    "index only": {_SCAN: "off", "enable_bitmapscan": "off"},
    "as planned": {},
}
"""The ways to count, by what PostgreSQL is told not to do; the fastest is the reference."""


def _count(database: Database, side: _Side, term: str, settings: dict[str, str]) -> tuple[float, int]:
    milliseconds, rows = database.timed(_COUNT, side.seeded.merchant_id, f"%{term}%", settings=settings)
    return milliseconds, rows[0]["count"]


_COUNT: LiteralString = "select count(*) from customers where merchant_id = $1 and email_search like $2"


def _deep(bench: Bench, many: _Side, few: _Side, database: Database) -> list[Row]:
    """Compare pages far from the start with the statement that skips to them, and with the same of few customers.

    They lie around the one that is named. Each is asked for twice: the first time nothing is known of what is near.
    """
    first: list[float] = []
    again: list[float] = []
    small: list[float] = []
    skipped: list[float] = []
    with (
        Client(many.server, many.seeded) as client,
        Client(few.server, few.seeded) as small_client,
        bench.steps(f"page {many.page:,}: the list and its statement by turns", DEEP_REPEATS + 1) as step,
    ):
        for number in reversed(range(DEEP_REPEATS + 1)):
            page = many.page + many.page // APART * ((number + 1) // 2) * (1 if number % 2 else -1)
            milliseconds, found = client.get(_at(page))
            first.append(milliseconds)
            milliseconds, rows = database.timed(_SKIP, many.seeded.merchant_id, SIZE, (page - 1) * SIZE, settings={})
            skipped.append(milliseconds)
            again.append(client.get(_at(page))[0])
            small.append(small_client.get(_at(few.page))[0])
            if [customer["id"] for customer in found["data"]] != [row["id"] for row in rows]:
                raise BenchError(f"page {page:,}: the list and its statement gave different customers.")
            step(1)
    offset = Row(title="", unit="ms", goal=OF_OFFSET, ours=[], reference_title="OFFSET", reference=skipped[1:])
    of_small = msgspec.structs.replace(
        offset, goal=OF_SMALL, reference_title=f"page {few.page:,}, {few.size}", reference=small[1:]
    )
    return [
        msgspec.structs.replace(row, title=f"list, pages around {many.page:,}, {what}", ours=ours[1:])
        for row in (offset, of_small)
        for what, ours in (("first time", first), ("again", again))
    ]


def _at(page: int) -> str:
    return f"/customers?pageSize={SIZE}&page={page}"


_SKIP: LiteralString = f"""
select {queries.LISTING.columns} from customers where merchant_id = $1 order by created_at, id limit $2 offset $3
"""


def _check_counts(side: _Side, database: Database) -> None:
    """Raise where a count was kept that is not exact: all lists would be fast for nothing."""
    with Client(side.server, side.seeded) as client:
        for term in COMMON.values():
            kept, (_, counted) = (
                client.get(_found(term))[1]["pagination"]["itemCount"],
                _count(database, side, term, {}),
            )
            if kept != counted:
                raise BenchError(f"{term}: the list counts {kept:,} customers, PostgreSQL {counted:,}.")


FIGURE = Figure("lists", _measure)
