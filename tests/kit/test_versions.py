import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.kit.problems import Problem
from odus.kit.times import Moment
from odus.kit.versions import IfMatch, etag, matches_weakly, tags

MILLISECOND = timedelta(milliseconds=1)


class Thing(msgspec.Struct, frozen=True):
    """Something with versions."""

    updated_at: Moment
    name: str = ""


moments = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)).map(Moment.of)  # noqa: DTZ001 - Hypothesis adds the zone
foreign = st.from_regex(r'\A(W/)?"[!#-+\--~]{0,20}"\Z')

NOW = Moment.parse("2024-03-09T00:00:00.000Z")
CURRENT = Thing(NOW)


@given(moments)
def test_an_etag_is_one_strong_quoted_tag_of_ascii(moment: Moment) -> None:
    assert re.fullmatch(r'"[0-9A-Za-z._+-]+"', etag(Thing(moment)))


@given(moments, st.integers(1, 10**9))
def test_an_etag_changes_with_each_millisecond_of_updated_at(moment: Moment, milliseconds: int) -> None:
    later = Thing(Moment.of(moment + milliseconds * MILLISECOND))
    assert etag(later) != etag(Thing(moment))
    assert etag(Thing(Moment.of(moment + MILLISECOND))) != etag(Thing(moment))


@given(moments)
def test_the_same_version_has_the_same_etag_wherever_it_was_read(moment: Moment) -> None:
    assert etag(Thing(moment)) == etag(Thing(Moment.parse(str(moment)), "another field"))


def test_a_change_without_if_match_goes_through() -> None:
    IfMatch().check(CURRENT)


@given(st.lists(foreign), st.lists(foreign))
def test_a_list_with_the_current_tag_goes_through(before: list[str], behind: list[str]) -> None:
    IfMatch(tags(", ".join([*before, etag(CURRENT), *behind]))).check(CURRENT)
    IfMatch(tags(",".join([*before, etag(CURRENT), *behind]))).check(CURRENT)


@given(st.lists(foreign, min_size=1))
def test_a_list_without_the_current_tag_does_not(others: list[str]) -> None:
    with pytest.raises(Problem) as caught:
        IfMatch(tags(", ".join(others))).check(CURRENT)
    assert (caught.value.kind.code, caught.value.kind.status) == ("precondition_failed", 412)


@pytest.mark.parametrize("header", ["*", " * "])
def test_a_star_stands_for_any_version(header: str) -> None:
    IfMatch(tags(header)).check(CURRENT)
    assert matches_weakly(header, etag(CURRENT))


def test_a_weak_tag_permits_no_change() -> None:
    with pytest.raises(Problem):
        IfMatch(tags(f"W/{etag(CURRENT)}")).check(CURRENT)


def test_the_tag_of_the_version_before_permits_no_change() -> None:
    before = etag(Thing(Moment.of(NOW - MILLISECOND)))
    with pytest.raises(Problem):
        IfMatch(tags(before)).check(CURRENT)


@pytest.mark.parametrize("header", ["", ",", '""', "x", etag(CURRENT).strip('"'), etag(CURRENT).upper() + "x"])
def test_what_is_not_the_current_tag_permits_no_change(header: str) -> None:
    with pytest.raises(Problem):
        IfMatch(tags(header)).check(CURRENT)
    assert not matches_weakly(header, etag(CURRENT))


@pytest.mark.parametrize("header", ['"x,*,y"', '"x, *, y"', '"*"'])
def test_a_star_within_a_quoted_tag_is_just_a_character(header: str) -> None:
    assert not matches_weakly(header, etag(CURRENT))
    with pytest.raises(Problem):
        IfMatch(tags(header)).check(CURRENT)


@given(st.lists(foreign), st.lists(foreign), st.sampled_from(["", "W/"]))
def test_a_reader_has_the_current_version_whether_its_tag_is_weak_or_strong(
    before: list[str], behind: list[str], weak: str
) -> None:
    assert matches_weakly(", ".join([*before, weak + etag(CURRENT), *behind]), etag(CURRENT))


@given(st.lists(foreign))
def test_a_reader_with_other_tags_has_another_version(others: list[str]) -> None:
    assert not matches_weakly(", ".join(others), etag(CURRENT))
