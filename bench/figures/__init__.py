"""All figures, in the order in which they are measured."""

from bench.figure import Figure
from bench.figures import create, dashboard, get, lists, memory, payments, renewals, start, update

FIGURES: list[Figure] = [
    get.FIGURE,
    lists.FIGURE,
    dashboard.FIGURE,
    create.FIGURE,
    update.FIGURE,
    start.FIGURE,
    memory.FIGURE,
    payments.FIGURE,
    renewals.FIGURE,
]
