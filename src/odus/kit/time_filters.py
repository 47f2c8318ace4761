"""Filters of dates and moments: each value means a span, so that a bare date is its whole day."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

from odus.kit.filters import Condition, Field, FilterError, Operator, exists
from odus.kit.times import MILLISECOND, Moment

Span = tuple[date, date]
"""What a value means: from the first to before the second. A date on a timestamp is that whole day."""


def operators(read: Callable[[str], Span], point: LiteralString, span: LiteralString) -> dict[str, Operator]:
    """Make the operators of dates or moments, of the PostgreSQL types of one of them and of a span of them."""

    def equal(field: Field, _key: str, values: Sequence[str]) -> Condition:
        return Condition(f"{field.column} >= {{0}} and {field.column} < {{1}}", read(values[0]), bool(field.indexed))

    def unequal(field: Field, _key: str, values: Sequence[str]) -> Condition:
        sql: LiteralString = f"({field.column} >= {{0}} and {field.column} < {{1}}) is not true"
        return Condition(sql, read(values[0]), is_served=False)

    def after(field: Field, _key: str, values: Sequence[str]) -> Condition:
        return Condition(f"{field.column} >= {{0}}", (read(values[0])[1],), bool(field.indexed))

    def from_(field: Field, _key: str, values: Sequence[str]) -> Condition:
        return Condition(f"{field.column} >= {{0}}", (read(values[0])[0],), bool(field.indexed))

    def before(field: Field, _key: str, values: Sequence[str]) -> Condition:
        return Condition(f"{field.column} < {{0}}", (read(values[0])[0],), bool(field.indexed))

    def until(field: Field, _key: str, values: Sequence[str]) -> Condition:
        return Condition(f"{field.column} < {{0}}", (read(values[0])[1],), bool(field.indexed))

    def one_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
        starts, ends = zip(*map(read, values), strict=True)
        sql: LiteralString = f"{field.column} >= {{2}} and {field.column} < {{3}} and {within(field)}"
        return Condition(sql, (starts, ends, min(starts), max(ends)), bool(field.indexed))

    def none_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
        starts, ends = zip(*map(read, values), strict=True)
        return Condition(f"({within(field)}) is not true", (starts, ends), is_served=False)

    def within(field: Field) -> LiteralString:
        # The spans are put in order once, not looked through for each row.
        spans: LiteralString = f"unnest({{0}}::{point}[], {{1}}::{point}[]) as spans (first, next)"
        return f"{field.column} <@ (select range_agg({span}(first, next)) from {spans})"

    return {
        "eq": equal,
        "ne": unequal,
        "gt": after,
        "gte": from_,
        "lt": before,
        "lte": until,
        "in": one_of,
        "nin": none_of,
        "exists": exists,
    }


def day(value: str) -> Span:
    """Read a date."""
    day = _date(value)
    if day is None:
        raise FilterError("invalid_format", "must be a date that exists, as YYYY-MM-DD")
    return day, _later(day, _ONE_DAY)


def instant(value: str) -> Span:
    """Read a timestamp, or a date, which is that whole day in UTC."""
    day = _date(value)
    if day is not None:
        first = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return first, _later(first, _ONE_DAY)
    # The plus sign of an offset that was not encoded has come as a space.
    value = re.sub(r" (?=[0-9]{2}(:?[0-9]{2})?$)", "+", value)
    try:
        at = Moment.parse(value)
    except ValueError:
        message = "must be a date, or a timestamp with its time zone, such as 2024-03-09 or 2024-03-09T00:00:00.000Z"
        raise FilterError("invalid_format", message) from None
    return at, _later(at, MILLISECOND)


def _date(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        return None


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ONE_DAY = timedelta(days=1)


def _later(day: date, by: timedelta) -> date:
    """Return what comes after; nothing does at the end of all days, where nothing is stored."""
    try:
        return day + by
    except OverflowError:
        return day
