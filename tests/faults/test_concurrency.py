"""Many at once, on a real server with two workers: nothing is lost, nothing is done twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests import make, processes
from tests.faults.figures import note
from tests.faults.history import check_chain, history
from tests.make import Shop
from tests.processes import Server

WRITERS = 64
METADATA_PAIRS = 50
"""The most that a customer may have (api.md §5)."""


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    with processes.serving(data, workers=2) as server:
        yield server


@pytest.fixture
async def shop(server: Server, data: Path) -> AsyncIterator[Shop]:
    async with processes.shop(server.url, processes.dsn(data)) as shop:
        yield shop


async def write(client: httpx.AsyncClient, path: str, body: object, **headers: str) -> httpx.Response:
    """Send a write, and again as long as the database is too busy for it."""
    while True:
        response = await client.post(path, json=body, headers=headers)
        if response.status_code != 503:
            return response
        assert response.headers["Retry-After"]


async def test_each_of_64_writers_keeps_its_own_metadata_key_up_to_the_limit(shop: Shop) -> None:
    customer = await make.customer(shop.client)
    path = f"/customers/{customer['id']}"
    answers = await asyncio.gather(
        *(write(shop.client, path, {"metadata": {f"key{number}": str(number)}}) for number in range(WRITERS))
    )
    done = {f"key{number}": str(number) for number, answer in enumerate(answers) if answer.status_code == 200}
    refused = [answer.json() for answer in answers if answer.status_code != 200]
    assert len(done) == METADATA_PAIRS
    assert {problem["code"] for problem in refused} == {"validation_failed"}
    current = (await shop.client.get(path)).json()
    assert current["metadata"] == done
    events = await history(shop.client, current["id"])
    assert len(events) == 1 + METADATA_PAIRS
    check_chain(events, current)


async def test_of_64_writers_to_one_metadata_key_all_are_in_a_chain_without_a_gap(shop: Shop) -> None:
    customer = await make.customer(shop.client, metadata={"kept": "yes"})
    path = f"/customers/{customer['id']}"
    answers = await asyncio.gather(
        *(write(shop.client, path, {"metadata": {"one": str(number)}}) for number in range(WRITERS))
    )
    assert {answer.status_code for answer in answers} == {200}
    current = (await shop.client.get(path)).json()
    assert current in [answer.json() for answer in answers]
    events = await history(shop.client, current["id"])
    assert len(events) == 1 + WRITERS
    assert {event["changes"]["metadata.one"]["to"] for event in events[1:]} == {str(each) for each in range(WRITERS)}
    check_chain(events, current)


async def test_writers_to_different_fields_do_not_undo_each_other(shop: Shop) -> None:
    customer = await make.customer(shop.client)
    fields = {"name": "Jane", "phoneNumber": "+15559876543", "restrictCit": True, "restrictReason": "asked to"}
    path = f"/customers/{customer['id']}"
    for _ in range(5):
        answers = await asyncio.gather(*(write(shop.client, path, {key: value}) for key, value in fields.items()))
        assert {answer.status_code for answer in answers} == {200}
        current = (await shop.client.get(path)).json()
        assert {key: current[key] for key in fields} == fields
        cleared = {"name": None, "phoneNumber": None, "restrictCit": False, "restrictReason": None}
        await asyncio.gather(*(write(shop.client, path, {key: value}) for key, value in cleared.items()))
    check_chain(await history(shop.client, str(customer["id"])), (await shop.client.get(path)).json())


async def test_20_requests_with_one_idempotency_key_make_one_customer(shop: Shop, data: Path) -> None:
    body = {"email": "jane@example.com", "metadata": {"order": "1"}}
    answers: list[httpx.Response] = []

    async def insist() -> httpx.Response:
        while True:
            response = await shop.client.post("/customers", json=body, headers={"Idempotency-Key": "order 1"})
            answers.append(response)
            if response.status_code == 201:
                return response

    async with asyncio.timeout(processes.PATIENCE):
        made = await asyncio.gather(*(insist() for _ in range(20)))
    assert len({response.content for response in made}) == 1
    assert sum("Idempotent-Replayed" not in response.headers for response in made) == 1
    for response in answers:
        if response.status_code != 201:
            assert response.status_code == 409
            assert response.json()["code"] == "idempotency_in_progress"
            assert int(response.headers["Retry-After"]) >= 1
    assert await count(data, "customers", shop) == 1
    assert await count(data, "idempotency_records", shop) == 1
    states = Counter(response.status_code for response in answers)
    note(f"20 requests at once with one Idempotency-Key: 1 customer; answers {dict(sorted(states.items()))}")


async def test_of_20_different_requests_with_one_idempotency_key_one_is_done(shop: Shop, data: Path) -> None:
    async def insist(number: int) -> httpx.Response:
        body = {"email": f"jane{number}@example.com"}
        while True:
            response = await shop.client.post("/customers", json=body, headers={"Idempotency-Key": "order 1"})
            if response.json().get("code") != "idempotency_in_progress":
                return response

    async with asyncio.timeout(processes.PATIENCE):
        answers = await asyncio.gather(*(insist(number) for number in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 19}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"idempotency_mismatch"}
    assert await count(data, "customers", shop) == 1


async def test_of_two_updates_of_one_version_one_is_refused(shop: Shop) -> None:
    customer = await make.customer(shop.client)
    path = f"/customers/{customer['id']}"
    for turn in range(20):
        tag = (await shop.client.get(path)).headers["ETag"]
        names = [f"{turn} {side}" for side in ("left", "right")]
        answers = await asyncio.gather(
            *(write(shop.client, path, {"name": name}, **{"If-Match": tag}) for name in names)
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        assert next(a.json() for a in answers if a.status_code == 200) == (await shop.client.get(path)).json()
        assert next(a.json() for a in answers if a.status_code == 412)["code"] == "precondition_failed"
    events = await history(shop.client, str(customer["id"]))
    assert len(events) == 21


async def test_of_many_rotations_of_a_key_the_last_one_counts(shop: Shop) -> None:
    key = await secret_key(shop.client)
    answers = await asyncio.gather(*(write(shop.client, f"/secret-keys/{key['id']}/rotate", {}) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    current = (await shop.client.get(f"/secret-keys/{key['id']}")).json()
    values = [key["value"], *(answer.json()["value"] for answer in answers)]
    await processes.eventually_true(lambda: only_works(shop.client, values, current["maskedValue"]))


async def test_a_key_that_is_rotated_and_revoked_at_once_is_revoked(shop: Shop) -> None:
    key = await secret_key(shop.client)
    path = f"/secret-keys/{key['id']}"
    calls = [f"{path}/rotate", f"{path}/rotate", f"{path}/revoke", f"{path}/rotate", f"{path}/revoke", f"{path}/rotate"]
    answers = await asyncio.gather(*(write(shop.client, call, {}) for call in calls))
    revocations = [answer for call, answer in zip(calls, answers, strict=True) if call.endswith("revoke")]
    rotations = [answer for call, answer in zip(calls, answers, strict=True) if call.endswith("rotate")]
    assert {answer.status_code for answer in revocations} == {200}
    assert len({answer.json()["revokedAt"] for answer in revocations}) == 1
    assert {answer.status_code for answer in rotations} <= {200, 409}
    values = [key["value"], *(answer.json()["value"] for answer in rotations if answer.status_code == 200)]
    await processes.eventually_true(lambda: none_works(shop.client, values))
    events = (await shop.client.get("/events", params={"pageSize": 100})).json()["data"]
    kinds = [event["eventType"] for event in events if event["resource"] == key["id"]]
    rotated = [answer.status_code for answer in rotations].count(200)
    assert kinds == ["secret_key.created", *["secret_key.rotated"] * rotated, "secret_key.revoked"]


async def secret_key(client: httpx.AsyncClient) -> dict[str, str]:
    response = await client.post("/secret-keys", json={"note": "Test", "permissions": ["CUSTOMER_READ"]})
    assert response.status_code == 201, response.text
    return response.json()


async def only_works(client: httpx.AsyncClient, values: list[str], masked: str) -> bool:
    """Tell whether the one value that is shown masked is the one that works; each worker remembers for a second."""
    working = [value for value in values if await works(client, value)]
    return [value[-4:] for value in working] == [masked[-4:]]


async def none_works(client: httpx.AsyncClient, values: list[str]) -> bool:
    return not any([await works(client, value) for value in values])


async def works(client: httpx.AsyncClient, value: str) -> bool:
    path = "/customers/cus_000000000000000000000000000"
    response = await client.get(path, headers={"Authorization": f"Bearer {value}"})
    assert response.status_code in {401, 404}
    return response.status_code == 404


async def count(data: Path, table: str, shop: Shop) -> int:
    connection = await asyncpg.connect(processes.dsn(data))
    try:
        return await connection.fetchval(f"select count(*) from {table} where merchant_id = $1", shop.merchant_id)
    finally:
        await connection.close()
