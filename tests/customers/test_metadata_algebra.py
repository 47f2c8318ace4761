"""Metadata over the API behaves as a dict does in memory, whatever is sent in whatever order."""

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import make

KEYS = st.sampled_from(["tier", "Tier", "a.b", " ", "\U0001f600", "00"]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0[]"), min_size=1, max_size=40
)
VALUES = st.sampled_from(["", "", "gold", "00123", " x "]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
)
CROWDS = st.integers(0, 60).map(lambda count: {f"crowd{number}": "x" for number in range(count)})
PATCHES = st.none() | st.dictionaries(KEYS, VALUES, max_size=8) | CROWDS


def merged(stored: dict[str, str], patch: dict[str, str] | None) -> dict[str, str]:
    """Say in words of its own what api.md §5 says."""
    if patch is None:
        return {}
    result = dict(stored)
    for key, value in patch.items():
        result.pop(key, None)
        if value != "":
            result[key] = value
    return result


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    # Each example has a customer of its own; that they share one transaction changes nothing for it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=PATCHES, patches=st.lists(PATCHES, max_size=6))
async def test_metadata_is_what_a_dict_would_be(
    client: httpx.AsyncClient, first: dict[str, str] | None, patches: list[dict[str, str] | None]
) -> None:
    model = merged({}, first)
    response = await client.post("/customers", json={"email": "jane@example.com", "metadata": first})
    if len(model) > 50:
        assert response.status_code == 400
        model = {}
        made = await make.customer(client)
    else:
        made = response.json()
    changes = 1
    for patch in patches:
        before = model
        response = await client.post(f"/customers/{made['id']}", json={"metadata": patch})
        if len(merged(model, patch)) > 50:
            assert response.status_code == 400
        else:
            model = merged(model, patch)
            assert response.json()["metadata"] == model
        assert (await client.get(f"/customers/{made['id']}")).json()["metadata"] == model
        changes += model != before
    history = (await client.get(f"/customers/{made['id']}/events", params={"pageSize": "100"})).json()
    assert history["pagination"]["itemCount"] == changes
    assert replayed(history["data"]) == model


def replayed(events: list[dict[str, dict[str, dict[str, str]]]]) -> dict[str, str]:
    """Follow the events from the first on; each must start where the last one ended."""
    metadata = dict(events[0]["data"]["metadata"])
    for event in events[1:]:
        for name, change in event["changes"].items():
            key = name.removeprefix("metadata.")
            assert metadata.pop(key, None) == change["from"]
            if change["to"] is not None:
                metadata[key] = change["to"]
        assert metadata == event["data"]["metadata"]
    return metadata
