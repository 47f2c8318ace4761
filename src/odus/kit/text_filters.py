"""Filters of text: whole values and parts of values, with their case and without it."""

import re
from collections.abc import Callable, Sequence
from typing import LiteralString

from odus.kit.fields import currencies, without_separators
from odus.kit.filters import Condition, Field, FilterError, Operator, exists
from odus.kit.folding import fold

LONGEST_VALUE = 500
"""Characters of a value: no text that can be filtered by is longer."""

Reading = Callable[[str], str]
"""Reads a value; raises `FilterError`."""


def operators(exact: Reading, partial: Reading) -> dict[str, Operator]:
    """Make the operators of text, of which whole values and parts of values are read by functions of their own."""
    return {**_exact(exact), **_partial(partial), "exists": exists}


def beginning(field: Field, text: str) -> Condition:
    """Hold that a field begins with a text, without its case where the field has none: a range of its index."""
    column = field.indexed
    first = fold(text) if column == field.folded else text
    return Condition(f"{column} >= {{0}} and {column} < {{1}}", (first, first + _LAST))


def _exact(read: Reading) -> dict[str, Operator]:
    def equal(field: Field, _key: str, values: Sequence[str]) -> Condition:
        value = read(values[0])
        if _is_found_folded(field):
            return Condition(f"{field.folded} = {{0}} and {field.column} = {{1}}", (fold(value), value))
        return Condition(f"{field.column} = {{0}}", (_cased(field, value),), bool(field.indexed))

    def unequal(field: Field, _key: str, values: Sequence[str]) -> Condition:
        value = _cased(field, read(values[0]))
        return Condition(f"{field.column} is distinct from {{0}}", (value,), is_served=False)

    def one_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
        known = [read(value) for value in values]
        if _is_found_folded(field):
            sql: LiteralString = f"{field.folded} = any({{0}}) and {field.column} = any({{1}})"
            return Condition(sql, ([fold(value) for value in known], known))
        known = [_cased(field, value) for value in known]
        return Condition(f"{field.column} = any({{0}})", (known,), bool(field.indexed))

    def none_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
        known = [_cased(field, read(value)) for value in values]
        return Condition(f"({field.column} <> all({{0}})) is not false", (known,), is_served=False)

    return {"eq": equal, "ne": unequal, "in": one_of, "nin": none_of}


def _partial(read: Reading) -> dict[str, Operator]:
    def like(field: Field, _key: str, values: Sequence[str]) -> Condition:
        value = fold(read(values[0]))
        if field.has_trigrams and _has_trigrams(value):
            return Condition(f"{field.folded} like {{0}}", (_pattern(value),), is_guessed=True)
        return Condition(f"strpos({field.folded}, {{0}}) > 0", (value,), is_served=False)

    def contains(field: Field, key: str, values: Sequence[str]) -> Condition:
        if field.folded == field.column:
            return like(field, key, values)
        value = read(values[0])
        if field.has_trigrams and _has_trigrams(fold(value)):
            sql: LiteralString = f"{field.folded} like {{0}} and strpos({field.column}, {{1}}) > 0"
            return Condition(sql, (_pattern(fold(value)), value), is_guessed=True)
        return Condition(f"strpos({field.column}, {{0}}) > 0", (value,), is_served=False)

    return {"like": like, "contains": contains}


def _is_found_folded(field: Field) -> bool:
    """Tell whether an index finds a value without its case, while the case counts."""
    return field.indexed != "" and field.indexed == field.folded != field.column


def _cased(field: Field, value: str) -> str:
    """Return a value as the column holds it: without its case where the field has none."""
    return fold(value) if field.folded == field.column else value


def any_text(value: str) -> str:
    """Read any text; raises `FilterError` for a NUL, or where it is longer than any field."""
    if "\x00" in value:
        raise FilterError("invalid_value", "must not contain NUL characters")
    if len(value) > LONGEST_VALUE:
        raise FilterError("too_long", f"must be at most {LONGEST_VALUE} characters, got {len(value)}")
    return value


def address(value: str) -> str:
    """Read an email address or a part of one: it has no spaces, so one is a plus sign that was not encoded."""
    return any_text(value).replace(" ", "+")


def phone_number(value: str) -> str:
    """Read a phone number as it is stored; a space in front is a plus sign that was not encoded."""
    return _digits(f"+{value[1:]}" if value.startswith(" ") else value)


def part_of_phone_number(value: str) -> str:
    """Read a part of a phone number; a space in front may be a plus sign that was not encoded, or none: both match."""
    return _digits(value)


def _digits(value: str) -> str:
    digits = without_separators(any_text(value))
    if value and not digits:
        raise FilterError("invalid_value", "must have more than spaces, dots, dashes and brackets, which are taken out")
    return digits


def currency(value: str) -> str:
    """Read a whole currency code."""
    if value not in currencies():
        raise FilterError("invalid_value", "must be an ISO 4217 currency code in small letters, such as usd")
    return value


def _has_trigrams(value: str) -> bool:
    """Tell whether an index of trigrams finds a value; one that it does not makes it read all of itself."""
    return _WORD.search(value) is not None


_LAST = "\U0010ffff"
"""What sorts after all other characters, as bytes do."""

_WORD = re.compile(r"[^\W_]{3}")


def _pattern(value: str) -> str:
    return f"%{_SPECIAL.sub(_ESCAPED, value)}%"


_SPECIAL = re.compile(r"[%_\\]")
_ESCAPED = r"\\\g<0>"
