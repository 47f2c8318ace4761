"""What every endpoint does with versions (`ETag`) and events: one for each change, holding what a read gives."""

import json

import pytest

from odus.kit.db import Database
from odus.kit.ids import new_id
from tests import make, operations
from tests.make import Shop
from tests.operations import SAMPLES, Call, changes, gets, reads, writes

call = pytest.fixture(operations.call)


@reads
async def test_a_read_has_a_strong_etag_that_stays(call: Call) -> None:
    first, second = await call.send(), await call.send()
    assert first.headers["ETag"].startswith('"')
    assert first.headers["ETag"].endswith('"')
    assert second.headers["ETag"] == first.headers["ETag"]


@reads
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_current_if_none_match_is_304_without_a_body(call: Call, method: str) -> None:
    tag = (await call.send()).headers["ETag"]
    for condition in (tag, f"W/{tag}", "*", f'"other", {tag}', f'W/"other",W/{tag}', f"{tag},{tag}"):
        response = await call.send(method=method, headers={"If-None-Match": condition})
        assert response.status_code == 304, condition
        assert response.headers["ETag"] == tag
        assert "Content-Type" not in response.headers


@reads
async def test_another_if_none_match_is_answered_in_full(call: Call) -> None:
    read = await call.send()
    tag = read.headers["ETag"]
    for condition in ('"other"', 'W/"other"', "", "garbage", f'{tag}"x', f"w/{tag}", tag.strip('"')):
        response = await call.send(headers={"If-None-Match": condition})
        assert response.status_code == 200, condition
        assert response.content == read.content


@writes
async def test_a_write_answers_the_etag_that_a_read_gives(call: Call) -> None:
    response = await call.send()
    read = await call.client.get(operations.address(call.operation, response.json()["id"]))
    assert response.headers["ETag"] == read.headers["ETag"]


@changes
async def test_a_stale_if_match_is_412_and_nothing_changes(call: Call, database: Database) -> None:
    address = operations.address(call.operation, call.id or "")
    stale = (await call.client.get(address)).headers["ETag"]
    await _change(call, database)
    current = (await call.client.get(address)).headers["ETag"]
    before = await make.snapshot(database)
    for condition in (stale, f"W/{current}", '"other"', "garbage", "", f'{stale}, "other"', current.strip('"')):
        response = await call.send(headers={"If-Match": condition})
        assert (response.status_code, response.json()["code"]) == (412, "precondition_failed"), condition
    assert await make.snapshot(database) == before


async def _change(call: Call, database: Database) -> None:
    """Let the object move on to another version, whatever it is."""
    table = call.operation.tag.replace("-", "_")
    await database.write.run(f"update {table} set updated_at = updated_at + interval '1 second' where id = $1", call.id)  # pyright: ignore[reportArgumentType]


@changes
@pytest.mark.parametrize("condition", ["CURRENT", "*", '"other", CURRENT', "CURRENT,CURRENT"])
async def test_a_current_if_match_lets_the_change_through(call: Call, condition: str) -> None:
    current = (await call.client.get(operations.address(call.operation, call.id or ""))).headers["ETag"]
    response = await call.send(headers={"If-Match": condition.replace("CURRENT", current)})
    assert response.status_code == 200
    assert response.headers["ETag"] != current


@changes
async def test_an_unknown_object_is_404_whatever_if_match_says(call: Call) -> None:
    response = await call.send(named=new_id((call.id or "").split("_")[0]), headers={"If-Match": "*"})
    assert response.status_code == 404


@writes
async def test_a_write_makes_exactly_one_event_that_holds_what_a_read_gives(
    call: Call, shop: Shop, database: Database
) -> None:
    before = await _events(database)
    response = await call.send()
    events = [(await shop.client.get(f"/events/{new}")).json() for new in await _events(database) - before]
    # What asks a gateway goes on record first, so that its answer is a second event.
    *attempts, event = sorted(
        (each for each in events if each["resource"] == response.json()["id"]), key=lambda each: each["createdAt"]
    )
    assert len(attempts) <= call.operation.calls_out
    read = await shop.client.get(operations.address(call.operation, event["resource"]))
    assert event["eventType"] == SAMPLES[call.operation.name].event
    assert event["resource"] == response.json()["id"]
    assert json.dumps(event["data"]) == json.dumps(read.json())
    assert event["actor"] == {"type": "secretKey", "id": shop.key_id}
    assert event["requestId"] == response.headers["X-Request-Id"]
    assert event["createdAt"] == response.json()["updatedAt"]
    assert (event["changes"] == {}) == (call.operation.kind == "create")


@writes
async def test_a_write_makes_one_event_of_whatever_else_it_changes(call: Call, database: Database) -> None:
    before, rows = await _events(database), await make.snapshot(database)
    answer = (await call.send()).json()
    sql = "select resource, count(*) from events where id = any($1) and resource <> $2 group by 1"
    others = await database.read.rows(sql, list(await _events(database) - before), answer["id"])
    after = await make.snapshot(database)
    changed = {
        json.loads(row).get("id") for table in RESOURCES & set(rows) for row in set(after[table]) - set(rows[table])
    }
    assert dict(map(tuple, others)) == dict.fromkeys(changed - {answer["id"]}, 1)


@writes
async def test_a_write_answers_what_a_read_gives(call: Call) -> None:
    answer = (await call.send()).json()
    read = (await call.client.get(operations.address(call.operation, answer["id"]))).json()
    if call.operation.shows_secret:
        del answer["value"]
    assert json.dumps(answer) == json.dumps(read)


@gets
async def test_a_read_changes_nothing(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    await call.send()
    assert await make.snapshot(database) == before


RESOURCES = {operation.tag.replace("-", "_") for operation in operations.OPERATIONS} - {"events"}
"""The tables of what events tell of."""


async def _events(database: Database) -> set[str]:
    return {row["id"] for row in await database.read.rows("select id from events")}
