"""Filters of metadata: the text under a key that is named, which may not be there."""

from collections.abc import Sequence
from typing import LiteralString, cast  # a number is nothing that a user wrote

from odus.kit import bodies
from odus.kit.filters import MOST_VALUES, Condition, Field, Operator, truth
from odus.kit.folding import fold
from odus.kit.text_filters import any_text


def _equal_under(field: Field, key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} @> {{0}}", (_pair(key, any_text(values[0])),), is_guessed=True)


def _unequal_under(field: Field, key: str, values: Sequence[str]) -> Condition:
    sql: LiteralString = f"{field.column} ->> {{0}}::text is distinct from {{1}}"
    return Condition(sql, (key, any_text(values[0])), is_served=False)


def _like_under(field: Field, key: str, values: Sequence[str]) -> Condition:
    text: LiteralString = f'lower(({field.folded}) ->> {{0}}::text collate "C")'
    sql: LiteralString = f"{field.column} ? {{0}}::text and strpos({text}, {{1}}) > 0"
    return Condition(sql, (key, fold(any_text(values[0]))), is_served=False)


def _contains_under(field: Field, key: str, values: Sequence[str]) -> Condition:
    sql: LiteralString = f"{field.column} ? {{0}}::text and strpos({field.column} ->> {{0}}::text, {{1}}) > 0"
    return Condition(sql, (key, any_text(values[0])), is_served=False)


def _one_of_under(field: Field, key: str, values: Sequence[str]) -> Condition:
    pairs = tuple(_pair(key, any_text(value)) for value in values)
    # An index finds each of several alternatives, but not those of an array.
    alternatives: list[LiteralString] = [f"{field.column} @> {place}" for place in _PLACES[: len(pairs)]]
    return Condition(f"({' or '.join(alternatives)})", pairs, is_guessed=True)


def _none_of_under(field: Field, key: str, values: Sequence[str]) -> Condition:
    known = [any_text(value) for value in values]
    return Condition(f"({field.column} ->> {{0}}::text <> all({{1}})) is not false", (key, known), is_served=False)


def _exists_under(field: Field, key: str, values: Sequence[str]) -> Condition:
    if truth(values[0]):
        return Condition(f"{field.column} ? {{0}}::text", (key,), is_guessed=True)
    return Condition(f"not {field.column} ? {{0}}::text", (key,), is_served=False)


_PLACES = cast("list[LiteralString]", [f"{{{number}}}" for number in range(MOST_VALUES)])


def _pair(key: str, value: str) -> str:
    return bodies.text({key: value})


OPERATORS: dict[str, Operator] = {
    "eq": _equal_under,
    "ne": _unequal_under,
    "like": _like_under,
    "contains": _contains_under,
    "in": _one_of_under,
    "nin": _none_of_under,
    "exists": _exists_under,
}
