"""What a figure is: a name to ask for it by, and rows of measurements, each with its goal."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from bench.harness import Bench


class BenchError(Exception):
    """One clear sentence for the person who runs the benchmark: a figure could not be measured, or would be false."""


class Cpu(msgspec.Struct, frozen=True):
    """Microseconds of processor time for each request, by who used them; on a noisy machine the steadiest figures."""

    odus: float
    postgresql: float
    client: float


class Sample(msgspec.Struct, frozen=True):
    """What one run of a load saw; `p50` and `p99` are latencies in milliseconds."""

    requests: int
    per_second: float
    p50: float
    p99: float
    cpu: Cpu
    refused: int = 0


class Goal(msgspec.Struct, frozen=True):
    """What the median is to reach: of the value itself, or of its ratio to the reference of the same repeat."""

    of: Literal["value", "ratio"]
    sign: Literal["<=", ">="]
    bound: float

    def is_met(self, row: "Row") -> bool:
        """Tell whether a row reached it, which one with refused requests never does."""
        if row.refused:
            return False
        reached = median(row.ratios if self.of == "ratio" else row.ours)
        return reached >= self.bound if self.sign == ">=" else reached <= self.bound


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table: our values and the reference's, one of each repeat."""

    title: str
    unit: str
    goal: Goal
    ours: list[float]
    reference_title: str = ""
    reference: list[float] = []
    cpu: dict[str, Cpu] = {}
    """The median of each side, `ours` and `reference`."""
    refused: int = 0
    """How many of our answers were no 2xx, where some may be."""

    @property
    def ratios(self) -> list[float]:
        """Ours by the reference, repeat by repeat: what disturbed the machine for a while disturbed both."""
        return [ours / reference for ours, reference in zip(self.ours, self.reference, strict=False)]


class Race(msgspec.Struct, frozen=True):
    """What both sides did, repeat by repeat."""

    ours: list[Sample]
    reference: list[Sample]

    def row(self, title: str, reference_title: str, goal: Goal) -> Row:
        """Return the line that compares their requests a second."""
        return Row(
            title=title,
            unit="/s",
            goal=goal,
            ours=[sample.per_second for sample in self.ours],
            reference_title=reference_title,
            reference=[sample.per_second for sample in self.reference],
            cpu=self._cpu(),
        )

    def latencies(self, title: str, reference_title: str, goal: Goal) -> Row:
        """Return the line that compares their median latencies."""
        return Row(
            title=title,
            unit="ms",
            goal=goal,
            ours=[sample.p50 for sample in self.ours],
            reference_title=reference_title,
            reference=[sample.p50 for sample in self.reference],
            cpu=self._cpu(),
            refused=sum(sample.refused for sample in self.ours),
        )

    def _cpu(self) -> dict[str, Cpu]:
        return {"ours": _cpu(self.ours), "reference": _cpu(self.reference)}


def _cpu(samples: Sequence[Sample]) -> Cpu:
    return Cpu(*(median(getattr(sample.cpu, name) for sample in samples) for name in Cpu.__struct_fields__))


class Figure(msgspec.Struct, frozen=True):
    """A figure of quality.md §1: `measure` does all of it, and may give more than one row."""

    name: str
    measure: "Callable[[Bench], Sequence[Row]]"
