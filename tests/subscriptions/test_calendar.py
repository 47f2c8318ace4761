"""The calendar of subscriptions beside a naive one, which goes from day to day."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.kit.times import Moment
from odus.products.model import BillingSchedule, CycleDefinition
from odus.subscriptions.calendar import definition, end_of

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu")

steps = st.one_of(
    st.tuples(st.sampled_from(["minute", "hour"]), st.integers(1, 5000)),
    st.tuples(st.sampled_from(["day", "week"]), st.integers(1, 60)),
    st.tuples(st.just("month"), st.integers(1, 14)),
    st.tuples(st.just("year"), st.integers(1, 2)),
)
starts = st.integers(0, 21 * 365 * 86_400_000 - 1).map(lambda number: Moment.of(BEGIN + timedelta(milliseconds=number)))
zones = st.sampled_from(ZONES)


def schedule(*steps: tuple[str, int]) -> BillingSchedule:
    """Return a schedule of such cycles."""
    return BillingSchedule(
        cycle_definitions=[
            CycleDefinition(position=position, amount=100 * position, interval_unit=unit, interval_value=value)  # pyright: ignore[reportArgumentType]
            for position, (unit, value) in enumerate(steps, 1)
        ]
    )


def ends(start: str, timezone: str, *steps: tuple[str, int], count: int) -> list[str]:
    """Return when the first cycles end."""
    made = schedule(*steps)
    return [str(end_of(made, Moment.parse(start), timezone, cycle)) for cycle in range(1, count + 1)]


def last_day(year: int, month: int) -> int:
    """Return the last day of a month, by walking to the first of the next."""
    day = date(year, month, 28)
    while (day + timedelta(days=1)).month == month:
        day += timedelta(days=1)
    return day.day


def naive(start: Moment, timezone: str, passed: list[tuple[str, int]]) -> datetime:
    """Return where so many cycles lead, counted anew wherever a unit follows a smaller one."""
    ranks = {"month": 0, "year": 0, "day": 1, "week": 1, "minute": 2, "hour": 2}
    first = next((n for n, (before, after) in enumerate(pairwise(passed), 1) if ranks[after[0]] < ranks[before[0]]), 0)
    if first:
        return naive(Moment.of(naive(start, timezone, passed[:first])), timezone, passed[first:])
    wall = start.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    months = sum(value * {"month": 1, "year": 12}.get(unit, 0) for unit, value in passed)
    days = sum(value * {"day": 1, "week": 7}.get(unit, 0) for unit, value in passed)
    minutes = sum(value * {"minute": 1, "hour": 60}.get(unit, 0) for unit, value in passed)
    year, month = wall.year, wall.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    day = min(wall.day, last_day(year, month))
    there = wall.replace(year=year, month=month, day=day) + timedelta(days=days)
    if not months and not days:
        return start + timedelta(minutes=minutes)
    return there.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC) + timedelta(minutes=minutes)


@given(start=starts, timezone=zones, known=st.lists(steps, min_size=1, max_size=4), cycle=st.integers(0, 30))
def test_a_cycle_ends_where_the_naive_calendar_says(
    start: Moment, timezone: str, known: list[tuple[str, int]], cycle: int
) -> None:
    passed = [known[min(number, len(known) - 1)] for number in range(cycle)]
    assert end_of(schedule(*known), start, timezone, cycle) == naive(start, timezone, passed)


@given(start=starts, timezone=zones, known=st.lists(steps, min_size=1, max_size=4))
def test_each_cycle_ends_after_it_began(start: Moment, timezone: str, known: list[tuple[str, int]]) -> None:
    made = schedule(*known)
    boundaries = [end_of(made, start, timezone, cycle) for cycle in range(40)]
    assert boundaries[0] == start
    assert all(before < after for before, after in pairwise(boundaries))


@given(start=starts, timezone=zones, unit=st.sampled_from(["day", "week", "month", "year"]))
def test_a_cycle_of_days_or_more_keeps_its_time_of_day_but_where_the_clock_skips_it(
    start: Moment, timezone: str, unit: str
) -> None:
    zone, made = ZoneInfo(timezone), schedule((unit, 1))
    wall = start.astimezone(zone).time()
    for cycle in range(1, 60):
        there = end_of(made, start, timezone, cycle).astimezone(zone)
        exists = (
            there.replace(hour=wall.hour, minute=wall.minute, fold=0).astimezone(UTC).astimezone(zone).time() == wall
        )
        assert there.time() == wall or not exists


@given(start=starts, timezone=zones, unit=st.sampled_from(["minute", "hour"]), value=st.integers(1, 10_000))
def test_minutes_and_hours_are_spans_of_time_whatever_the_clock_on_the_wall_does(
    start: Moment, timezone: str, unit: str, value: int
) -> None:
    made, span = schedule((unit, value)), timedelta(**{f"{unit}s": value})
    for cycle in (1, 2, 1000):
        assert end_of(made, start, timezone, cycle) == start + cycle * span


@given(start=starts, timezone=zones)
def test_nothing_drifts_in_ten_years(start: Moment, timezone: str) -> None:
    zone = ZoneInfo(timezone)
    monthly, yearly = (end_of(schedule((unit, 1)), start, timezone, n) for unit, n in (("month", 120), ("year", 10)))
    assert monthly == yearly
    began, ended = start.astimezone(zone), monthly.astimezone(zone)
    assert (ended.year - began.year, ended.month) == (10, began.month)
    assert ended.day == min(began.day, last_day(ended.year, ended.month))


def test_the_end_of_a_month_is_followed_by_the_end_of_the_next_and_comes_back() -> None:
    assert ends("2026-01-31T12:00:00.000Z", "UTC", ("month", 1), count=4) == [
        "2026-02-28T12:00:00.000Z",
        "2026-03-31T12:00:00.000Z",
        "2026-04-30T12:00:00.000Z",
        "2026-05-31T12:00:00.000Z",
    ]
    assert ends("2028-01-31T12:00:00.000Z", "UTC", ("month", 1), count=2)[0] == "2028-02-29T12:00:00.000Z"
    assert ends("2028-01-30T12:00:00.000Z", "UTC", ("month", 13), count=1) == ["2029-02-28T12:00:00.000Z"]


def test_a_year_from_a_leap_day_ends_on_the_28th_until_there_is_one_again() -> None:
    assert ends("2028-02-29T00:00:00.000Z", "UTC", ("year", 1), count=4) == [
        "2029-02-28T00:00:00.000Z",
        "2030-02-28T00:00:00.000Z",
        "2031-02-28T00:00:00.000Z",
        "2032-02-29T00:00:00.000Z",
    ]


def test_the_day_is_that_of_the_merchants_zone() -> None:
    # In Vienna it is the 1st of February already, which every month has.
    assert ends("2026-01-31T23:30:00.000Z", "Europe/Vienna", ("month", 1), count=2) == [
        "2026-02-28T23:30:00.000Z",
        "2026-03-31T22:30:00.000Z",
    ]


def test_noon_stays_noon_through_daylight_saving_and_an_hour_an_hour() -> None:
    assert ends("2026-03-28T11:00:00.000Z", "Europe/Vienna", ("day", 1), count=2) == [
        "2026-03-29T10:00:00.000Z",
        "2026-03-30T10:00:00.000Z",
    ]
    assert ends("2026-03-28T11:00:00.000Z", "Europe/Vienna", ("hour", 24), count=1) == ["2026-03-29T11:00:00.000Z"]
    assert ends("2026-10-20T16:00:00.000Z", "America/New_York", ("week", 1), count=2) == [
        "2026-10-27T16:00:00.000Z",
        "2026-11-03T17:00:00.000Z",
    ]


def test_a_time_that_the_clock_skips_is_an_hour_later_and_one_that_it_shows_twice_is_the_first() -> None:
    assert ends("2026-03-28T01:30:00.000Z", "Europe/Vienna", ("day", 1), count=2) == [
        "2026-03-29T01:30:00.000Z",
        "2026-03-30T00:30:00.000Z",
    ]
    assert ends("2026-10-24T00:30:00.000Z", "Europe/Vienna", ("day", 1), count=2) == [
        "2026-10-25T00:30:00.000Z",
        "2026-10-26T01:30:00.000Z",
    ]


def test_the_cycles_follow_their_definitions_and_the_last_repeats() -> None:
    known = (("day", 14), ("month", 1), ("month", 3))
    assert ends("2026-01-17T00:00:00.000Z", "UTC", *known, count=5) == [
        "2026-01-31T00:00:00.000Z",
        "2026-02-28T00:00:00.000Z",
        "2026-05-31T00:00:00.000Z",
        "2026-08-31T00:00:00.000Z",
        "2026-11-30T00:00:00.000Z",
    ]
    assert [definition(schedule(*known), cycle).amount for cycle in (1, 2, 3, 4, 100)] == [100, 200, 300, 300, 300]


def test_months_after_a_trial_of_days_fall_on_the_day_on_which_it_ended() -> None:
    assert ends("2026-01-20T00:00:00.000Z", "UTC", ("day", 14), ("month", 1), count=5) == [
        f"2026-{month:02}-03T00:00:00.000Z" for month in range(2, 7)
    ]
    # In Vienna the trial of an hour ends on the 31st, whose months are those of the wall clock.
    assert ends("2026-01-30T22:30:00.000Z", "Europe/Vienna", ("hour", 1), ("month", 1), count=3) == [
        "2026-01-30T23:30:00.000Z",
        "2026-02-27T23:30:00.000Z",
        "2026-03-30T22:30:00.000Z",
    ]


def test_months_before_and_after_days_keep_their_length_apart() -> None:
    assert ends("2026-01-31T00:00:00.000Z", "UTC", ("month", 1), ("day", 3), ("month", 1), count=4) == [
        "2026-02-28T00:00:00.000Z",
        "2026-03-03T00:00:00.000Z",
        "2026-04-03T00:00:00.000Z",
        "2026-05-03T00:00:00.000Z",
    ]


@pytest.mark.parametrize("timezone", ZONES)
def test_a_minute_is_a_minute_for_a_week(timezone: str) -> None:
    start = Moment.parse("2026-10-23T00:00:00.000Z")
    made = schedule(("minute", 1))
    ends = [end_of(made, start, timezone, cycle) for cycle in range(7 * 24 * 60)]
    assert {after - before for before, after in pairwise(ends)} == {timedelta(minutes=1)}
