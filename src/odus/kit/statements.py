"""Statements: SQL put together from parts that are ours, with the caller's values as its arguments."""

from collections.abc import Iterable
from typing import LiteralString, cast  # a place's number is nothing that a user wrote

from odus.kit.filters import Condition, Field


class Statement:
    """A statement in the making: its arguments so far, the merchant first."""

    def __init__(self, merchant_id: str) -> None:
        """Begin with the merchant in `$1`, whose rows alone are seen."""
        self.arguments: list[object] = [merchant_id]

    def place(self, value: object) -> LiteralString:
        """Add an argument; return the place where it stands, such as `$2`."""
        self.arguments.append(value)
        return cast("LiteralString", f"${len(self.arguments)}")

    def where(self, conditions: Iterable[Condition]) -> LiteralString:
        """Return the conditions, the merchant's first."""
        return " and ".join(["merchant_id = $1", *map(self._condition, conditions)])

    def _condition(self, condition: Condition) -> LiteralString:
        places: list[LiteralString] = [self.place(argument) for argument in condition.arguments]
        return condition.sql.format(*places)


def order(sort: Field, column: LiteralString = "", *, is_descending: bool) -> LiteralString:
    """Return the order of a list, in which ids break ties; null is the greatest, so one way is the other turned."""
    way: LiteralString = "desc" if is_descending else "asc"
    by = column or sort.sorted_by
    return f"id {way}" if by == "id" else f"{by} {way}, id {way}"
