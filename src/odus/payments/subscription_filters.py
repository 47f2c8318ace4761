"""Filters of payments by subscription: those that charged its cycles, and the one that it was born of.

Of several subscriptions that are born of one payment, that names the first; the others name it. Which one that is never
changes, and nobody knows a subscription's id before its payment is counted as one of it: so kept counts stay right.
"""

from collections.abc import Sequence
from typing import LiteralString

import msgspec

from odus.kit import kinds
from odus.kit.filters import Condition, Field
from odus.kit.text_filters import any_text

_BIRTH: LiteralString = "(select payment_id from subscriptions where merchant_id = $1 and subscriptions.id = {0})"
_BIRTHS: LiteralString = "(select payment_id from subscriptions where merchant_id = $1 and subscriptions.id = any({0}))"


def _equal(field: Field, _key: str, values: Sequence[str]) -> Condition:
    return Condition(f"({field.column} = {{0}} or id = {_BIRTH})", (any_text(values[0]),))


def _unequal(field: Field, _key: str, values: Sequence[str]) -> Condition:
    sql: LiteralString = f"({field.column} is distinct from {{0}} and id is distinct from {_BIRTH})"
    return Condition(sql, (any_text(values[0]),), is_served=False)


def _one_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
    known = [any_text(value) for value in values]
    return Condition(f"({field.column} = any({{0}}) or id in {_BIRTHS})", (known,))


def _none_of(field: Field, _key: str, values: Sequence[str]) -> Condition:
    known = [any_text(value) for value in values]
    sql: LiteralString = f"(({field.column} <> all({{0}})) is not false and id not in {_BIRTHS})"
    return Condition(sql, (known,), is_served=False)


KIND = msgspec.structs.replace(
    kinds.TEXT,
    operators={**kinds.TEXT.operators, "eq": _equal, "ne": _unequal, "in": _one_of, "nin": _none_of},
    about="a subscription's id, by which the payment that it was born of is found too; or a part of one",
)
"""The id of a subscription, as payments are filtered by it."""
