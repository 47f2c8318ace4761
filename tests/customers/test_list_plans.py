"""How PostgreSQL finds 100,000 customers: by an index, wherever a filter says that one serves it."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import asyncpg
import pytest

from odus.customers import queries
from odus.kit import counts, lists, search
from odus.kit.db import Database, Limits, Search
from odus.kit.lists import Asked
from tests.faults import store
from tests.recorded import Recorded

MANY = 100_000

FILL = f"""
insert into customers (merchant_id, id, email, name, phone_number, date_of_birth, metadata, restrict_cit, restrict_mit,
    created_at, updated_at)
select $1, 'cus_' || lpad(n::text, 27, '0'), 'mail' || to_hex(n * 7919) || '@example.com',
    case when n % 10 > 0 then 'Name ' || to_hex(n * 7907) end,
    case when n % 3 > 0 then '+1555' || lpad(n::text, 7, '0') end,
    case when n % 4 > 0 then date '1950-01-01' + n % 20000 end,
    jsonb_build_object('number', n::text, 'tier', (n % 5)::text) ||
        case when n % 5000 = 0 then '{{"rare": "yes"}}' else '{{}}'::jsonb end,
    false, false, timestamptz '2020-01-01Z' + n * interval '10 minutes',
    timestamptz '2022-01-01Z' + n * interval '1 hour'
from generate_series(1, {MANY}) as n
"""

INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as made from pg_index
where indrelid = 'customers'::regclass and not indisprimary
"""

SERVED = (
    *("id=cus_000000000000000000000050000", "id[in]=cus_000000000000000000000050000,cus_000000000000000000000050001"),
    *(
        "email=MAIL@example.com",
        "email[in]=a@example.com,b@example.com",
        "email[like]=c4ca42",
        "email[like]=a1b2c3",
    ),
    *("email[contains]=C4CA42", "name=Name x", "name[in]=Name x,Name y", "name[like]=c4ca42"),
    *("name[contains]=Name c4ca42", "phoneNumber=+15550000005", "phoneNumber[in]=+15550000005,+15550000007"),
    *("dateOfBirth=1990-05-17", "dateOfBirth[in]=1990-05-17,1990-05-18", "dateOfBirth[lt]=1950-01-10"),
    *("dateOfBirth[lte]=1950-01-10", "dateOfBirth[gt]=2004-10-01", "dateOfBirth[gte]=2004-10-01"),
    *("createdAt=2021-01-01", "createdAt[in]=2021-01-01,2021-01-02", "createdAt[lt]=2020-01-03"),
    *("createdAt[lte]=2020-01-03", "createdAt[gt]=2021-11-20", "createdAt[gte]=2021-11-20T00:00:00Z"),
    *("updatedAt=2022-03-01", "updatedAt[in]=2022-03-01,2022-03-02", "updatedAt[lt]=2022-01-30"),
    *("updatedAt[lte]=2022-01-30", "updatedAt[gt]=2033-05-10", "updatedAt[gte]=2033-05-10"),
    *("metadata[number]=77777", "metadata[number][in]=1,2,3", "metadata[rare][exists]=true", "metadata[none][eq]=x"),
    *("id[exists]=false", "email[exists]=false", "name[exists]=false", "createdAt[exists]=false"),
    *("updatedAt[exists]=false", "phoneNumber[exists]=false", "dateOfBirth[exists]=false"),
)
UNSERVED = (
    *("id[like]=cus_", "id[ne]=x", "email[ne]=x", "email[nin]=x,y", "phoneNumber[like]=555"),
    *("createdAt[ne]=2021-01-01", "metadata[tier][like]=1", "metadata[tier][ne]=1", "metadata[tier][exists]=false"),
    *("email[like]=a", "email[like]=ab", "email[like]=@", "name[like]=é!", "name[contains]=Na", "email[contains]=.c"),
    *("email[like]=a.b@c-d", "name[like]=%__%", "email[like]="),
)
SHORT = (
    "email[like]=a",
    "email[like]=ab",
    "email[contains]=ab",
    "name[like]=na",
    "name[contains]=N",
    "name[like]=李明",
)


@dataclass
class Place:
    """A merchant with many customers."""

    merchant_id: str
    search: Search
    planner: asyncpg.Connection

    async def plans(self, asked: Asked) -> list[dict[str, Any]]:
        """Return the plans of all statements that a page and its count send."""
        recorded = Recorded(self.search)
        await search.find(recorded, queries.LISTING, self.merchant_id, asked, lambda row: row["id"])
        await counts.count_anew(recorded, queries.LISTING, self.merchant_id, asked.conditions)
        return [await self.plan(sql, arguments) for sql, arguments in recorded.sent]

    async def plan(self, sql: LiteralString, arguments: tuple[object, ...]) -> dict[str, Any]:
        """Return how a statement is carried out."""
        found = await self.planner.fetchval(f"explain (format json) {sql}", *arguments)
        return json.loads(found)[0]["Plan"]


@pytest.fixture(scope="module")
async def place(server_url: str) -> AsyncIterator[Place]:
    async with store.database(server_url, 2, Limits(2, 30.0)) as (url, database):
        merchant_id = await store.merchant(database)
        await _fill(database, merchant_id)
        await queries.vacuum(database.write)
        settings = {"plan_cache_mode": "force_custom_plan", "jit": "off"}
        planner = await asyncpg.connect(url, server_settings=settings)
        yield Place(merchant_id, database.search, planner)
        await planner.close()


async def _fill(database: Database, merchant_id: str) -> None:
    """Add the customers, and only then the indexes, which takes a third of the time."""
    made = await database.read.rows(INDEXES)
    for row in made:
        await database.write.run(f"drop index {row['name']}")
    await database.write.run(FILL, merchant_id)
    for row in made:
        await database.write.run(row["made"])


def asked(text: str) -> Asked:
    name, _, value = text.partition("=")
    return lists.parse(queries.LISTING, {name: [value]})


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def scans(plans: list[dict[str, Any]]) -> set[str]:
    """Return the ways in which customers are read."""
    found = (node for plan in plans for node in nodes(plan) if node.get("Relation Name") == "customers")
    return {node["Node Type"] for node in found}


def indexes(plans: list[dict[str, Any]]) -> set[str]:
    """Return the indexes that are read."""
    return {node["Index Name"] for plan in plans for node in nodes(plan) if "Index Name" in node}


@pytest.mark.parametrize("text", SERVED)
async def test_a_filter_that_an_index_serves_reads_no_table_whole(place: Place, text: str) -> None:
    wanted = asked(text)
    assert [condition.is_served for condition in wanted.conditions] == [True]
    plans = await place.plans(wanted)
    assert len(plans) >= 2
    assert scans(plans) or text.endswith("[exists]=false")  # of what cannot be null, nothing is read
    assert not [way for way in scans(plans) if "Seq" in way]


def test_every_operator_that_an_index_serves_is_looked_at() -> None:
    looked_at = {name for text in SERVED for name in [text.partition("=")[0]]}
    values = {"metadata": "x", "dateOfBirth": "2000-01-01", "createdAt": "2000-01-01", "updatedAt": "2000-01-01"}
    for field in queries.LISTING.fields:
        for operator, make in field.kind.operators.items():
            value = "true" if operator == "exists" else values.get(field.name, "long enough")
            if make(field, "key", [value]).is_served:
                key = "[number]" if field.name == "metadata" else ""
                forms = {f"{field.name}{key}[{operator}]", f"{field.name}[rare][{operator}]"}
                short = {f"{field.name}{key}"} if operator == "eq" else set[str]()
                assert (forms | short) & looked_at, (field.name, operator)


@pytest.mark.parametrize("text", UNSERVED)
def test_a_filter_that_no_index_serves_says_so(text: str) -> None:
    assert [condition.is_served for condition in asked(text).conditions] == [False]


@pytest.mark.parametrize("text", SHORT)
async def test_a_part_of_one_or_two_characters_is_not_searched_in_the_index_of_parts(place: Place, text: str) -> None:
    plans = await place.plans(asked(text))
    assert "customers_by_part" not in indexes(plans)


async def test_a_longer_part_is_searched_in_the_index_of_parts(place: Place) -> None:
    assert "customers_by_part" in indexes(await place.plans(asked("email[like]=c4ca42")))


@pytest.mark.parametrize("name", ["createdAt[in]", "createdAt[nin]", "dateOfBirth[in]", "dateOfBirth[nin]"])
async def test_many_days_are_put_in_order_once_and_not_looked_through_for_each_row(place: Place, name: str) -> None:
    days = ",".join(f"20{year}-{month:02}-11" for year in range(10, 20) for month in range(1, 11))
    read = [node for plan in await place.plans(asked(f"{name}={days}")) for node in _read_for_each_row(plan)]
    assert not [node for node in read if node["Node Type"] == "Function Scan"]


@pytest.mark.parametrize("beside", [{}, {"cursor": [""]}, {"sortBy": ["name"], "sortDirection": ["desc"]}], ids=str)
async def test_what_matches_far_from_the_start_is_joined_to_no_more_rows_than_the_page_has(
    place: Place, beside: dict[str, list[str]]
) -> None:
    wanted = lists.parse(queries.LISTING, {"phoneNumber[like]": ["+1555009"], **beside})
    plans = await place.plans(wanted)
    joined = [
        node for plan in plans for node in nodes(plan) if "Join" in node["Node Type"] or "Loop" in node["Node Type"]
    ]
    assert all(node["Plan Rows"] <= wanted.paging.size + 1 for node in joined)


def _read_for_each_row(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        if part["Parent Relationship"] != "InitPlan":
            yield from _read_for_each_row(part)


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["createdAt", "updatedAt", "email", "name", "id"])
@pytest.mark.parametrize("page", [1, 2, 80, 500, 950, 1000])
async def test_a_page_is_read_in_the_order_of_an_index(place: Place, sort: str, direction: str, page: int) -> None:
    sent = {"sortBy": [sort], "sortDirection": [direction], "page": [str(page)], "pageSize": ["100"]}
    recorded = Recorded(place.search)
    wanted = lists.parse(queries.LISTING, sent)
    await search.find(recorded, queries.LISTING, place.merchant_id, wanted, lambda row: row["id"])
    pages = [await place.plan(sql, arguments) for sql, arguments in recorded.sent if "limit" in sql]
    assert len(pages) == 1
    assert scans(pages) <= {"Index Scan", "Index Only Scan"}
    sorted_rows = [node["Plan Rows"] for node in nodes(pages[0]) if node["Node Type"] == "Sort"]
    assert all(rows <= 100 for rows in sorted_rows)
    if page >= 80:
        assert "Index Only Scan" in scans(pages)


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["createdAt", "updatedAt", "email", "name", "id"])
async def test_a_step_of_a_walk_begins_in_an_index(place: Place, sort: str, direction: str) -> None:
    sent = {"sortBy": [sort], "sortDirection": [direction], "cursor": [""], "pageSize": ["50"]}
    first = await search.find(
        place.search, queries.LISTING, place.merchant_id, lists.parse(queries.LISTING, sent), lambda row: row["id"]
    )
    recorded = Recorded(place.search)
    wanted = lists.parse(queries.LISTING, {**sent, "cursor": [str(first.pagination.next_cursor)]})
    await search.find(recorded, queries.LISTING, place.merchant_id, wanted, lambda row: row["id"])
    plans = [await place.plan(sql, arguments) for sql, arguments in recorded.sent]
    assert scans(plans) <= {"Index Scan", "Index Only Scan"}
