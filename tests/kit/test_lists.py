import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odus.customers import queries
from odus.kit import lists
from odus.kit.lists import Paging
from odus.kit.problems import Problem

FIRST_PAGE = Paging(1, 10)

LAST = 2**63 - 1
"""The last page that is told from those behind it."""

pages = st.integers(1, LAST)
sizes = st.integers(1, 100)
never_whole = st.sampled_from(
    ["", " ", "0", "-1", "+1", "1.0", "1e1", "0x1", " 1", "1 ", "1_0", "1,2", "one", "null", "true", "\x00", "\u0661"]
) | st.sampled_from(["\u00b2", "\uff11"])
beyond = st.integers(min_value=LAST).map(str) | st.just("9" * 100_000)
never_pages = never_whole | st.integers(max_value=0).map(str)
never_sizes = never_pages | beyond | st.integers(min_value=101).map(str)


@given(pages, sizes)
def test_a_whole_page_and_a_size_of_1_to_100_are_taken(page: int, size: int) -> None:
    assert lists.paging({"page": str(page), "pageSize": str(size)}) == Paging(page, size)


@given(beyond, sizes)
def test_a_page_beyond_all_that_can_be_is_the_last_one_that_can(page: str, size: int) -> None:
    assert lists.paging({"page": page, "pageSize": str(size)}) == Paging(LAST, size)


@given(pages, sizes, st.integers(1, 30) | st.just(10_000))
def test_zeros_in_front_mean_nothing(page: int, size: int, zeros: int) -> None:
    sent = {"page": f"{'0' * zeros}{page}", "pageSize": f"{'0' * zeros}{size}"}
    assert lists.paging(sent) == Paging(page, size)
    assert lists.paging({"page": "0" * zeros}) == FIRST_PAGE


@given(pages)
def test_a_page_alone_has_the_default_size_of_10(page: int) -> None:
    assert lists.paging({"page": str(page)}) == Paging(page, 10)


@given(sizes)
def test_a_size_alone_asks_for_the_first_page(size: int) -> None:
    assert lists.paging({"pageSize": str(size)}) == Paging(1, size)


def test_nothing_said_is_the_first_page_of_10() -> None:
    assert lists.paging({}) == FIRST_PAGE


@given(never_pages, sizes.map(str) | never_sizes)
def test_an_invalid_page_gives_the_first_page_of_the_default_size(page: str, size: str) -> None:
    assert lists.paging({"page": page, "pageSize": size}) == FIRST_PAGE
    assert lists.paging({"page": page}) == FIRST_PAGE


@given(pages.map(str) | beyond | never_pages, never_sizes)
def test_an_invalid_size_gives_the_first_page_of_the_default_size(page: str, size: str) -> None:
    assert lists.paging({"page": page, "pageSize": size}) == FIRST_PAGE
    assert lists.paging({"pageSize": size}) == FIRST_PAGE


@given(st.text(), st.text())
def test_whatever_stands_in_page_and_size_gives_a_page_that_the_database_can_read(page: str, size: str) -> None:
    asked = lists.paging({"page": page, "pageSize": size})
    assert asked.number >= 1
    assert 1 <= asked.size <= 100
    assert 0 <= asked.offset < 2**63


@given(pages, sizes)
def test_the_offset_is_what_stands_before_the_page_as_far_as_the_database_counts(page: int, size: int) -> None:
    assert lists.paging({"page": str(page), "pageSize": str(size)}).offset == min((page - 1) * size, 2**63 - 1)


def test_each_unknown_parameter_is_named_with_what_is_supported() -> None:
    with pytest.raises(Problem) as caught:
        lists.parse(queries.LISTING, {"page": ["2"], "limit": ["5"], "PageSize": ["5"], "page ": ["1"]})
    assert caught.value.kind.code == "validation_failed"
    assert [(error.field, error.code) for error in caught.value.errors] == [
        ("limit", "unknown_field"),
        ("PageSize", "unknown_field"),
        ("page ", "unknown_field"),
    ]
    assert all("page, pageSize, cursor" in error.message for error in caught.value.errors)
    assert all("dateOfBirth, createdAt, updatedAt, metadata[key]" in error.message for error in caught.value.errors)


def test_a_list_without_a_field_names_it_no_more() -> None:
    listing = queries.LISTING.without("email")
    with pytest.raises(Problem) as caught:
        lists.parse(listing, {"email": ["jane@example.com"], "sortBy": ["email"]})
    messages = {error.field: error.message for error in caught.value.errors}
    assert set(messages) == {"email", "sortBy"}
    assert not any("email" in message for message in messages.values())


@pytest.mark.parametrize("direction", ["asc", "ASC", "desc", "DESC"])
def test_a_direction_is_taken_in_small_letters_or_capitals(direction: str) -> None:
    asked = lists.parse(queries.LISTING, {"sortDirection": [direction]})
    assert asked.is_descending == (direction.lower() == "desc")


def test_a_list_is_sorted_by_creation_unless_said() -> None:
    assert lists.parse(queries.LISTING, {}).sort.name == "createdAt"
    assert not lists.parse(queries.LISTING, {}).is_descending


@given(st.integers(0, 130), st.integers(1, 150), st.integers(1, 100))
def test_a_page_stands_among_all_matches_as_a_slice_of_them_does(count: int, number: int, size: int) -> None:
    everything = list(range(count))
    pages = [everything[start : start + size] for start in range(0, count, size)]
    before, rest = everything[: (number - 1) * size], everything[(number - 1) * size :]
    page = lists.page_of(rest[:size], count, Paging(number, size))
    assert page.data == (pages[number - 1] if number <= len(pages) else [])
    assert msgspec.to_builtins(page.pagination) == {
        "hasNextPage": bool(rest[size:]),
        "hasPreviousPage": bool(before),
        "itemCount": count,
        "page": number,
        "pageCount": len(pages),
        "pageSize": size,
    }


def test_the_answer_of_an_empty_list_is_as_the_contract_shows_it() -> None:
    assert msgspec.json.encode(lists.page_of([], 0, Paging())) == (
        b'{"data":[],"pagination":{"hasNextPage":false,"hasPreviousPage":false,'
        b'"itemCount":0,"page":1,"pageCount":0,"pageSize":10}}'
    )


def test_the_largest_page_that_can_be_asked_for_can_be_answered() -> None:
    asked = lists.paging({"page": "9" * 30, "pageSize": "100"})
    assert msgspec.json.decode(msgspec.json.encode(lists.page_of([], 7, asked)))["pagination"]["page"] == LAST
