"""Every log of changes holds what its list is filtered and sorted by, as the table does: else no count can be kept."""

import itertools

import pytest

from odus.kit.db import Database
from odus.kit.filters import Condition, Field
from odus.kit.lists import Listing
from odus.kit.statements import Statement
from odus.payment_methods.queries import ATTACHED
from tests.operations import OPERATIONS

LOGGED = {each.listing.table: each.listing for each in OPERATIONS if each.listing and each.listing.changes}
logged = pytest.mark.parametrize("listing", LOGGED.values(), ids=LOGGED)

OF_THE_LOG = {"xid", "server", "weight"}
"""Columns that the log has besides the table's."""
BESIDES = {"payment_methods": [ATTACHED]}
"""Conditions of a list that no caller sends."""


def conditions(listing: Listing) -> list[Condition]:
    """Return a condition of each field by each of its operators, and the list's own."""
    sent = [
        field.kind.operators[operator](field, "tier", [_value(field, operator)])
        for field in listing.fields
        for operator in field.kind.operators
    ]
    return [*sent, *BESIDES.get(listing.table, [])]


def _value(field: Field, operator: str) -> str:
    if operator == "exists" or field.kind.schema.get("type") == "boolean":
        return "true"
    if "enum" in field.kind.schema:
        return str(next(iter(field.kind.schema["enum"])))
    return "1" if field.kind.is_number else "2024-02-18"


def test_the_lists_whose_counts_are_kept_are_known() -> None:
    assert set(LOGGED) == {"customers", "events", "payment_methods", "payments", "subscriptions"}


@logged
async def test_whatever_a_list_is_filtered_by_can_be_asked_of_its_log(database: Database, listing: Listing) -> None:
    for condition, table in itertools.product(conditions(listing), (listing.table, listing.changes)):
        statement = Statement("mer_1")
        where = statement.where([condition])
        assert await database.read.count(f"select count(*) from {table} where {where}", *statement.arguments) == 0


@logged
async def test_whatever_a_list_is_sorted_by_is_in_its_log(database: Database, listing: Listing) -> None:
    assert set(await _columns(database, listing.changes)) >= {
        "id",
        *(field.sorted_by for field in listing.sorts.values()),
    }


@logged
async def test_what_is_in_a_log_is_of_the_kind_that_it_is_of_in_the_table(database: Database, listing: Listing) -> None:
    table, log = await _columns(database, listing.table), await _columns(database, listing.changes)
    assert set(log) >= OF_THE_LOG
    for name in set(log) - OF_THE_LOG:
        assert log[name] == table[name], name


async def _columns(database: Database, table: str) -> dict[str, tuple[object, ...]]:
    """Return the columns of a table, each with its type and what it is compared by."""
    rows = await database.read.rows(
        "select column_name, data_type, datetime_precision, collation_name from information_schema.columns"
        " where table_name = $1",
        table,
    )
    return {row["column_name"]: tuple(row)[1:] for row in rows}
