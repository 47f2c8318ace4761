import httpx
import pytest
from litestar.types import ASGIApp

from odus.kit.db import Database
from odus.kit.ids import new_id
from odus.kit.permissions import Permission
from tests import make, operations
from tests.make import Shop


async def listed(client: httpx.AsyncClient, **params: str) -> dict[str, list[dict[str, str]]]:
    response = await client.get("/events", params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_every_change_of_a_merchant_is_listed_oldest_first(shop: Shop) -> None:
    made = await make.customer(shop.client)
    await shop.client.post(f"/customers/{made['id']}", json={"name": "Jane"})
    key = (await shop.client.post("/secret-keys", json={"note": "x", "permissions": ["EVENT_READ"]})).json()
    await shop.client.post(f"/secret-keys/{key['id']}/revoke")
    (config,) = (await shop.client.get("/merchant-configs")).json()["data"]
    events = (await listed(shop.client))["data"]
    assert [(event["eventType"], event["resource"]) for event in events] == [
        ("merchant.created", shop.merchant_id),
        ("gateway_profile.created", config["gatewayProfile"]),
        ("merchant_config.created", config["id"]),
        ("secret_key.created", shop.key_id),
        ("customer.created", made["id"]),
        ("customer.updated", made["id"]),
        ("secret_key.created", key["id"]),
        ("secret_key.revoked", key["id"]),
    ]
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})


async def test_what_a_write_returned_is_in_the_next_list(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        made = await make.customer(client)
        assert (await listed(client, pageSize="100"))["data"][-1]["data"] == made


async def test_an_event_can_be_read_alone(client: httpx.AsyncClient) -> None:
    await make.customer(client)
    for event in (await listed(client))["data"]:
        assert (await client.get(f"/events/{event['id']}")).json() == event


async def test_an_event_says_what_happened_to_what_through_whom(shop: Shop) -> None:
    await make.customer(shop.client)
    *_, event = (await listed(shop.client))["data"]
    names = ["id", "eventType", "resource", "data", "changes", "actor", "requestId", "createdAt"]
    assert [*event] == names
    assert event["actor"] == {"type": "secretKey", "id": shop.key_id}


async def test_an_event_without_a_request_says_so(shop: Shop) -> None:
    merchant, key, *_ = (await listed(shop.client))["data"]
    for event in (merchant, key):
        assert event["requestId"] is None
        assert event["actor"] == {"type": "system", "id": "test"}


async def test_another_merchants_events_are_not_seen(shop: Shop, other_shop: Shop) -> None:
    await make.customer(other_shop.client)
    theirs = (await listed(other_shop.client))["data"]
    mine = (await listed(shop.client))["data"]
    assert {event["id"] for event in theirs} & {event["id"] for event in mine} == set()
    assert len(mine) == 4
    for event in theirs:
        assert (await shop.client.get(f"/events/{event['id']}")).status_code == 404


async def test_another_merchants_customer_has_no_history_here(shop: Shop, other_shop: Shop) -> None:
    theirs = await make.customer(other_shop.client)
    response = await shop.client.get(f"/customers/{theirs['id']}/events")
    unknown = await shop.client.get(f"/customers/{new_id('cus')}/events")
    assert response.status_code == 404
    assert operations.without_request_id(response) == operations.without_request_id(unknown)


@pytest.mark.parametrize("pattern", ["/customers/ID", "/customers/ID/events", "/secret-keys/ID"])
async def test_an_event_is_no_other_object(client: httpx.AsyncClient, pattern: str) -> None:
    (event, *_) = (await listed(client))["data"]
    assert (await client.get(pattern.replace("ID", event["id"]))).status_code == 404


@pytest.mark.parametrize(
    ("params", "page", "size", "count"),
    [
        ({}, 1, 10, 10),
        ({"page": "2"}, 2, 10, 10),
        ({"page": "3"}, 3, 10, 2),
        ({"page": "4"}, 4, 10, 0),
        ({"pageSize": "1"}, 1, 1, 1),
        ({"pageSize": "22"}, 1, 22, 22),
        ({"pageSize": "100"}, 1, 100, 22),
        ({"page": "2", "pageSize": "21"}, 2, 21, 1),
        ({"page": "01", "pageSize": "05"}, 1, 5, 5),
        ({"pageSize": "101"}, 1, 10, 10),
        ({"page": "0", "pageSize": "5"}, 1, 10, 10),
        ({"page": "2", "pageSize": "0"}, 1, 10, 10),
    ],
    ids=str,
)
async def test_a_page_says_where_it_stands(
    client: httpx.AsyncClient, params: dict[str, str], page: int, size: int, count: int
) -> None:
    for _ in range(18):
        await make.customer(client)
    answer = await listed(client, **params)
    assert len(answer["data"]) == count
    assert answer["pagination"] == {
        "hasNextPage": page * size < 22,
        "hasPreviousPage": page > 1,
        "itemCount": 22,
        "page": page,
        "pageCount": -(-22 // size),
        "pageSize": size,
    }


async def test_an_empty_list_has_no_pages(shop: Shop, database: Database) -> None:
    await database.write.run("delete from events where merchant_id = $1", shop.merchant_id)
    for page in ("1", "2"):
        answer = await listed(shop.client, page=page)
        assert answer == {
            "data": [],
            "pagination": {
                "hasNextPage": False,
                "hasPreviousPage": False,
                "itemCount": 0,
                "page": int(page),
                "pageCount": 0,
                "pageSize": 10,
            },
        }


@pytest.mark.parametrize("name", ["colour", "merchantId", "data[eq]", "actor", "PAGE"])
async def test_an_unknown_parameter_is_refused_by_name(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get("/events", params={name: "x", "page": "1"})
    operations.assert_invalid(response, {(name, "unknown_field")})


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"eventType": "customer.created"}, 2),
        ({"eventType[eq]": "customer.updated"}, 1),
        ({"eventType[in]": "customer.updated,customer.created"}, 3),
        ({"eventType[nin]": "customer.updated,customer.created"}, 4),
        ({"eventType[like]": "CUSTOMER"}, 3),
        ({"eventType[contains]": "customer"}, 3),
        ({"eventType[contains]": "CUSTOMER"}, 0),
        ({"eventType[exists]": "true"}, 7),
        ({"resource[like]": "CUS_"}, 3),
        ({"resource[contains]": "CUS_"}, 0),
        ({"resource[ne]": "x", "eventType[like]": "secret_key"}, 1),
        ({"id[like]": "evt_"}, 7),
        ({"createdAt[gt]": "2024-01-01", "createdAt[lt]": "9999-01-01"}, 7),
        ({"createdAt[lt]": "2024-01-01"}, 0),
    ],
    ids=str,
)
async def test_events_are_found_by_their_fields(client: httpx.AsyncClient, params: dict[str, str], count: int) -> None:
    made = await make.customer(client)
    await make.customer(client)
    await client.post(f"/customers/{made['id']}", json={"name": "Jane"})
    assert (await listed(client, **params))["pagination"]["itemCount"] == count
    assert len((await listed(client, **params))["data"]) == count


async def test_the_events_of_a_resource_are_found_by_its_id(client: httpx.AsyncClient) -> None:
    made = await make.customer(client)
    await make.customer(client)
    found = await listed(client, resource=str(made["id"]))
    assert [event["resource"] for event in found["data"]] == [made["id"]]
    history = (await client.get(f"/customers/{made['id']}/events", params={"eventType": "customer.created"})).json()
    assert history == found


@pytest.mark.parametrize("name", ["resource", "resource[eq]", "resource[like]"])
async def test_the_history_of_a_customer_is_not_asked_for_by_resource(client: httpx.AsyncClient, name: str) -> None:
    made = await make.customer(client)
    response = await client.get(f"/customers/{made['id']}/events", params={name: str(made["id"])})
    operations.assert_invalid(response, {(name, "unknown_field")})


@pytest.mark.parametrize("value", ["customer", "customer.deleted", "", "CUSTOMER.CREATED", "customer.created "])
async def test_a_whole_type_is_one_that_there_is(client: httpx.AsyncClient, value: str) -> None:
    for name in ("eventType", "eventType[ne]", "eventType[in]", "eventType[nin][]"):
        response = await client.get("/events", params={name: value})
        operations.assert_invalid(response, {(name, "invalid_value")})
        assert "customer.created, customer.updated" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("query", ["page=%ff", "%E9=1", "a=%80", "page=%F0%9F"])
async def test_a_query_that_is_no_utf_8_is_refused(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/events?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


async def test_events_are_read_only(client: httpx.AsyncClient) -> None:
    (event, *_) = (await listed(client))["data"]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/events", f"/events/{event['id']}"):
            assert (await client.request(method, path)).status_code == 405


async def test_the_history_of_a_customer_needs_no_permission_on_events(
    app: ASGIApp, shop: Shop, database: Database
) -> None:
    made = await make.customer(shop.client)
    key = await make.key(database, shop.merchant_id, [Permission.CUSTOMER_READ])
    async with make.client(app, key.value) as client:
        assert (await client.get(f"/customers/{made['id']}/events")).status_code == 200
        assert (await client.get("/events")).status_code == 403
