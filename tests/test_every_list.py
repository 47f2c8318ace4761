"""What every list does with its page and with any other query."""

import itertools

import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.kit.lists import Listing
from tests import make, operations
from tests.make import Shop
from tests.operations import Call, lists

call = pytest.fixture(operations.call)


INVALID_PAGES = (
    *("page=0", "page=-1", "page=x", "page=", "page=1.5", "page=1e3", "page=%00", "page=null", "page=" + "0" * 30),
    *(
        "pageSize=0",
        "pageSize=101",
        "pageSize=-1",
        "pageSize=x",
        "pageSize=",
        "page=2&pageSize=1000",
        "page=x&pageSize=5",
    ),
    *("page=%D9%A1", "page=+1", "page=%201", "page=0x1", "page=1_0", "pageSize=" + "9" * 5000, "page=%C2%B2"),
)


@lists
async def test_an_invalid_page_or_size_is_silently_the_first_page(call: Call) -> None:
    default = await call.send()
    assert default.json()["pagination"]["page"] == 1
    assert default.json()["pagination"]["pageSize"] == 10
    for query in INVALID_PAGES:
        response = await call.client.get(f"{call.path()}?{query}")
        assert response.status_code == 200, query
        assert response.content == default.content, query


@lists
async def test_a_page_past_the_end_is_empty_with_true_counts(call: Call) -> None:
    count = (await call.send()).json()["pagination"]["itemCount"]
    last = 2**63 - 1
    far = {**{str(page): page for page in (count + 1, 10**6, 2**31, 2**53, last)}, "0" * 30 + "999": 999}
    far |= dict.fromkeys([str(2**63), "9" * 19, "9" * 20, "1" + "0" * 30, "9" * 5000], last)
    for (sent, page), size in itertools.product(far.items(), [1, 10, 100]):
        response = await call.send(params={"page": sent, "pageSize": str(size)})
        assert response.json() == {
            "data": [],
            "pagination": {
                "hasNextPage": False,
                "hasPreviousPage": page > 1 and count > 0,
                "itemCount": count,
                "page": page,
                "pageCount": -(-count // size),
                "pageSize": size,
            },
        }


@lists
async def test_an_unknown_parameter_is_400_and_named(call: Call) -> None:
    for name in (
        "colour",
        "Page",
        "page_size",
        "",
        "page[eq]",
        "limit",
        "offset",
        "\x00",
        "é",
        "'",
        "sort\nBy",
        "data[]",
    ):
        response = await call.send(params={name: "1"})
        operations.assert_invalid(response, {(name, "unknown_field")})
        (error,) = response.json()["errors"]
        for supported in ("page", "pageSize", "cursor", "sortBy", "sortDirection", "id", "createdAt"):
            assert supported in error["message"].replace(",", "").split()


@lists
async def test_all_unknown_parameters_are_named_at_once(call: Call) -> None:
    response = await call.send(params={"a": "1", "b": "2", "page": "1"})
    operations.assert_invalid(response, {("a", "unknown_field"), ("b", "unknown_field")})


@lists
@pytest.mark.parametrize("query", ["page=1&page=2", "page=1&page=1", "pageSize=1&page=1&pageSize=1"])
async def test_a_parameter_that_stands_twice_is_400_and_named(call: Call, query: str) -> None:
    response = await call.client.get(f"{call.path()}?{query}")
    operations.assert_invalid(response, {(query.partition("=")[0], "invalid_value")})


UNREADABLE_QUERIES = (
    *(b"page=%ff", b"%ff=1", b"page=\xff", b"\xff", b"page=\xc3\xa9", b"page=%C0%80", b"page=%ED%A0%80", b"page=%80"),
    *(b"a=%", b"%zz=1", b"a=%2"),
    *(b"a=1&" * 1001, b"a=1&" * 100_000, b"&" * 10_000),
)
READABLE_QUERIES = (
    b"page=%",
    b"page=%zz",
    b"%u0041=1",
    b"a=1&" * 1000,
    b"&&&=&",
    b"=",
    b"a" * 100_000,
    b"?",
    b"#",
    b"page=1;page=2",
    b"\x00",
    b"\n",
)


@lists
async def test_a_query_that_cannot_be_read_is_400(call: Call, app: ASGIApp) -> None:
    for query in UNREADABLE_QUERIES:
        response = await operations.raw(app, call, query)
        operations.assert_documented(call.operation, response)
        assert (response.status_code, response.json()["code"]) == (400, "bad_request"), query[:80]


@lists
async def test_no_query_makes_a_fault(call: Call, app: ASGIApp) -> None:
    for query in READABLE_QUERIES:
        response = await operations.raw(app, call, query)
        operations.assert_documented(call.operation, response)
        assert response.status_code in (200, 400), query[:80]


OF_ONE = {"list_merchant_configs"}
"""The lists of what each merchant has exactly one of."""


@lists
async def test_pages_and_walks_hold_each_row_once_and_in_order(call: Call, shop: Shop, database: Database) -> None:
    await _fill(call, shop, database)
    everything = (await call.send(params={"pageSize": "100"})).json()
    count = everything["pagination"]["itemCount"]
    pages = [
        (await call.send(params={"page": str(page), "pageSize": "2"})).json() for page in range(1, -(-count // 2) + 1)
    ]
    assert count == len(everything["data"])
    assert count == 1 if call.operation.name in OF_ONE else count > 3
    assert [item["id"] for page in pages for item in page["data"]] == [item["id"] for item in everything["data"]]
    assert len({item["id"] for item in everything["data"]}) == count
    assert [item["createdAt"] for item in everything["data"]] == sorted(
        item["createdAt"] for item in everything["data"]
    )
    assert [page["pagination"]["hasNextPage"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert [page["pagination"]["hasPreviousPage"] for page in pages] == [False] + [True] * (len(pages) - 1)
    for sort, direction in itertools.product(_listing(call).sorts, ["asc", "desc"]):
        asked = {"sortBy": sort, "sortDirection": direction}
        ordered = (await call.send(params={**asked, "pageSize": "100"})).json()["data"]
        for filters in ({}, {"id[ne]": "x"}):
            walked, _ = await _walk(call, {**asked, **filters})
            assert walked == ordered


@lists
async def test_a_cursor_is_good_for_the_list_that_gave_it_alone(call: Call, shop: Shop, database: Database) -> None:
    await _fill(call, shop, database)
    _, cursors = await _walk(call, {})
    for other in operations.OPERATIONS:
        if other.kind == "list" and other.path != call.operation.path:
            elsewhere = await operations.call(other, shop, database)
            for cursor in cursors[:1]:
                response = await elsewhere.send(params={"cursor": cursor})
                operations.assert_invalid(response, {("cursor", "invalid_value")})


def _listing(call: Call) -> Listing:
    listing = call.operation.listing
    assert listing is not None
    return listing


async def _walk(call: Call, params: dict[str, str]) -> tuple[list[dict[str, object]], list[str]]:
    """Return all that a walk meets, and the cursors on its way."""
    found: list[dict[str, object]] = []
    cursors: list[str] = []
    cursor = ""
    while cursor is not None:
        response = await call.send(params={**params, "pageSize": "2", "cursor": cursor})
        assert response.status_code == 200, response.text
        step = response.json()
        found += step["data"]
        cursor = step["pagination"]["nextCursor"]
        cursors += [cursor] if cursor else []
        assert step["pagination"] == {"hasNextPage": cursor is not None, "pageSize": 2, "nextCursor": cursor}
    return found, cursors


async def _fill(call: Call, shop: Shop, database: Database) -> None:
    """Let a list have some rows."""
    makers = [each for each in operations.OPERATIONS if each.kind == "create" and each.path == call.operation.path]
    for _ in range(4):
        for each in makers:
            await (await operations.call(each, shop, database)).send()
        await operations.call(call.operation, shop, database)
        await call.client.post(f"/customers/{await _customer_of(call)}", json={"name": new_id("x")})
        await make.key(database, shop.merchant_id)
        await make.user(call.client)
        await make.price(call.client)
        await make.paid(call.client, customer=await _customer_of(call))
        cart = {"items": [{"price": (await make.recurring_price(call.client))["id"]}]}
        await make.paid(call.client, customer=await _customer_of(call), cart=cart)


async def _customer_of(call: Call) -> str:
    """Return the customer that a list is of, or a new one where it is of none."""
    return call.id or str((await make.customer(call.client))["id"])
