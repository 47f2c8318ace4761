"""The calendar of a subscription: when each of its cycles begins, for years ahead (payments.md §5).

Boundaries are worked out from the start, not from the one before, so that nothing drifts: Jan 31 is followed by Feb 28
and then by Mar 31. Only a unit that follows a smaller one counts anew, from where that ended: after a trial of 14 days
that ends on Jan 31, months end on Feb 28 and Mar 31 too. Months, weeks and days are those of the merchant's wall clock,
whatever daylight saving does to it; hours and minutes are spans of time.
"""

from calendar import monthrange
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import msgspec

from odus.kit.times import Moment
from odus.products.model import BillingSchedule, CycleDefinition

_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}
_MINUTES = {"minute": 1, "hour": 60}


class Span(msgspec.Struct, frozen=True):
    """How far something lies from the start: so many months, then days, then minutes."""

    months: int = 0
    days: int = 0
    minutes: int = 0

    def plus(self, step: CycleDefinition, times: int) -> "Span":
        """Return the span after so many cycles more of a step."""
        value, unit = step.interval_value * times, step.interval_unit
        return Span(
            self.months + value * _MONTHS.get(unit, 0),
            self.days + value * _DAYS.get(unit, 0),
            self.minutes + value * _MINUTES.get(unit, 0),
        )

    def is_finer_than(self, step: CycleDefinition) -> bool:
        """Tell whether it has days or minutes that a step of a larger unit comes after."""
        unit = step.interval_unit
        return bool(self.minutes and unit not in _MINUTES) or bool(self.days and unit in _MONTHS)


def definition(schedule: BillingSchedule, cycle: int) -> CycleDefinition:
    """Return what a cycle, counted from 1, costs and how long it lasts; the last definition repeats without end."""
    steps = schedule.cycle_definitions
    return steps[min(cycle, len(steps)) - 1]


def end_of(schedule: BillingSchedule, start: Moment, timezone: str, cycle: int) -> Moment:
    """Return when a cycle, counted from 1, ends, which is when the next one begins; of 0, the start itself."""
    anchor, span = start, Span()
    steps = schedule.cycle_definitions
    for number, step in enumerate(steps, 1):
        if cycle <= 0:
            break
        times = cycle if number == len(steps) else 1
        if span.is_finer_than(step):
            anchor, span = _later(anchor, timezone, span), Span()
        span, cycle = span.plus(step, times), cycle - times
    return _later(anchor, timezone, span)


def _later(start: Moment, timezone: str, span: Span) -> Moment:
    """Return the moment that lies so far from a start by the wall clock of a time zone.

    A time of day that the clock skips is taken as if it had not been put forward, one that it shows twice is the first.
    """
    zone = ZoneInfo(timezone)
    there = start.astimezone(zone).replace(tzinfo=None)
    month = there.month - 1 + span.months
    year, month = there.year + month // 12, month % 12 + 1
    moved = there.replace(year=year, month=month, day=min(there.day, monthrange(year, month)[1]))
    moved += timedelta(days=span.days)
    at = start if moved == there else moved.replace(tzinfo=zone).astimezone(UTC)
    return Moment.of(at + timedelta(minutes=span.minutes))
