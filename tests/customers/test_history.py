import httpx

from tests import make
from tests.make import Shop


async def history(client: httpx.AsyncClient, customer_id: object, **params: str) -> list[dict[str, object]]:
    response = await client.get(f"/customers/{customer_id}/events", params=params)
    assert response.status_code == 200
    return response.json()["data"]


async def test_a_new_customer_has_one_event_that_holds_it(shop: Shop) -> None:
    response = await shop.client.post("/customers", json={"email": "jane@example.com", "metadata": {"tier": "gold"}})
    made = response.json()
    (event,) = await history(shop.client, made["id"])
    assert event == {
        "id": event["id"],
        "eventType": "customer.created",
        "resource": made["id"],
        "data": made,
        "changes": {},
        "actor": {"type": "secretKey", "id": shop.key_id},
        "requestId": response.headers["X-Request-Id"],
        "createdAt": made["createdAt"],
    }
    assert str(event["id"]).startswith("evt_")
    assert (await shop.client.get(f"/events/{event['id']}")).json() == event


async def test_an_event_says_from_what_to_what_each_field_changed(client: httpx.AsyncClient) -> None:
    made = await make.customer(
        client,
        name="Jane",
        dateOfBirth="1990-05-17",
        billingAddress={"city": "Oslo"},
        metadata={"tier": "gold", "region": "EU", "same": "x"},
    )
    parts = dict.fromkeys(["line1", "line2", "city", "state", "postalCode", "country"])
    response = await client.post(
        f"/customers/{made['id']}",
        json={
            "email": "jane@example.com",
            "name": "Janet",
            "phoneNumber": "+1 555 987 6543",
            "dateOfBirth": None,
            "billingAddress": {"city": "Bergen"},
            "shippingAddress": {"country": "NO"},
            "restrictCit": True,
            "restrictReason": "Chargebacks",
            "metadata": {"tier": "silver", "region": "", "source": "ads", "same": "x", "absent": ""},
        },
    )
    changed = response.json()
    _, event = await history(client, made["id"])
    assert event["eventType"] == "customer.updated"
    assert event["data"] == changed
    assert event["requestId"] == response.headers["X-Request-Id"]
    assert event["createdAt"] == changed["updatedAt"]
    assert event["changes"] == {
        "name": {"from": "Jane", "to": "Janet"},
        "phoneNumber": {"from": None, "to": "+15559876543"},
        "dateOfBirth": {"from": "1990-05-17", "to": None},
        "billingAddress": {"from": {**parts, "city": "Oslo"}, "to": {**parts, "city": "Bergen"}},
        "shippingAddress": {"from": None, "to": {**parts, "country": "NO"}},
        "restrictCit": {"from": False, "to": True},
        "restrictReason": {"from": None, "to": "Chargebacks"},
        "metadata.tier": {"from": "gold", "to": "silver"},
        "metadata.region": {"from": "EU", "to": None},
        "metadata.source": {"from": None, "to": "ads"},
    }


async def test_clearing_metadata_names_each_key(client: httpx.AsyncClient) -> None:
    made = await make.customer(client, metadata={"a": "1", "b.c": "2"})
    await client.post(f"/customers/{made['id']}", json={"metadata": None})
    _, event = await history(client, made["id"])
    assert event["changes"] == {"metadata.a": {"from": "1", "to": None}, "metadata.b.c": {"from": "2", "to": None}}


async def test_a_refused_update_has_no_event(client: httpx.AsyncClient) -> None:
    made = await make.customer(client)
    address = f"/customers/{made['id']}"
    assert (await client.post(address, json={"name": "x", "email": "no"})).status_code == 400
    assert (await client.post(address, json={"name": "x"}, headers={"If-Match": '"old"'})).status_code == 412
    assert len(await history(client, made["id"])) == 1


async def test_the_actor_is_the_key_that_asked(shop: Shop, other_shop: Shop) -> None:
    made = await make.customer(shop.client)
    theirs = await make.customer(other_shop.client)
    ((mine,), (other,)) = await history(shop.client, made["id"]), await history(other_shop.client, theirs["id"])
    assert mine["actor"] == {"type": "secretKey", "id": shop.key_id}
    assert other["actor"] == {"type": "secretKey", "id": other_shop.key_id}


async def test_a_history_has_its_customers_events_alone_oldest_first(client: httpx.AsyncClient) -> None:
    made, other = await make.customer(client), await make.customer(client)
    names = [str(number) for number in range(25)]
    for name in names:
        await client.post(f"/customers/{made['id']}", json={"name": name})
        await client.post(f"/customers/{other['id']}", json={"name": name})
    events = await history(client, made["id"], pageSize="100")
    assert [event["data"]["name"] for event in events] == [None, *names]
    assert {event["resource"] for event in events} == {made["id"]}
    pages = [await history(client, made["id"], page=str(page)) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [10, 10, 6, 0]
    assert [event for page in pages for event in page] == events


async def test_the_pages_of_a_history_say_where_they_stand(client: httpx.AsyncClient) -> None:
    made = await make.customer(client)
    for number in range(4):
        await client.post(f"/customers/{made['id']}", json={"name": str(number)})
    response = await client.get(f"/customers/{made['id']}/events", params={"page": "2", "pageSize": "2"})
    assert response.json()["pagination"] == {
        "hasNextPage": True,
        "hasPreviousPage": True,
        "itemCount": 5,
        "page": 2,
        "pageCount": 3,
        "pageSize": 2,
    }
