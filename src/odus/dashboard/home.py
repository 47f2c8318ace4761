"""Home: where the business stands, in a few numbers and charts of the last 4 weeks."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, timedelta

import msgspec

from odus.customers import queries as customers
from odus.kit import counts
from odus.kit.db import Database
from odus.kit.times import Moment, now
from odus.payments import queries as payments
from odus.payments.model import Revenue
from odus.subscriptions import queries as subscriptions
from odus.subscriptions.model import MonthlyRevenue

DAYS = 28
MOST_CHARTS = 3
"""Currencies whose revenue has a chart: those of the most payments."""


class Bar(msgspec.Struct, frozen=True):
    """A day's column of a chart: its number, and its height in percent of the highest."""

    day: date
    number: int
    height: float


class Totals(msgspec.Struct, frozen=True):
    """What Home shows of the customers."""

    customers: int
    new: int
    bars: list[Bar]


class Earned(msgspec.Struct, frozen=True):
    """What was captured without what was given back, in one currency."""

    currency: str
    amount: int
    bars: list[Bar]


class Income(msgspec.Struct, frozen=True):
    """What Home shows of the payments that were made in the last 28 days."""

    since: date
    count: int
    revenue: list[Earned]
    """By currency, the one of most payments first; of those that were captured."""

    @property
    def charted(self) -> list[Earned]:
        """The currencies that have a chart."""
        return self.revenue[:MOST_CHARTS]


class Recurring(msgspec.Struct, frozen=True):
    """What Home shows of the active subscriptions: how many, and what they bring in a month, by currency."""

    count: int
    revenue: list[MonthlyRevenue]
    bars: list[Bar]


async def recurring(database: Database, merchant_id: str) -> Recurring:
    """Return how many subscriptions are active, and what those that will be charged again bring in a month."""
    first, since = _start()
    found = await subscriptions.monthly_revenue(database.search, merchant_id)
    turns = await subscriptions.turns_by_day(database.search, merchant_id, since)
    count = sum(each.count for each in found)
    return Recurring(count, [each for each in found if each.amount], _bars(_standing(count, turns, first), first))


async def income(database: Database, merchant_id: str) -> Income:
    """Return how many payments were made in the last 28 days (UTC), and what came of them."""
    first, since = _start()
    found = await payments.revenue(database.search, merchant_id, since)
    return Income(first, sum(each.count for each in found), _earned(found, first))


async def totals(database: Database, merchant_id: str) -> Totals:
    """Return the number of customers, and how many were made on each of the last 28 days (UTC)."""
    first, since = _start()
    by_day = await customers.made_by_day(database.search, merchant_id, since)
    count = await counts.count(database.search, customers.LISTING, merchant_id, [])
    return Totals(count, sum(by_day.values()), _bars(by_day, first))


def _start() -> tuple[date, Moment]:
    """Return the first of the days that are shown, and when it began."""
    first = now().date() - timedelta(days=DAYS - 1)
    return first, Moment(first.year, first.month, first.day, tzinfo=UTC)


def _days(first: date) -> list[date]:
    return [first + timedelta(days=number) for number in range(DAYS)]


def _bars(by_day: Mapping[date, int], first: date) -> list[Bar]:
    highest = max(by_day.values(), default=0) or 1
    return [Bar(day, by_day.get(day, 0), round(100 * by_day.get(day, 0) / highest, 1)) for day in _days(first)]


def _earned(found: Iterable[Revenue], first: date) -> list[Earned]:
    by_currency: dict[str, list[Revenue]] = {}
    for each in found:
        by_currency.setdefault(each.currency, []).append(each)
    most_first = sorted(by_currency.items(), key=lambda each: -sum(day.count for day in each[1]))
    sums = (
        Earned(currency, sum(each.amount for each in days), _bars({each.day: each.amount for each in days}, first))
        for currency, days in most_first
    )
    return [each for each in sums if each.amount]


def _standing(count: int, turns: Mapping[date, int], first: date) -> dict[date, int]:
    """Return how many there were at the end of each day, counted back from how many there are."""
    standing: dict[date, int] = {}
    for day in reversed(_days(first)):
        standing[day] = count
        count -= turns.get(day, 0)
    return standing
