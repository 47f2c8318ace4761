"""All figures, in the order in which they are measured."""

from bench.figure import Figure
from bench.figures import create, get, memory, start, update

FIGURES: list[Figure] = [get.FIGURE, create.FIGURE, update.FIGURE, start.FIGURE, memory.FIGURE]
