"""What the list of customers refuses, and whose customers it shows (api.md §4)."""

import json
from datetime import date

import httpx
import pytest

from odus.customers import queries
from odus.customers.model import Customer
from odus.kit import bodies
from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.kit.times import Moment
from tests import make, operations
from tests.make import Shop

PARAMETERS = ("page", "pageSize", "cursor", "sortBy", "sortDirection")
FIELDS = ("id", "email", "name", "phoneNumber", "dateOfBirth", "createdAt", "updatedAt")
SORTS = ("createdAt", "updatedAt", "email", "name", "id")
OF_TEXT = ("eq", "ne", "like", "contains", "in", "nin", "exists")
OF_TIME = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "exists")
OPERATORS = {
    **dict.fromkeys(("id", "email", "name", "phoneNumber", "metadata[tier]"), OF_TEXT),
    **dict.fromkeys(("dateOfBirth", "createdAt", "updatedAt"), OF_TIME),
}


async def refused(client: httpx.AsyncClient, params: dict[str, str] | list[tuple[str, str]]) -> dict[str, str]:
    """Send a query that is wrong; return the message for each parameter that is named."""
    response = await client.get("/customers", params=params)
    assert response.status_code == 400, response.text
    problem = response.json()
    assert problem["code"] == "validation_failed"
    return {error["field"]: error["message"] for error in problem["errors"]}


async def refused_as(client: httpx.AsyncClient, name: str, value: str, code: str) -> str:
    """Send one parameter that is wrong; return the message."""
    response = await client.get("/customers", params={name: value})
    operations.assert_invalid(response, {(name, code)})
    return response.json()["errors"][0]["message"]


def words(message: str) -> set[str]:
    return set(message.replace(",", " ").replace(";", " ").split())


@pytest.mark.parametrize(
    "name",
    [
        *("colour", "Email", "email ", " email", "phone_number", "phone", "restrictCit", "billingAddress", "emails"),
        *("colour[eq]", "billingAddress[city][eq]", "restrictCit[eq]", "email[eq", "email]eq[", "email[eq]x", "[eq]"),
        *("email[[eq]]", "metadata", "metadata[]", "metadata[][eq]", "metadata[][in][]", "limit", "offset", "page[eq]"),
        *("cursor[eq]", "sortBy[]", "sort", "q", "\x00", "email\x00"),
    ],
)
async def test_what_is_no_field_is_refused_by_name(client: httpx.AsyncClient, name: str) -> None:
    message = await refused_as(client, name, "x", "unknown_field")
    if name.startswith("metadata"):
        assert "metadata[tier][eq]" in message
    else:
        assert {*PARAMETERS, *FIELDS, "metadata[key]"} <= words(message)


@pytest.mark.parametrize("name", ["metadata", "metadata[]"])
async def test_metadata_without_a_key_and_a_value_is_refused(client: httpx.AsyncClient, name: str) -> None:
    assert await refused(client, {name: ""}) == {name: "needs a key, as in metadata[tier][eq]"}


@pytest.mark.parametrize("field", OPERATORS)
async def test_an_operator_that_a_field_lacks_is_refused_with_those_that_it_has(
    client: httpx.AsyncClient, field: str
) -> None:
    known = OPERATORS[field]
    every = {*OF_TEXT, *OF_TIME, "EQ", "Like", "", "not", "regex", "is", " eq", "eq ", "lt;", "\x00"}
    for operator in every - set(known):
        message = await refused_as(client, f"{field}[{operator}]", "1", "unknown_operator")
        assert set(known) <= words(message)


@pytest.mark.parametrize("field", OPERATORS)
async def test_brackets_behind_an_operator_are_refused_but_the_empty_ones_of_in(
    client: httpx.AsyncClient, field: str
) -> None:
    for written in ("[in][][]", "[in][0]", "[eq][]", "[like][]", "[exists][]", "[eq][eq]", "[nin][a]", "[][]"):
        await refused_as(client, f"{field}{written}", "true", "unknown_operator")


@pytest.mark.parametrize("field", OPERATORS)
@pytest.mark.parametrize("value", ["", "1", "yes", "True", "TRUE", "null", " true", "\x00"])
async def test_exists_is_true_or_false(client: httpx.AsyncClient, field: str, value: str) -> None:
    assert "true or false" in await refused_as(client, f"{field}[exists]", value, "invalid_value")


NO_DAYS = (
    *("", "x", "2024", "2024-02", "20240218", "2024-2-8", "2023-02-29", "2024-13-01", "0000-01-01", "10000-01-01"),
    *("2024-W07-7", "2024-02-18 ", " 2024-02-18", "2024-02-18T", "1708214400", "\u0662\u0660\u0662\u0664-02-18"),
    *("2024-02-18\x00", "null", "today", "-2024-02-18"),
)
NO_MOMENTS = (
    *("2024-02-18T00:00:00", "2024-02-18T24:00:00Z", "2024-02-18T00:00:60Z", "2024-02-18 00:00:00Z"),
    *("2024-02-18T00:00:00.000+25:00", "2024-02-18T00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("2024-02-18T00:00:00.000Zx", "2024-02-18T00:00:00.000z\x00"),
)


@pytest.mark.parametrize("operator", [each for each in OF_TIME if each != "exists"])
async def test_a_date_that_does_not_exist_is_refused(client: httpx.AsyncClient, operator: str) -> None:
    for value in (*NO_DAYS, *NO_MOMENTS, "2024-02-18T00:00:00.000Z"):
        message = await refused_as(client, f"dateOfBirth[{operator}]", value, "invalid_format")
        assert "YYYY-MM-DD" in message


@pytest.mark.parametrize("field", ["createdAt", "updatedAt"])
@pytest.mark.parametrize("operator", [each for each in OF_TIME if each != "exists"])
async def test_a_moment_without_its_zone_or_that_does_not_exist_is_refused(
    client: httpx.AsyncClient, field: str, operator: str
) -> None:
    for value in (*NO_DAYS, *NO_MOMENTS):
        message = await refused_as(client, f"{field}[{operator}]", value, "invalid_format")
        assert "2024-03-09T00:00:00.000Z" in message


EDGES = ("0001-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.9999999Z")


@pytest.mark.parametrize("field", ["dateOfBirth", "createdAt"])
@pytest.mark.parametrize("operator", [each for each in OF_TIME if each != "exists"])
async def test_the_first_and_the_last_of_all_days_can_be_asked_for(
    client: httpx.AsyncClient, field: str, operator: str
) -> None:
    await make.customer(client, dateOfBirth="1990-05-17")
    edges = EDGES if field == "createdAt" else EDGES[:2]
    for value in edges:
        response = await client.get("/customers", params={f"{field}[{operator}]": value})
        assert response.status_code == 200, response.text
        is_first = value.startswith("0001")
        holds = operator in {"ne", "nin"} or operator in ({"gt", "gte"} if is_first else {"lt", "lte"})
        assert response.json()["pagination"]["itemCount"] == int(holds), value


@pytest.mark.parametrize("field", ["id", "email", "name", "phoneNumber", "metadata[tier]"])
@pytest.mark.parametrize("operator", [each for each in OF_TEXT if each != "exists"])
async def test_a_value_that_nothing_can_hold_is_refused(client: httpx.AsyncClient, field: str, operator: str) -> None:
    name = f"{field}[{operator}]"
    assert "NUL" in await refused_as(client, name, "a\x00b", "invalid_value")
    assert "500" in await refused_as(client, name, "x" * 501, "too_long")
    assert "500" in await refused_as(client, name, "x" * 50_000, "too_long")
    response = await client.get("/customers", params={name: "x" * 500})
    assert response.status_code == 200


@pytest.mark.parametrize("key", ["a\x00b", "\x00", "x" * 10_000, "\ud7ff", "%s", "{0}", "'", '"', "$1", "?", "\\u0000"])
@pytest.mark.parametrize("operator", OF_TEXT)
async def test_a_key_of_metadata_that_nothing_has_is_found_nowhere_or_refused(
    client: httpx.AsyncClient, key: str, operator: str
) -> None:
    await make.customer(client, metadata={"tier": "premium"})
    name = f"metadata[{key}][{operator}]"
    response = await client.get("/customers", params={name: "true"})
    if "\x00" in key:
        operations.assert_invalid(response, {(name, "unknown_field")})
    else:
        assert response.status_code == 200, response.text
        assert response.json()["pagination"]["itemCount"] == (operator in {"ne", "nin"})


@pytest.mark.parametrize("field", ["id", "email", "createdAt", "metadata[tier]"])
@pytest.mark.parametrize("operator", ["in", "nin"])
async def test_more_than_100_values_are_refused(client: httpx.AsyncClient, field: str, operator: str) -> None:
    value = "2024-02-18"
    for name, number in ((f"{field}[{operator}]", 101), (f"{field}[{operator}][]", 500)):
        values = [",".join([value] * number)] if number == 101 else [value] * number
        messages = await refused(client, [(name, each) for each in values])
        assert messages == {name: f"must be at most 100 values, got {number}"}
    for name, values in (
        (f"{field}[{operator}]", [",".join([value] * 100)]),
        (f"{field}[{operator}][]", [value] * 100),
    ):
        response = await client.get("/customers", params=[(name, each) for each in values])
        assert response.status_code == 200, response.text


async def test_100_filters_of_100_values_are_taken_and_each_one_more_is_refused(client: httpx.AsyncClient) -> None:
    full = {f"metadata[{number}][in]": "," * 99 for number in range(100)}
    response = await client.get("/customers", params=full)
    assert response.status_code == 200, response.text
    messages = await refused(client, full | {"email[like]": "jane", "createdAt[gte]": "2024-02-18", "page": "1"})
    assert set(messages) == {"email[like]", "createdAt[gte]"}
    assert all("100" in message for message in messages.values())


@pytest.mark.parametrize(
    "value", ["", "created_at", "CREATEDAT", "phoneNumber", "dateOfBirth", "metadata", "\x00", "1"]
)
async def test_a_list_is_sorted_only_by_what_it_says(client: httpx.AsyncClient, value: str) -> None:
    message = await refused_as(client, "sortBy", value, "invalid_value")
    assert set(SORTS) <= words(message)
    assert not {"phoneNumber", "dateOfBirth", "metadata"} & words(message)


@pytest.mark.parametrize("value", ["", "up", "ascending", "Asc", "1", "asc ", "\x00", "asc,desc"])
async def test_a_direction_is_asc_or_desc(client: httpx.AsyncClient, value: str) -> None:
    message = await refused_as(client, "sortDirection", value, "invalid_value")
    assert {"asc", "desc", "ASC", "DESC"} <= words(message)


async def test_all_that_is_wrong_is_named_at_once(client: httpx.AsyncClient) -> None:
    wrong = {
        "colour": "unknown_field",
        "metadata[][eq]": "unknown_field",
        "email[gt]": "unknown_operator",
        "name[eq][]": "unknown_operator",
        "email[in][][]": "unknown_operator",
        "name[exists]": "invalid_value",
        "dateOfBirth": "invalid_format",
        "createdAt[lte]": "invalid_format",
        "phoneNumber[like]": "invalid_value",
        "sortBy": "invalid_value",
        "sortDirection": "invalid_value",
    }
    values = {**dict.fromkeys(wrong, "x"), "phoneNumber[like]": "\x00", "email[like]": "jane", "page": "1"}
    response = await client.get("/customers", params=values)
    operations.assert_invalid(response, set(wrong.items()))


@pytest.mark.parametrize("name", ["email", "email[eq]", "name[in]", "sortBy", "sortDirection", "cursor", "metadata[a]"])
async def test_what_stands_twice_is_refused(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get("/customers", params=[(name, "name"), (name, "name")])
    assert response.status_code == 400
    errors = response.json()["errors"]
    assert {error["field"] for error in errors} == {name}
    assert "stands twice" in {error["message"] for error in errors}


async def test_a_plus_sign_that_was_not_encoded_is_read_as_it_was_meant(client: httpx.AsyncClient) -> None:
    await make.customer(client, email="jane+shop@example.com", name="a b", phoneNumber="+15559876543")
    found = "email=jane+shop@example.com", "phoneNumber=+1 555 987-6543", "email[like]=e+s", "name=a+b"
    for query in (*found, "phoneNumber[like]=+1555", "email[in]=x,jane+shop@example.com"):
        response = await client.get(f"/customers?{query.replace(' ', '%20')}")
        assert response.json()["pagination"]["itemCount"] == 1, query
    response = await client.get("/customers?name=a%2Bb")
    assert response.json()["pagination"]["itemCount"] == 0


async def test_a_space_in_front_of_a_part_of_a_phone_number_is_a_plus_sign_or_nothing(
    client: httpx.AsyncClient,
) -> None:
    await make.customer(client, phoneNumber="+14155550123")
    for value, count in {" 415": 1, " 1415": 1, "+1415": 1, "+415": 0, " (415) 555": 1, " 416": 0}.items():
        for operator in ("like", "contains"):
            response = await client.get("/customers", params={f"phoneNumber[{operator}]": value})
            assert response.json()["pagination"]["itemCount"] == count, value
    for value, count in {" 14155550123": 1, " 1 415 555 01 23": 1, "14155550123": 0, " 4155550123": 0}.items():
        for operator in ("eq", "in"):
            response = await client.get("/customers", params={f"phoneNumber[{operator}]": value})
            assert response.json()["pagination"]["itemCount"] == count, value


@pytest.mark.parametrize("operator", [each for each in OF_TEXT if each != "exists"])
async def test_a_phone_number_of_separators_alone_is_refused(client: httpx.AsyncClient, operator: str) -> None:
    await make.customer(client, phoneNumber="+14155550123")
    for value in ("-", ".", "()", "- -", "[", "\u2011", "\u00a0"):
        message = await refused_as(client, f"phoneNumber[{operator}]", value, "invalid_value")
        assert "taken out" in message
    assert (await client.get("/customers", params={f"phoneNumber[{operator}]": ""})).status_code == 200


@pytest.mark.parametrize("operator", ["in", "nin"])
async def test_ten_thousand_values_are_refused(client: httpx.AsyncClient, operator: str) -> None:
    for field in (*FIELDS, "metadata[tier]"):
        name = f"{field}[{operator}]"
        assert "got 10000" in await refused_as(client, name, "x" + ",x" * 9999, "too_many")
        response = await client.get("/customers", params={f"{name}[]": ["x"] * 1000})  # more parameters are not read
        operations.assert_invalid(response, {(f"{name}[]", "too_many")})


def _customers() -> list[Customer]:
    at = Moment.parse("2024-02-18T09:00:00.000Z")
    return [
        Customer(
            id=new_id("cus", at),
            email=f"jane{number}@example.com",
            name=None if number % 2 else "Straße",
            phone_number="+15559876543",
            date_of_birth=date(1990, 5, 17),
            billing_address=None,
            shipping_address=None,
            metadata={"tier": "premium"},
            restrict_cit=False,
            restrict_mit=False,
            restrict_reason=None,
            created_at=at,
            updated_at=at,
        )
        for number in range(4)
    ]


SEEN = (
    *({}, {"email[like]": "JANE"}, {"email[ne]": "x@example.com"}, {"name": "Straße"}, {"name[exists]": "false"}),
    *({"metadata[tier]": "premium"}, {"metadata[tier][like]": "PREM"}, {"phoneNumber[like]": "555"}),
    *({"dateOfBirth": "1990-05-17"}, {"createdAt[gte]": "2024-01-01"}, {"metadata[x][exists]": "false"}),
    *({"sortBy": "name", "sortDirection": "desc"}, {"id[like]": "cus_"}, {"name[nin]": "a"}, {"page": "2"}),
)


@pytest.mark.parametrize("params", SEEN, ids=str)
@pytest.mark.parametrize("size", [2, 100])
async def test_another_merchants_customers_are_never_seen(
    shop: Shop, other_shop: Shop, database: Database, params: dict[str, str], size: int
) -> None:
    customers = {shop.merchant_id: _customers(), other_shop.merchant_id: _customers()}
    for merchant_id, theirs in customers.items():
        await queries.copy(database.write, merchant_id, theirs)
    mine = {json.loads(bodies.encode(customer))["id"] for customer in customers[shop.merchant_id]}
    answer = (await shop.client.get("/customers", params={**params, "pageSize": str(size)})).json()
    assert {row["id"] for row in answer["data"]} <= mine
    assert 0 < answer["pagination"]["itemCount"] <= len(mine)
    assert len(answer["data"]) == (
        0 if size == 100 and "page" in params else min(size, answer["pagination"]["itemCount"])
    )


async def test_a_cursor_of_another_merchant_shows_nothing_of_it(
    shop: Shop, other_shop: Shop, database: Database
) -> None:
    await queries.copy(database.write, shop.merchant_id, _customers())
    await queries.copy(database.write, other_shop.merchant_id, mine := _customers())
    step = (await shop.client.get("/customers", params={"cursor": "", "pageSize": "2"})).json()
    cursor = step["pagination"]["nextCursor"]
    found = (await other_shop.client.get("/customers", params={"cursor": cursor, "pageSize": "100"})).json()
    assert {row["id"] for row in found["data"]} <= {customer.id for customer in mine}
