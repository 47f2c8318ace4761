"""Words: how prices are told to people."""

from odus.products.model import IntervalUnit

EVERY: dict[IntervalUnit, tuple[str, str]] = {
    "minute": ("every minute", "every {:,} minutes"),
    "hour": ("every hour", "every {:,} hours"),
    "day": ("every day", "every {:,} days"),
    "week": ("every week", "every {:,} weeks"),
    "month": ("every month", "every {:,} months"),
    "year": ("every year", "every {:,} years"),
}
FOR: dict[IntervalUnit, tuple[str, str]] = {
    "minute": ("for 1 minute", "for {:,} minutes"),
    "hour": ("for 1 hour", "for {:,} hours"),
    "day": ("for 1 day", "for {:,} days"),
    "week": ("for 1 week", "for {:,} weeks"),
    "month": ("for 1 month", "for {:,} months"),
    "year": ("for 1 year", "for {:,} years"),
}


def every(unit: IntervalUnit, value: int) -> str:
    """Say how often something is charged for good."""
    return _said(EVERY[unit], value)


def during(unit: IntervalUnit, value: int) -> str:
    """Say for how long something is paid before the next begins."""
    return _said(FOR[unit], value)


def _said(words: tuple[str, str], value: int) -> str:
    one, many = words
    return one if value == 1 else many.format(value)
