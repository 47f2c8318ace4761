import copy

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import UNSET

from odus.kit import bodies, metadata
from odus.kit.metadata import MetadataPatch
from odus.kit.problems import Problem


class Holder(msgspec.Struct, forbid_unknown_fields=True):
    """A body with metadata."""

    metadata: MetadataPatch | None = None


decode = bodies.decoder(Holder)

keys = st.sampled_from("abcdef")
values = st.sampled_from(["x", "y", " ", "00123"])
stored = st.dictionaries(keys, values)
patches = st.dictionaries(keys, values | st.just(""))
many = st.integers(0, 70).map(lambda count: {f"k{number}": "v" for number in range(count)})


def model(before: dict[str, str], patch: dict[str, str]) -> dict[str, str]:
    result = dict(before)
    for key, value in patch.items():
        if value == "":
            result.pop(key, None)
        else:
            result[key] = value
    return result


@given(stored, patches)
def test_named_keys_change_empty_ones_go_and_the_others_stay(before: dict[str, str], patch: dict[str, str]) -> None:
    assert metadata.merge(before, patch) == model(before, patch)


@given(stored)
def test_an_empty_object_and_no_field_change_nothing_and_null_clears(before: dict[str, str]) -> None:
    assert metadata.merge(before, {}) == before
    assert metadata.merge(before, UNSET) == before
    assert metadata.merge(before, None) == {}


@given(stored, patches)
def test_merging_the_same_twice_changes_nothing_more(before: dict[str, str], patch: dict[str, str]) -> None:
    once = metadata.merge(before, patch)
    assert metadata.merge(once, patch) == once


@given(stored, patches, patches)
def test_the_last_of_two_writes_wins_key_by_key(
    before: dict[str, str], first: dict[str, str], second: dict[str, str]
) -> None:
    assert metadata.merge(metadata.merge(before, first), second) == metadata.merge(before, {**first, **second})


@given(stored, patches)
def test_patches_of_different_keys_can_come_in_any_order(before: dict[str, str], patch: dict[str, str]) -> None:
    left = {key: value for key, value in patch.items() if key < "d"}
    right = {key: value for key, value in patch.items() if key >= "d"}
    one_way = metadata.merge(metadata.merge(before, left), right)
    assert one_way == metadata.merge(metadata.merge(before, right), left) == metadata.merge(before, patch)


@given(stored, patches | st.none() | st.just(UNSET))
def test_merging_leaves_what_it_was_given_as_it_was(before: dict[str, str], patch: dict[str, str] | None) -> None:
    kept = copy.deepcopy((before, patch))
    metadata.merge(before, patch)
    assert (before, patch) == kept


@given(patches)
def test_an_object_is_made_without_the_keys_sent_empty(patch: dict[str, str]) -> None:
    assert metadata.merge({}, patch) == {key: value for key, value in patch.items() if value}


@given(many, many, st.integers(0, 70))
def test_the_limit_of_50_holds_for_the_merged_result(
    before: dict[str, str], added: dict[str, str], removed: int
) -> None:
    assume(len(before) <= 50)
    patch = {**{f"new{key}": value for key, value in added.items()}, **{f"k{number}": "" for number in range(removed)}}
    expected = model(before, patch)
    if len(expected) <= 50:
        assert metadata.merge(before, patch) == expected
        return
    with pytest.raises(Problem) as caught:
        metadata.merge(before, patch)
    assert caught.value.kind.code == "validation_failed"
    assert [(error.field, error.code) for error in caught.value.errors] == [("metadata", "too_many")]
    assert f"at most 50 keys once merged, got {len(expected)}" in caught.value.errors[0].message


def test_fifty_keys_can_be_replaced_by_fifty_others_at_once() -> None:
    before = {f"old{number}": "x" for number in range(50)}
    patch = dict.fromkeys(before, "") | {f"new{number}": "y" for number in range(50)}
    assert metadata.merge(before, patch) == {f"new{number}": "y" for number in range(50)}


@given(stored, patches)
def test_keys_are_shown_in_one_order_whoever_set_them_first(before: dict[str, str], patch: dict[str, str]) -> None:
    merged = metadata.merge(before, patch)
    assume(patch)
    assert list(merged) == sorted(merged)


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1)))
def test_what_the_database_holds_is_read_with_its_keys_in_order(held: dict[str, str]) -> None:
    read = metadata.load(msgspec.json.encode(held).decode())
    assert read == held
    assert list(read) == sorted(held)


@pytest.mark.parametrize(
    "value",
    [
        "00123",
        " x ",
        "1e3",
        "null",
        "<b>",
        "\u0301",
        "\t\n",
        "\U0001f600\u200d\U0001f680",
        "x" * 500,
        "\U0001f600" * 500,
    ],
)
def test_a_string_stays_what_it_is(value: str) -> None:
    assert decode(bodies.encode({"metadata": {"key": value}})).metadata == {"key": value}


@pytest.mark.parametrize("key", ["k", "k" * 40, "\U0001f600" * 40, "a.b", "a b", " ", "$", "__proto__", "'; drop"])
def test_a_key_of_1_to_40_characters_is_taken(key: str) -> None:
    assert decode(bodies.encode({"metadata": {key: "v"}})).metadata == {key: "v"}


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"": "v"}, "metadata.", "too_short"),
        ({"k" * 41: "v"}, f"metadata.{'k' * 41}", "too_long"),
        ({"a[0]": "v"}, "metadata.a[0]", "invalid_value"),
        ({"a]": "v"}, "metadata.a]", "invalid_value"),
        ({"a\x00": "v"}, "metadata.a\x00", "invalid_value"),
        ({"k": "x" * 501}, "metadata.k", "too_long"),
        ({"k": "a\x00b"}, "metadata.k", "invalid_value"),
        ({"k": 5}, "metadata.k", "invalid_type"),
        ({"k": 5.5}, "metadata.k", "invalid_type"),
        ({"k": True}, "metadata.k", "invalid_type"),
        ({"k": None}, "metadata.k", "invalid_type"),
        ({"k": ["x"]}, "metadata.k", "invalid_type"),
        ({"k": {"l": "x"}}, "metadata.k", "invalid_type"),
        ([], "metadata", "invalid_type"),
        ("x", "metadata", "invalid_type"),
    ],
)
def test_what_is_no_short_string_under_a_short_key_is_refused(sent: object, field: str, code: str) -> None:
    with pytest.raises(Problem) as caught:
        decode(bodies.encode({"metadata": sent}))
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
