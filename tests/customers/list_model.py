"""The list of customers as a plain function of their JSON: what the API must answer to any query (api.md §4)."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
"""A customer as the API shows it."""


@dataclass(frozen=True)
class Filter:
    """A filter, as it is meant: the value, or the values of `in` and `nin`."""

    field: str
    operator: str
    values: tuple[str, ...]
    key: str = ""
    """The key of metadata."""
    is_repeated: bool = False
    """Whether it is sent as `field[in][]`, once for each value."""
    is_short: bool = False
    """Whether it is sent as `field=value`."""

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Return it as it is sent."""
        name = f"{self.field}[{self.key}]" if self.key else self.field
        if self.is_short:
            return [(name, self.values[0])]
        if self.operator not in ("in", "nin"):
            return [(f"{name}[{self.operator}]", self.values[0])]
        if self.is_repeated:
            return [(f"{name}[{self.operator}][]", value) for value in self.values]
        escaped = (value.replace("\\", "\\\\").replace(",", "\\,") for value in self.values)
        return [(f"{name}[{self.operator}]", ",".join(escaped))]


@dataclass(frozen=True)
class Query:
    """What is asked of the list."""

    filters: tuple[Filter, ...] = ()
    sort: str = "createdAt"
    direction: str = "asc"
    page: int = 1
    size: int = 10
    limits: dict[str, int] = field(default_factory=dict[str, int], compare=False)
    """What a list does at these sizes it does here at smaller ones: the names in `search`, each with its value."""

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Return it as it is sent, but for the page."""
        filters = [parameter for each in self.filters for parameter in each.parameters]
        return [*filters, ("sortBy", self.sort), ("sortDirection", self.direction), ("pageSize", str(self.size))]


def matching(rows: list[Row], query: Query) -> list[Row]:
    """Return all rows that match, in order."""
    found = [row for row in rows if all(_matches(row, each) for each in query.filters)]
    return sorted(found, key=lambda row: _rank(row, query.sort), reverse=query.direction.lower() == "desc")


def page(rows: list[Row], query: Query) -> dict[str, object]:
    """Return the whole answer."""
    found = matching(rows, query)
    before = (query.page - 1) * query.size
    return {
        "data": found[before : before + query.size],
        "pagination": {
            "hasNextPage": before + query.size < len(found),
            "hasPreviousPage": query.page > 1 and bool(found),
            "itemCount": len(found),
            "page": query.page,
            "pageCount": math.ceil(len(found) / query.size),
            "pageSize": query.size,
        },
    }


def _rank(row: Row, sort: str) -> tuple[bool, str, str]:
    value = row[sort]
    if value is None:
        return True, "", row["id"]
    return False, value.casefold() if sort in ("email", "name") else value, row["id"]


def _matches(row: Row, wanted: Filter) -> bool:
    held = row["metadata"].get(wanted.key) if wanted.key else row[wanted.field]
    if wanted.operator == "exists":
        return (held is not None) == (wanted.values[0] == "true")
    if held is None:
        return wanted.operator in ("ne", "nin")
    meaning = _MEANINGS.get(wanted.field, _as_it_is)
    if meaning is _phone_numbers and wanted.operator in ("like", "contains"):
        meaning = _parts_of_phone_numbers
    pairs = [meaning(held, value) for value in wanted.values]
    return _HOLDS[wanted.operator](pairs)


Pairs = list[tuple[str, str]]
"""What is held, beside each value that it is compared with."""

_HOLDS: dict[str, Callable[[Pairs], bool]] = {
    "eq": lambda pairs: pairs[0][0] == pairs[0][1],
    "ne": lambda pairs: pairs[0][0] != pairs[0][1],
    "gt": lambda pairs: pairs[0][0] > pairs[0][1],
    "gte": lambda pairs: pairs[0][0] >= pairs[0][1],
    "lt": lambda pairs: pairs[0][0] < pairs[0][1],
    "lte": lambda pairs: pairs[0][0] <= pairs[0][1],
    "like": lambda pairs: pairs[0][1].casefold() in pairs[0][0].casefold(),
    "contains": lambda pairs: pairs[0][1] in pairs[0][0],
    "in": lambda pairs: any(held == value for held, value in pairs),
    "nin": lambda pairs: all(held != value for held, value in pairs),
}


def _as_it_is(held: str, value: str) -> tuple[str, str]:
    return held, value


def _emails(held: str, value: str) -> tuple[str, str]:
    return held.casefold(), value.replace(" ", "+").casefold()


def _phone_numbers(held: str, value: str) -> tuple[str, str]:
    return _parts_of_phone_numbers(held, re.sub(r"^ ", "+", value))


def _parts_of_phone_numbers(held: str, value: str) -> tuple[str, str]:
    return held, re.sub(r"[ .()\[\]-]", "", value)


def _times(held: str, value: str) -> tuple[str, str]:
    meant = SAME_MOMENTS.get(value, value)
    return held[: len(meant)], meant


_MEANINGS = {"email": _emails, "phoneNumber": _phone_numbers, "createdAt": _times, "updatedAt": _times}

SAME_MOMENTS = {
    "2024-02-18T01:00:00+01:00": "2024-02-18T00:00:00.000Z",
    "2024-02-18T01:00:00 01:00": "2024-02-18T00:00:00.000Z",
    "2024-02-17T18:30-0530": "2024-02-18T00:00:00.000Z",
    "2024-02-18T12:00:00.123999Z": "2024-02-18T12:00:00.123Z",
    "2024-02-18T12:00:00.123 00": "2024-02-18T12:00:00.123Z",
    "2024-02-19T00:00Z": "2024-02-19T00:00:00.000Z",
}
"""Moments as they may be written, and as they are shown."""
