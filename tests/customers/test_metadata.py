import httpx
import pytest

from tests import make, operations


async def after(client: httpx.AsyncClient, stored: dict[str, str], sent: object) -> httpx.Response:
    """Return the answer to an update of a customer's metadata."""
    made = await make.customer(client, metadata=stored)
    assert made["metadata"] == stored
    return await client.post(f"/customers/{made['id']}", json={"metadata": sent})


def many(count: int) -> dict[str, str]:
    return {f"key{number:02}": str(number) for number in range(count)}


async def test_an_update_keeps_the_metadata_keys_it_does_not_name(client: httpx.AsyncClient) -> None:
    response = await after(client, {"tier": "gold", "region": "EU"}, {"tier": "silver", "source": "ads"})
    assert response.json()["metadata"] == {"tier": "silver", "region": "EU", "source": "ads"}


async def test_a_key_sent_empty_goes(client: httpx.AsyncClient) -> None:
    response = await after(client, {"tier": "gold", "region": "EU"}, {"tier": "", "absent": ""})
    assert response.json()["metadata"] == {"region": "EU"}


async def test_null_clears_all_metadata(client: httpx.AsyncClient) -> None:
    assert (await after(client, {"tier": "gold", "region": "EU"}, None)).json()["metadata"] == {}


async def test_an_empty_object_changes_no_metadata(client: httpx.AsyncClient) -> None:
    assert (await after(client, {"tier": "gold"}, {})).json()["metadata"] == {"tier": "gold"}


async def test_an_update_without_metadata_leaves_it(client: httpx.AsyncClient) -> None:
    made = await make.customer(client, metadata={"tier": "gold"})
    assert (await client.post(f"/customers/{made['id']}", json={"name": "x"})).json()["metadata"] == {"tier": "gold"}


@pytest.mark.parametrize("sent", [{"a": "", "b": "c"}, {"b": "c"}])
async def test_a_new_customer_does_not_store_empty_values(client: httpx.AsyncClient, sent: dict[str, str]) -> None:
    assert (await make.customer(client, metadata=sent))["metadata"] == {"b": "c"}


async def test_null_and_nothing_are_no_metadata_on_a_new_customer(client: httpx.AsyncClient) -> None:
    assert (await make.customer(client, metadata=None))["metadata"] == {}
    assert (await make.customer(client, metadata={}))["metadata"] == {}


@pytest.mark.parametrize("value", [1, 0, 1.5, True, False, None, [], {}, ["x"], {"x": "y"}], ids=str)
async def test_a_metadata_value_that_is_no_string_is_refused(client: httpx.AsyncClient, value: object) -> None:
    response = await after(client, {"tier": "gold"}, {"tier": value, "other": "x"})
    operations.assert_invalid(response, {("metadata.tier", "invalid_type")})


async def test_a_metadata_key_that_stands_twice_is_refused(client: httpx.AsyncClient) -> None:
    content = '{"email": "jane@example.com", "metadata": {"tier": "gold", "tier": "gold"}}'
    response = await client.post("/customers", content=content, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_json")
    assert "tier" in response.json()["detail"]


@pytest.mark.parametrize("sent", ["x", 1, True, [], [["a", "b"]]], ids=str)
async def test_metadata_that_is_no_object_is_refused(client: httpx.AsyncClient, sent: object) -> None:
    operations.assert_invalid(await after(client, {}, sent), {("metadata", "invalid_type")})


@pytest.mark.parametrize(
    "key",
    [
        "k" * 40,
        "😀" * 40,
        " ",
        " a ",
        "a.b",
        "00",
        "Tier",
        "__proto__",
        "constructor",
        "é",
        "'",
        '"',
        "\\",
        "$ne",
        "%",
        "a\nb",
        "{}",
        "null",
        "<b>",
        "id",
        "metadata",
        "\u202e",
    ],
    ids=ascii,
)
async def test_a_metadata_key_is_kept_as_typed(client: httpx.AsyncClient, key: str) -> None:
    made = await make.customer(client, metadata={key: "x", "tier": "gold"})
    assert made["metadata"] == {key: "x", "tier": "gold"}
    assert (await client.get(f"/customers/{made['id']}")).json() == made
    changed = await client.post(f"/customers/{made['id']}", json={"metadata": {key: "y"}})
    assert changed.json()["metadata"] == {key: "y", "tier": "gold"}
    removed = await client.post(f"/customers/{made['id']}", json={"metadata": {key: ""}})
    assert removed.json()["metadata"] == {"tier": "gold"}


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "too_short"),
        ("k" * 41, "too_long"),
        ("k" * 100_000, "too_long"),
        ("\U0001f600" * 41, "too_long"),
        ("[", "invalid_value"),
        ("a]", "invalid_value"),
        ("a[b]", "invalid_value"),
        ("\x00", "invalid_value"),
    ],
    ids=lambda value: ascii(value[:9]),
)
async def test_a_metadata_key_that_does_not_fit_is_refused(client: httpx.AsyncClient, key: str, code: str) -> None:
    for value in ("x", ""):
        operations.assert_invalid(await after(client, {}, {key: value}), {(f"metadata.{key}", code)})


@pytest.mark.parametrize("character", ["x", "\U0001f600", "é"])
async def test_a_metadata_value_has_up_to_500_characters(client: httpx.AsyncClient, character: str) -> None:
    response = await after(client, {}, {"key": character * 500})
    assert response.json()["metadata"] == {"key": character * 500}
    operations.assert_invalid(await after(client, {}, {"key": character * 501}), {("metadata.key", "too_long")})


async def test_a_new_customer_has_up_to_50_pairs(client: httpx.AsyncClient) -> None:
    assert (await make.customer(client, metadata=many(50)))["metadata"] == many(50)
    response = await client.post("/customers", json={"email": "a@example.com", "metadata": many(51)})
    operations.assert_invalid(response, {("metadata", "too_many")})


async def test_the_limit_of_50_counts_what_is_stored_not_what_is_sent(client: httpx.AsyncClient) -> None:
    sent = {**many(50), **{f"empty{number}": "" for number in range(100)}}
    assert (await make.customer(client, metadata=sent))["metadata"] == many(50)
    assert (await after(client, many(50), {**sent, "key00": "", "new": "x"})).json()["metadata"] == {
        **{key: value for key, value in many(50).items() if key != "key00"},
        "new": "x",
    }


async def test_the_limit_of_50_holds_for_the_merged_result(client: httpx.AsyncClient) -> None:
    made = await make.customer(client, metadata=many(49))
    address = f"/customers/{made['id']}"
    operations.assert_invalid(
        await client.post(address, json={"metadata": {"a": "1", "b": "2"}}), {("metadata", "too_many")}
    )
    assert (await client.get(address)).json() == made
    assert (await client.post(address, json={"metadata": {"a": "1"}})).json()["metadata"] == {**many(49), "a": "1"}
    assert (await client.post(address, json={"metadata": {"a": "2"}})).json()["metadata"] == {**many(49), "a": "2"}
    swapped = await client.post(address, json={"metadata": {"a": "", "b": "3"}})
    assert swapped.json()["metadata"] == {**many(49), "b": "3"}


async def test_metadata_is_shown_in_the_order_of_its_keys(client: httpx.AsyncClient) -> None:
    made = await make.customer(client, metadata={"b": "1", "aa": "2", "c": "3", "B": "4"})
    assert [*made["metadata"]] == ["B", "aa", "b", "c"]
    changed = (await client.post(f"/customers/{made['id']}", json={"metadata": {"ab": "5"}})).json()
    assert [*changed["metadata"]] == ["B", "aa", "ab", "b", "c"]
    assert [*(await client.get(f"/customers/{made['id']}")).json()["metadata"]] == ["B", "aa", "ab", "b", "c"]
