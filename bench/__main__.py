"""The command: `python -m bench [--only NAME] [--customers N] [--seconds S] [--repeats R] [--json PATH]`."""

import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import load, report
from bench.figure import BenchError, Figure, Row
from bench.figures import FIGURES
from bench.harness import Bench, Options, temporary_directory

LIMIT_SECONDS = 570
"""Ten minutes, less what stopping a server may take."""
NAMES = ", ".join(figure.name for figure in FIGURES)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Which to measure, repeat for several: {NAMES}.")] = None,
    customers: Annotated[int, typer.Option(min=1_000, help="How many are seeded.")] = 1_000_000,
    seconds: Annotated[int, typer.Option(min=1, help="The length of one run.")] = 4,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each side.")] = 4,
    json: Annotated[Path | None, typer.Option(help="Where the report goes.  [default: bench/results/]")] = None,
) -> None:
    """Measure Odus against PostgreSQL, by turns on one machine, within ten minutes."""
    unknown = sorted(set(only or ()) - {figure.name for figure in FIGURES})
    if unknown:
        raise typer.BadParameter(f"there is no figure {unknown[0]}; there are {NAMES}")
    options = Options(customers=customers, seconds=seconds, repeats=repeats)
    figures = [figure for figure in FIGURES if not only or figure.name in only]
    console = Console()
    measured = dict(_measured(figures, options, console))
    console.print(*report.tables(measured))
    console.print(f"Written to {report.write(measured, options, json)}.", highlight=False, soft_wrap=True)
    sys.exit(0 if len(measured) == len(figures) else 1)


def _measured(figures: list[Figure], options: Options, console: Console) -> Iterator[tuple[str, Sequence[Row]]]:
    """Yield the rows of each figure by its name; say so where something could not be, or the time was up."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LIMIT_SECONDS)
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with temporary_directory() as directory, Progress(*columns, console=console) as bars:
        bench = Bench(options, directory, bars)
        for figure in figures:
            try:
                yield figure.name, figure.measure(bench)
            except BenchError as error:
                console.print(f"{figure.name}: {error}", style="red", markup=False)
            except TooLongError:
                console.print(f"The time is up, after {LIMIT_SECONDS} seconds: {figure.name} was cut off.", style="red")
                return
    signal.alarm(0)


class TooLongError(Exception):
    """The benchmark takes longer than it may."""


def _too_long(*_: object) -> NoReturn:
    raise TooLongError


if __name__ == "__main__":
    try:
        load.check_wrk()
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    app()
