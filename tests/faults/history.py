"""The history of a resource, and whether it is one: no change is missing, none is there twice."""

from typing import Any

import httpx

Object = dict[str, Any]


async def history(client: httpx.AsyncClient, customer_id: str) -> list[Object]:
    """Return all events of a customer, oldest first."""
    events: list[Object] = []
    while True:
        page = len(events) // 100 + 1
        response = await client.get(f"/customers/{customer_id}/events", params={"page": page, "pageSize": 100})
        assert response.status_code == 200, response.text
        events += response.json()["data"]
        if not response.json()["pagination"]["hasNextPage"]:
            return events


def check_chain(events: list[Object], current: Object) -> None:
    """Hold the events of a resource against each other, and the last one against what `GET` returns."""
    first, *rest = events
    assert first["eventType"].endswith(".created")
    assert first["changes"] == {}
    state = first["data"]
    for event in rest:
        assert not event["eventType"].endswith(".created")
        assert event["changes"]
        after = _changed(state, event["changes"])
        assert event["data"]["updatedAt"] > state["updatedAt"]
        assert event["createdAt"] == event["data"]["updatedAt"]
        assert event["data"] == after | {"updatedAt": event["data"]["updatedAt"]}
        state = event["data"]
    assert state == current


def _changed(state: Object, changes: Object) -> Object:
    """Return the state after an event's changes, each of which must start from what was there."""
    after = {**state, "metadata": dict(state.get("metadata", {}))} if "metadata" in state else dict(state)
    for field, change in changes.items():
        kind, _, key = field.partition(".")
        held = after["metadata"] if kind == "metadata" else after
        name = key if kind == "metadata" else field
        assert held.get(name) == change["from"], f"{field} was {held.get(name)!r}, not {change['from']!r}"
        if kind == "metadata" and change["to"] is None:
            del held[name]
        else:
            held[name] = change["to"]
    return after
