"""Lists: what a caller may ask of one, what was asked, and the answer that every list gives (api.md §4)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Generic, LiteralString, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from odus.kit import cursors, problems
from odus.kit.cursors import Position
from odus.kit.filters import LISTS, MOST_VALUES, Condition, Field, FilterError, split
from odus.kit.problems import FieldError

T = TypeVar("T")

DEFAULT_SIZE = 10
LARGEST_SIZE = 100
MOST_FILTERS = 100
"""Filters of one request: with `MOST_VALUES` in each, PostgreSQL still takes them all as arguments of a statement."""
LAST_OFFSET = 2**63 - 1
"""The largest offset that PostgreSQL takes, and the last page that is told from those behind it: all are empty."""

DEFAULT_SORT = "createdAt"
DIRECTIONS = ("asc", "desc", "ASC", "DESC")
PARAMETERS = ("page", "pageSize", "cursor", "sortBy", "sortDirection")
"""What every list takes, besides its filters."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What can be listed: the one place that says which fields filter and sort, and from which columns."""

    table: LiteralString
    columns: LiteralString
    """What is selected of each row."""
    fields: tuple[Field, ...]
    changes: LiteralString = ""
    """The table's log of changes, by which its counts are kept (see `counts`); empty: it is counted each time."""

    @property
    def sorts(self) -> dict[str, Field]:
        """The fields that it can be sorted by."""
        return {field.name: field for field in self.fields if field.sorted_by}

    def without(self, name: str) -> "Listing":
        """Return the same without a field, which is given otherwise."""
        return msgspec.structs.replace(self, fields=tuple(field for field in self.fields if field.name != name))


class Paging(msgspec.Struct, frozen=True):
    """A page, counted from 1, and how many items a page has."""

    number: int = 1
    size: int = DEFAULT_SIZE

    @property
    def offset(self) -> int:
        """How many items stand before this page."""
        return min((self.number - 1) * self.size, LAST_OFFSET)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asked of a list."""

    sort: Field
    is_descending: bool = False
    paging: Paging = Paging()
    filters: tuple[tuple[str, Condition], ...] = ()
    """Each filter in force, with the parameter that it came as."""
    walks: bool = False
    """Whether it is walked through by a cursor, not by pages."""
    cursor: str = ""
    """The token of where the walk stands, for `resumed` to read; empty: before the first."""
    after: Position | None = None
    """Where the walk stands; None: before the first."""

    @property
    def conditions(self) -> list[Condition]:
        """The filters in force."""
        return [condition for _, condition in self.filters]

    @property
    def is_served(self) -> bool:
        """Whether an index narrows each filter."""
        return all(condition.is_served for _, condition in self.filters)

    @property
    def is_guessed(self) -> bool:
        """Whether PostgreSQL knows little about how many rows match."""
        return any(condition.is_guessed or not condition.is_served for _, condition in self.filters)

    def within(self, parameter: str, condition: Condition) -> "Asked":
        """Return the same with a condition more."""
        return msgspec.structs.replace(self, filters=((parameter, condition), *self.filters))


class Pagination(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Where a page stands among all matches. A step by `cursor` has only `hasNextPage`, `pageSize` and `nextCursor`."""

    has_next_page: bool
    has_previous_page: bool | UnsetType = UNSET
    item_count: Annotated[int | UnsetType, Meta(description="The exact number of all matches.")] = UNSET
    page: int | UnsetType = UNSET
    page_count: int | UnsetType = UNSET
    page_size: int
    next_cursor: Annotated[
        str | UnsetType | None,
        Meta(description="Where `cursor` was sent: what to send as `cursor` for what follows, null at the end."),
    ] = UNSET


class Page(msgspec.Struct, Generic[T], frozen=True):
    """The answer of every list."""

    data: list[T]
    pagination: Pagination


def parse(listing: Listing, parameters: Mapping[str, Sequence[str]]) -> Asked:
    """Read the parameters of a list. Raises `validation_failed`, naming each that is wrong and what is supported.

    An invalid `page` or `pageSize` is silently the first page of the default size.
    """
    errors = [FieldError(name, "invalid_value", "stands twice") for name in _twice(parameters)]
    first = {name: values[0] for name, values in parameters.items()}
    sort = _sort(listing, first, errors)
    filters = tuple(_filters(listing, parameters, errors))
    for name, _ in filters[MOST_FILTERS:]:
        errors.append(FieldError(name, "too_many", f"is a filter more than the {MOST_FILTERS} that a list takes"))
    asked = Asked(
        sort=sort,
        is_descending=first.get("sortDirection", "asc").lower() == "desc",
        paging=paging(first),
        filters=filters,
        walks="cursor" in first,
        cursor=first.get("cursor", ""),
    )
    if asked.walks and "page" in first:
        errors.append(FieldError("cursor", "invalid_value", "cannot stand beside page"))
    if errors:
        raise problems.invalid(errors)
    return asked


def resumed(listing: Listing, asked: Asked) -> Asked:
    """Return a walk with the position that its token tells, once all conditions are known, the list's own too.

    Raises `validation_failed` for what is no token, or is one of another walk.
    """
    if not asked.cursor:
        return asked
    try:
        return msgspec.structs.replace(asked, after=cursors.read(asked.cursor, _walk(listing, asked)))
    except ValueError as error:
        raise problems.invalid([FieldError("cursor", "invalid_value", str(error))]) from None


def paging(parameters: Mapping[str, str]) -> Paging:
    """Read `page` and `pageSize`; where one is invalid, silently the first page with the default size."""
    number = _whole(parameters.get("page", "1"))
    size = _whole(parameters.get("pageSize", str(DEFAULT_SIZE)))
    return Paging(number, size) if number and 0 < size <= LARGEST_SIZE else Paging()


def page_of(data: list[T], count: int, paging: Paging) -> Page[T]:
    """Put a page's items and the exact number of all matches into the answer."""
    page_count = -(-count // paging.size)
    return Page(
        data,
        Pagination(
            has_next_page=paging.number < page_count,
            has_previous_page=paging.number > 1 and count > 0,
            item_count=count,
            page=paging.number,
            page_count=page_count,
            page_size=paging.size,
        ),
    )


def step_of(data: list[T], last: Position | None, listing: Listing, asked: Asked) -> Page[T]:
    """Put a step of a walk into the answer; `last` is where it stands now, or None at the end."""
    token = None if last is None else cursors.write(last, _walk(listing, asked))
    return Page(data, Pagination(has_next_page=last is not None, page_size=asked.paging.size, next_cursor=token))


def _whole(text: str) -> int:
    """Read a whole number, up to the last page that there can be; 0 for what is none."""
    if not text.isascii() or not text.isdigit():
        return 0
    digits = text.lstrip("0")
    return LAST_OFFSET if len(digits) > len(str(LAST_OFFSET)) else min(int(digits or "0"), LAST_OFFSET)


def _twice(parameters: Mapping[str, Sequence[str]]) -> Iterator[str]:
    return (name for name, values in parameters.items() if len(values) > 1 and not name.endswith("[]"))


def _sort(listing: Listing, sent: Mapping[str, str], errors: list[FieldError]) -> Field:
    sorts = listing.sorts
    name = sent.get("sortBy", DEFAULT_SORT)
    if name not in sorts:
        errors.append(FieldError("sortBy", "invalid_value", f"must be one of {', '.join(sorts)}"))
    if sent.get("sortDirection", "asc") not in DIRECTIONS:
        errors.append(FieldError("sortDirection", "invalid_value", f"must be one of {', '.join(DIRECTIONS)}"))
    return sorts.get(name, sorts[DEFAULT_SORT])


def _filters(
    listing: Listing, parameters: Mapping[str, Sequence[str]], errors: list[FieldError]
) -> Iterator[tuple[str, Condition]]:
    for parameter, values in parameters.items():
        if parameter not in PARAMETERS:
            try:
                yield parameter, _condition(listing, parameter, values)
            except FilterError as error:
                errors.append(FieldError(parameter, error.code, str(error)))


def _condition(listing: Listing, parameter: str, values: Sequence[str]) -> Condition:
    """Make the condition of `field=`, `field[operator]=`, `field[in][]=`, or the same of a key, `field[key]…=`."""
    match = _PARAMETER.fullmatch(parameter)
    field = next((each for each in listing.fields if match and each.name == match[1]), None)
    if match is None or field is None:
        raise FilterError("unknown_field", f"is not supported here; supported are {_supported(listing)}")
    parts: list[str] = _BRACKETED.findall(match[2])
    key = ""
    if field.kind.is_keyed:
        if not parts or not parts[0]:
            raise FilterError("unknown_field", f"needs a key, as in {field.name}[tier][eq]")
        key = parts.pop(0)
        if "\x00" in key:
            raise FilterError("unknown_field", "names a key with a NUL character, which none can have")
    name, *rest = parts or ["eq"]
    operator = field.kind.operators.get(name)
    if operator is None or (rest and (rest != [""] or name not in LISTS)):
        known = ", ".join(field.kind.operators)
        written = "".join(f"[{part}]" for part in (name, *rest))
        raise FilterError("unknown_operator", f"has the operator {written}; supported are {known}")
    if name in LISTS:
        values = values if rest else split(values[0])
        if len(values) > MOST_VALUES:
            raise FilterError("too_many", f"must be at most {MOST_VALUES} values, got {len(values)}")
    return operator(field, key, values)


_PARAMETER = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKETED = re.compile(r"\[([^\[\]]*)\]")


def _supported(listing: Listing) -> str:
    filters = (f"{field.name}[key]" if field.kind.is_keyed else field.name for field in listing.fields)
    return f"{', '.join(PARAMETERS)}, and the filters {', '.join(filters)}"


def _walk(listing: Listing, asked: Asked) -> cursors.Walk:
    """Return what stays the same from step to step."""
    return cursors.Walk(listing.table, asked.sort, asked.is_descending, asked.conditions)
