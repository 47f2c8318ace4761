"""Lists: which page was asked for, and the answer that every list gives."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from odus.kit import problems
from odus.kit.problems import FieldError

T = TypeVar("T")

DEFAULT_SIZE = 10
LARGEST_SIZE = 100
LAST_OFFSET = 2**63 - 1
"""The largest offset that PostgreSQL takes."""

PARAMETERS = ("page", "pageSize")


class Paging(msgspec.Struct, frozen=True):
    """A page, counted from 1, and how many items a page has."""

    number: int = 1
    size: int = DEFAULT_SIZE

    @property
    def offset(self) -> int:
        """How many items stand before this page."""
        return min((self.number - 1) * self.size, LAST_OFFSET)


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """Where a page stands among all matches."""

    has_next_page: bool
    has_previous_page: bool
    item_count: int
    page: int
    page_count: int
    page_size: int


class Page(msgspec.Struct, Generic[T], frozen=True):
    """The answer of every list."""

    data: list[T]
    pagination: Pagination


def paging(parameters: Mapping[str, str]) -> Paging:
    """Read `page` and `pageSize`; where one is invalid, silently the first page with the default size (api.md §4)."""
    unknown = [name for name in parameters if name not in PARAMETERS]
    if unknown:
        message = f"is not supported here; supported are {', '.join(PARAMETERS)}"
        raise problems.invalid([FieldError(name, "unknown_field", message) for name in unknown])
    number, size = parameters.get("page", "1"), parameters.get("pageSize", str(DEFAULT_SIZE))
    if _whole(number) and _whole(size) and int(number) > 0 and 0 < int(size) <= LARGEST_SIZE:
        return Paging(int(number), int(size))
    return Paging()


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


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(LAST_OFFSET))
