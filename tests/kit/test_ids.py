import random
import re
import string
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from odus.kit.ids import base62, new_id

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
KSUID_SECOND_0 = datetime(2014, 5, 13, 16, 53, 20, tzinfo=UTC)

numbers = st.integers(0, 2**160 - 1)
milliseconds = st.integers(0, 2**32 * 1000 - 1)
"""The moments that the 32 bits of a KSUID's seconds hold."""


def read(text: str) -> int:
    number = 0
    for digit in text:
        number = number * 62 + DIGITS.index(digit)
    return number


def at(millisecond: int) -> datetime:
    return KSUID_SECOND_0 + timedelta(milliseconds=millisecond)


def test_an_id_is_its_prefix_and_27_base62_characters() -> None:
    assert re.fullmatch(r"cus_[0-9A-Za-z]{27}", new_id("cus"))


def test_the_examples_of_the_ksuid_specification_come_out() -> None:
    assert base62(0x0669F7EFB5A1CD34B5F99D1154FB6853345C9735) == "0ujtsYcgvSTl8PAuAdqWYSMnLOv"
    assert base62(0) == "0" * 27
    assert base62(2**160 - 1) == "aWgEPTl1tmebfsQzFP4bxwgy80V"


@given(numbers)
def test_base62_can_be_read_back(number: int) -> None:
    assert read(base62(number)) == number


@given(numbers, numbers)
def test_base62_keeps_the_order_of_numbers(one: int, other: int) -> None:
    assert (one < other) == (base62(one) < base62(other))


def test_an_id_tells_the_second_of_its_creation() -> None:
    before = int(datetime.now(UTC).timestamp())
    made = read(new_id("cus").removeprefix("cus_")) >> 128
    after = int(datetime.now(UTC).timestamp())
    assert before <= made + 1_400_000_000 <= after


@given(milliseconds, st.integers())
def test_the_same_moment_and_random_bytes_give_the_same_id(millisecond: int, seed: int) -> None:
    once, again = (new_id("cus", at(millisecond), random.Random(seed).randbytes) for _ in range(2))  # noqa: S311
    assert once == again


@given(milliseconds)
def test_an_id_for_a_moment_tells_the_second_of_that_moment(millisecond: int) -> None:
    made = read(new_id("evt", at(millisecond)).removeprefix("evt_")) >> 128
    assert made == millisecond // 1000


@given(milliseconds, st.integers(-23, 23))
def test_the_offset_in_which_a_moment_is_told_does_not_matter(millisecond: int, hours: int) -> None:
    elsewhere = at(millisecond).astimezone(timezone(timedelta(hours=hours)))
    made = read(new_id("evt", elsewhere).removeprefix("evt_"))
    assert made >> 104 == read(new_id("evt", at(millisecond)).removeprefix("evt_")) >> 104


@given(st.lists(milliseconds, unique=True, min_size=2))
def test_ids_of_later_moments_sort_later(moments: list[int]) -> None:
    ids = [new_id("cus", at(moment)) for moment in sorted(moments)]
    assert ids == sorted(ids)


@given(milliseconds.filter(lambda moment: moment < 2**32 * 1000 - 1))
def test_ids_one_millisecond_apart_sort_by_it(millisecond: int) -> None:
    assert new_id("cus", at(millisecond)) < new_id("cus", at(millisecond + 1))


def test_ids_made_one_after_another_sort_in_that_order() -> None:
    ids = [new_id("pay") for _ in range(10_000)]
    assert ids == sorted(ids)


def test_a_hundred_thousand_ids_are_all_different() -> None:
    assert len({new_id("cus") for _ in range(100_000)}) == 100_000


def test_ids_for_the_same_moment_are_different() -> None:
    moment = at(1_234_567_890)
    assert len({new_id("cus", moment) for _ in range(10_000)}) == 10_000
