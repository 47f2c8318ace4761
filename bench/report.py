"""The report: tables on the terminal, and the same as JSON."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec
from rich import box
from rich.table import Table
from rich.text import Text

from bench.figure import Row
from bench.harness import Options
from odus import __version__

RESULTS = Path(__file__).with_name("results")


def tables(measured: Mapping[str, Sequence[Row]]) -> Iterator[Table]:
    """Yield the table of medians, each with its least and its most, and the one of processor times."""
    rows = [row for rows in measured.values() for row in rows]
    yield _figures(rows)
    if any(row.cpu for row in rows):
        yield _processor(rows)


def write(measured: Mapping[str, Sequence[Row]], options: Options, path: Path | None) -> Path:
    """Write the rows of each figure, with what they were measured on and how, and return where to."""
    at = datetime.now(UTC)
    report = {
        "at": at,
        "odus": __version__,
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "options": options,
        "figures": {name: [_shown(row) for row in rows] for name, rows in measured.items()},
    }
    target = path or RESULTS / f"{at:%Y-%m-%dT%H%M%SZ}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return target


def _shown(row: Row) -> dict[str, object]:
    return {**msgspec.structs.asdict(row), "ratios": row.ratios, "isMet": row.goal.is_met(row)}


def _figures(rows: Sequence[Row]) -> Table:
    drawn = Table("figure", "ours", "reference", "ratio", "goal", "", box=box.SIMPLE, pad_edge=False)
    for row in rows:
        is_met = row.goal.is_met(row)
        reference = f"{_values(row.reference, row.unit)}\n{row.reference_title}" if row.reference else "-"
        drawn.add_row(
            row.title,
            _values(row.ours, row.unit),
            reference,
            _values(row.ratios, "") if row.reference else "-",
            f"{row.goal.sign} {row.goal.bound:g}{'' if row.goal.of == 'ratio' else ' ' + row.unit}",
            Text("reached", "green") if is_met else Text(_missed(row), "red"),
        )
    return drawn


def _missed(row: Row) -> str:
    return f"missed: {row.refused} refused" if row.refused else "missed"


def _processor(rows: Sequence[Row]) -> Table:
    """Draw what a request costs, which says more than requests per second where others use the machine too."""
    title = "processor time of a request, µs"
    drawn = Table(
        title, "odus", "PostgreSQL", "client", "reference: odus", "PostgreSQL", "client", box=box.SIMPLE, pad_edge=False
    )
    for row in rows:
        if row.cpu:
            ours, reference = row.cpu["ours"], row.cpu["reference"]
            used = (*msgspec.structs.astuple(ours), *msgspec.structs.astuple(reference))
            drawn.add_row(row.title, *(f"{each:.0f}" for each in used))
    return drawn


def _values(values: Sequence[float], unit: str) -> str:
    middle = f"{_number(median(values))} {unit}".rstrip()
    return middle if len(values) == 1 else f"{middle}\n({_number(min(values))}-{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004 - three digits are enough
