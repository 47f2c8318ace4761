"""Filters of numbers: amounts of money, which are compared, and flags, which are true or false."""

import re
from collections.abc import Sequence

from odus.kit.filters import Condition, Field, FilterError, Operator, exists, truth

LARGEST = 2**63 - 1
"""The largest number that PostgreSQL's `bigint` holds; its smallest is one further from 0."""


def whole(value: str) -> int:
    """Read a whole number."""
    if not _WHOLE.fullmatch(value):
        raise FilterError("invalid_format", "must be a whole number, such as 1250: amounts are in the minor unit")
    number = int(value) if len(value) <= len(str(-LARGEST)) else LARGEST + 1
    if not -LARGEST - 1 <= number <= LARGEST:
        raise FilterError("out_of_range", f"must be from {-LARGEST - 1} to {LARGEST}")
    return number


_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")


def _equal(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} = {{0}}", (whole(values[0]),), bool(field.indexed))


def _unequal(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} is distinct from {{0}}", (whole(values[0]),), is_served=False)


def _more(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} > {{0}}", (whole(values[0]),), bool(field.indexed))


def _at_least(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} >= {{0}}", (whole(values[0]),), bool(field.indexed))


def _less(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} < {{0}}", (whole(values[0]),), bool(field.indexed))


def _at_most(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} <= {{0}}", (whole(values[0]),), bool(field.indexed))


def _one_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} = any({{0}})", ([whole(value) for value in values],), bool(field.indexed))


def _none_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
    known = [whole(value) for value in values]
    return Condition(f"({field.column} <> all({{0}})) is not false", (known,), is_served=False)


AMOUNT: dict[str, Operator] = {
    "eq": _equal,
    "ne": _unequal,
    "gt": _more,
    "gte": _at_least,
    "lt": _less,
    "lte": _at_most,
    "in": _one_of,
    "nin": _none_of,
    "exists": exists,
}


def _is(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} = {{0}}", (truth(values[0]),), bool(field.indexed))


def _is_not(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"{field.column} is distinct from {{0}}", (truth(values[0]),), is_served=False)


FLAG: dict[str, Operator] = {"eq": _is, "ne": _is_not, "exists": exists}
