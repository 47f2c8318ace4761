import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.kit import bodies
from odus.kit.times import Moment, after, now, today_anywhere

MILLISECOND = timedelta(milliseconds=1)

offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
aware = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)  # noqa: DTZ001 - Hypothesis adds the zone
moments = aware.map(Moment.of)
any_text = st.text(st.characters(exclude_categories=()))
nearly = st.from_regex(
    r"\A[0-9]{3,5}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?\Z"
)

REJECTED = (
    "",
    "now",
    "2024-03-09",
    "20240309",
    "2024-03-09T00:00:00",
    "2024-03-09T00:00:00.000",
    "2024-03-09 00:00:00.000Z",
    "2024-02-30T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-03-09T25:00:00Z",
    "2024-03-09T00:60:00Z",
    "2024-03-09T00:00:00+24:00",
    "2024-03-09T00:00:00.000Z\n",
    " 2024-03-09T00:00:00.000Z",
    "2024-03-09T00:00:00.000Z\x00",
    "2024-03-09T00:00:00.000Z\x00garbage",
    "2024-03-09T00:00:00\x00Z",
    "2024-03-09T00:00:00.123456garbageZ",
    "2024-03-09T00:00:00.1234567\u00e9+01:00",
    "2024-03-09T00:00:00.000\ud800",
    "\uff12\uff10\uff12\uff14-03-09T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "-2024-03-09T00:00:00Z",
    "1710000000",
    "T" * 100_000,
    "2024-03-09T00:00:00." + "9" * 100_000,
)


@given(aware)
def test_a_moment_is_written_in_utc_with_exactly_three_digits(at: datetime) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(Moment.of(at)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-03-09T00:00:00.000Z", "2024-03-09T00:00:00.000Z"),
        ("2024-03-09T00:00:00Z", "2024-03-09T00:00:00.000Z"),
        ("2024-03-09T00:00:00.1Z", "2024-03-09T00:00:00.100Z"),
        ("2024-03-09T00:00:00.9999Z", "2024-03-09T00:00:00.999Z"),
        ("2024-03-09T00:00:00.999999999Z", "2024-03-09T00:00:00.999Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z"),
        ("2024-03-09T01:00:00.000+01:00", "2024-03-09T00:00:00.000Z"),
        ("2024-03-08T18:30:00.000-05:30", "2024-03-09T00:00:00.000Z"),
        ("2024-02-29T23:30:00-01:00", "2024-03-01T00:30:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_timestamp_is_read_into_utc_and_cut_to_the_millisecond(text: str, shown: str) -> None:
    assert str(Moment.parse(text)) == shown


@given(moments)
def test_what_is_written_is_read_back_as_the_same_moment(moment: Moment) -> None:
    assert Moment.parse(str(moment)) == moment
    assert str(Moment.parse(str(moment))) == str(moment)


@given(aware)
def test_reading_loses_less_than_a_millisecond_and_never_gains(at: datetime) -> None:
    assert timedelta(0) <= at - Moment.parse(at.isoformat()) < MILLISECOND


@given(moments, moments)
def test_what_is_written_sorts_as_it_happened(one: Moment, other: Moment) -> None:
    assert (one < other) == (str(one) < str(other))


@pytest.mark.parametrize("text", REJECTED, ids=lambda text: text[:30].encode("unicode_escape").decode())
def test_what_is_no_timestamp_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an ISO 8601 timestamp with a time zone"):
        Moment.parse(text)


@given(any_text | nearly)
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        read = Moment.parse(text)
    except ValueError:
        return
    assert Moment.parse(str(read)) == read


@given(moments.map(str), st.integers(0, 24), any_text)
def test_no_text_can_hide_in_a_timestamp(timestamp: str, place: int, text: str) -> None:
    try:
        Moment.parse(timestamp[:place] + text + timestamp[place:])
    except ValueError:
        return
    assert set(text) <= set("0123456789TWZ:.,+-")


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.lists(st.text()))
def test_what_is_no_string_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="must be a string"):
        Moment.parse(value)


def test_garbage_of_a_hundred_thousand_characters_is_refused_at_once() -> None:
    began = time.perf_counter()
    for garbage in ("2024-03-09T" * 10_000, "9" * 100_000, "+" * 100_000, "\x00" * 100_000):
        with pytest.raises(ValueError, match="must be an ISO 8601 timestamp"):
            Moment.parse(garbage)
    assert time.perf_counter() - began < 0.5


def test_a_body_shows_a_moment_as_the_contract_says() -> None:
    assert bodies.encode({"at": Moment.parse("2024-03-09T00:00:00Z")}) == b'{"at":"2024-03-09T00:00:00.000Z"}'


@given(moments, moments)
def test_a_new_version_is_always_later_than_the_one_before(previous: Moment, at: Moment) -> None:
    version = after(previous, at)
    assert version > previous
    assert str(version) > str(previous)
    assert version >= at
    assert version in (at, previous + MILLISECOND)


@given(moments, st.integers(1, 1000))
def test_versions_of_a_clock_that_stands_still_still_go_forward(at: Moment, count: int) -> None:
    version = at
    for _ in range(count):
        version = after(version, at)
    assert version == at + count * MILLISECOND


def test_now_is_the_present_cut_to_the_millisecond() -> None:
    before, moment, later = datetime.now(UTC), now(), datetime.now(UTC)
    assert before - MILLISECOND < moment <= later
    assert moment.microsecond % 1000 == 0
    assert moment.utcoffset() == timedelta(0)


def test_no_place_on_earth_is_at_a_later_day_than_today_anywhere() -> None:
    days = {datetime.now(timezone(timedelta(hours=hours))).date() for hours in range(-12, 15)}
    assert today_anywhere() >= max(days)
    assert today_anywhere() - min(days) <= timedelta(days=2)
