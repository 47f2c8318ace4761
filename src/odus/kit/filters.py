"""Filters: the fields of a list, and the conditions that a caller's filters on them become.

A value never becomes part of a statement: a `Condition` has numbered places, `{0}`, for its arguments.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import LiteralString

import msgspec

MOST_VALUES = 100
"""Values of `in` and `nin` (api.md §4)."""


class FilterError(Exception):
    """What is wrong with a filter's value; `code` is one of `problems.FIELD_CODES`."""

    def __init__(self, code: str, message: str) -> None:
        """Take the code, and the rest of the sentence that the parameter begins."""
        self.code = code
        super().__init__(message)


class Condition(msgspec.Struct, frozen=True):
    """A filter in force: SQL with places for its arguments."""

    sql: LiteralString
    arguments: tuple[object, ...] = ()
    is_served: bool = True
    """Whether an index narrows it; one that is not has to look at each row."""
    is_guessed: bool = False
    """Whether PostgreSQL's statistics say little about how many rows it matches, so that they choose bad plans."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field that a list filters or sorts by, and the columns behind it."""

    name: str
    kind: "Kind"
    column: LiteralString
    folded: LiteralString = ""
    """The same text without its case (see `folding`), for a field of text; `column` itself where it has no case."""
    indexed: LiteralString = ""
    """Which of the two an index finds; empty: none does."""
    has_trigrams: bool = False
    """Whether an index finds a part of `folded`."""
    sorted_by: LiteralString = ""
    """What sorts a list by this field; empty: it does not sort."""
    is_nullable: bool = False


class Kind(msgspec.Struct, frozen=True):
    """A kind of field: what each of its operators makes of the values that were sent."""

    operators: "Mapping[str, Operator]"
    about: str
    """What a value is, for the reference."""
    schema: Mapping[str, object]
    """The JSON Schema of a value."""
    among: str
    """A regular expression of a value among several, as `in` takes them."""
    is_time: bool = False
    is_number: bool = False
    is_keyed: bool = False
    """Whether it is an object of which one key is filtered by: `metadata[tier][eq]=premium`."""


Operator = Callable[[Field, str, Sequence[str]], Condition]
"""Makes a condition of a field, its key where it is keyed, and its values: one, but for `in` and `nin`."""

OPERATORS = {
    "eq": "The field is the value.",
    "ne": "The field is not the value, or is null.",
    "like": "The value occurs in the field; case is ignored.",
    "contains": "The value occurs in the field; case counts.",
    "in": rf"The field is one of at most {MOST_VALUES} values with commas between them; `\,` is a comma and `\\` a "
    "backslash inside a value. Or each value is a parameter of its own, as it is: `field[in][]=value`.",
    "nin": "The field is none of the values, or is null; written as for `in`.",
    "gt": "The field is after the value; for an amount: more than it.",
    "gte": "The field is the value, or after it; for an amount: at least it.",
    "lt": "The field is before the value; for an amount: less than it.",
    "lte": "The field is the value, or before it; for an amount: at most it.",
    "exists": "`true`: the field is not null; `false`: it is null.",
}
"""Every operator, and what it asks, for the reference."""


def exists(field: Field, _key: str, values: Sequence[str]) -> Condition:
    """Hold that a field is there, or that it is not: the operator that every field has."""
    column = field.indexed or field.column
    test: LiteralString = "is not null" if truth(values[0]) else "is null"
    return Condition(f"{column} {test}", (), bool(field.indexed))


def truth(value: str) -> bool:
    """Read `true` or `false`."""
    if value not in ("true", "false"):
        raise FilterError("invalid_value", "must be true or false")
    return value == "true"


LISTS = ("in", "nin")
"""The operators that take several values."""


def split(text: str) -> list[str]:
    r"""Split the values of `in` at the commas; `\,` is a comma and `\\` a backslash inside a value."""
    values = [""]
    for part in _PARTS.findall(text):
        if part == ",":
            values.append("")
        else:
            values[-1] += part[1] if part in (r"\,", r"\\") else part
    return values


def escaped(value: str) -> str:
    r"""Write a value as it stands among those of `in`: the other way round of `split`."""
    return value.replace("\\", r"\\").replace(",", r"\,")


_PARTS = re.compile(r"\\[,\\]|,|[^,\\]+|\\")
