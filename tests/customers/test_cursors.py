"""Cursors that the list of customers did not give, or gave for something else."""

import base64
import json

import httpx
import pytest

from tests import make, operations
from tests.make import Shop

GARBAGE = (
    *("x", "null", "0", "-1", "a b", "%", "=", "====", "\x00", "é", "😀", "../..", "' or 1=1 --", "AAAA", "A" * 60_000),
    *(base64.urlsafe_b64encode(text).decode() for text in (b"", b"\xff", b"{}", b"[]", b"null", b"[1,2,3]", b"\x00")),
    *(base64.urlsafe_b64encode(text).decode() for text in (b'["a","b"]', b'["a","b","c","d"]', b'["a",null,null]')),
    *(
        base64.urlsafe_b64encode(text).decode()
        for text in (b'["a","b","c"]', b'["","",""]', b'["a","b","c"', b"[" * 5000)
    ),
)


async def cursor(client: httpx.AsyncClient, **params: str) -> str:
    """Return the cursor of a walk's first step."""
    response = await client.get("/customers", params={"cursor": "", "pageSize": "1", **params})
    assert response.status_code == 200, response.text
    token = response.json()["pagination"]["nextCursor"]
    assert isinstance(token, str)
    return token


async def refused(client: httpx.AsyncClient, token: str, **params: str) -> str:
    """Send a cursor that is wrong; return the message."""
    response = await client.get("/customers", params={"cursor": token, **params})
    operations.assert_invalid(response, {("cursor", "invalid_value")})
    return response.json()["errors"][0]["message"]


def altered(token: str, *, value: object = ..., named: object = ...) -> str:
    """Return a cursor with another position, as only someone who knows what it holds can make it."""
    mark, held, held_id = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    changed = [mark, held if value is ... else value, held_id if named is ... else named]
    return base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")


@pytest.fixture
async def client(shop: Shop) -> httpx.AsyncClient:
    for name in ("Ada", "Jane", None):
        await make.customer(shop.client, name=name)
    return shop.client


async def test_what_is_no_cursor_is_refused(client: httpx.AsyncClient) -> None:
    for token in GARBAGE:
        if token:
            await refused(client, token)


async def test_a_cursor_may_not_be_altered_or_cut(client: httpx.AsyncClient) -> None:
    token = await cursor(client)
    for wrong in (token[:-1], token[1:], token[::-1], token + "A", f" {token}", f"{token}=", f"{token}\n", token * 2):
        response = await client.get("/customers", params={"cursor": wrong})
        assert response.status_code in {200, 400}
        if response.status_code == 200:
            assert wrong == f"{token}="
        else:
            operations.assert_invalid(response, {("cursor", "invalid_value")})


@pytest.mark.parametrize(
    "other",
    [{"sortBy": "name"}, {"sortDirection": "desc"}, {"name": "Jane"}, {"email[like]": "x"}, {"name[ne]": "Ada"}],
    ids=str,
)
async def test_a_cursor_goes_on_only_with_what_gave_it(client: httpx.AsyncClient, other: dict[str, str]) -> None:
    given = {"email[like]": "jane", "name[ne]": "X"}
    token = await cursor(client, **given)
    assert "filters and the sort" in await refused(client, token, **{**given, **other})
    assert "filters and the sort" in await refused(client, token)


async def test_a_cursor_goes_on_with_another_size_and_with_its_filters_in_another_order(
    client: httpx.AsyncClient,
) -> None:
    token = await cursor(client, **{"email[like]": "jane", "name[ne]": "X", "sortDirection": "asc"})
    again = {"name[ne]": "X", "sortDirection": "ASC", "email[like]": "JANE", "pageSize": "5", "cursor": token}
    response = await client.get("/customers", params=again)
    assert [row["name"] for row in response.json()["data"]] == ["Jane", None]


@pytest.mark.parametrize("sort", ["createdAt", "updatedAt", "email", "name", "id"])
async def test_a_cursor_with_an_impossible_position_is_refused_or_finds_nothing_wrong(
    client: httpx.AsyncClient, sort: str
) -> None:
    token = await cursor(client, sortBy=sort)
    mine = {row["id"] for row in (await client.get("/customers")).json()["data"]}
    values = ["", "x", "\x00", "\ud800", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00+14:00", "x" * 9000, None]
    for wrong in [altered(token, value=value) for value in values] + [altered(token, named=named) for named in values]:
        response = await client.get("/customers", params={"cursor": wrong, "sortBy": sort})
        assert response.status_code in {200, 400}, response.text
        if response.status_code == 400:
            operations.assert_invalid(response, {("cursor", "invalid_value")})
        else:
            assert {row["id"] for row in response.json()["data"]} <= mine


async def test_a_page_and_a_cursor_cannot_stand_together(client: httpx.AsyncClient) -> None:
    token = await cursor(client)
    for text in (token, "", "x"):
        assert await refused(client, text, page="1") == "cannot stand beside page"
        assert await refused(client, text, page="x") == "cannot stand beside page"
