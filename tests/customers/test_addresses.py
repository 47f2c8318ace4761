import httpx
import pytest

from tests import make
from tests.customers.test_fields import ADDRESS_PARTS, kept, refused


@pytest.mark.parametrize("field", ["billingAddress", "shippingAddress"])
async def test_a_sent_address_replaces_the_stored_one(client: httpx.AsyncClient, field: str) -> None:
    made = await make.customer(client, **{field: {"line1": "1 Main St", "city": "Springfield", "country": "US"}})
    changed = (await client.post(f"/customers/{made['id']}", json={field: {"city": "Oslo"}})).json()
    assert changed[field] == dict.fromkeys(ADDRESS_PARTS) | {"city": "Oslo"}
    assert [*changed[field]] == ADDRESS_PARTS
    removed = (await client.post(f"/customers/{made['id']}", json={field: None})).json()
    assert removed[field] is None


@pytest.mark.parametrize("field", ["billingAddress", "shippingAddress"])
async def test_all_parts_of_an_address_are_optional(client: httpx.AsyncClient, field: str) -> None:
    await kept(client, field, {}, dict.fromkeys(ADDRESS_PARTS))
    await kept(client, field, dict.fromkeys(ADDRESS_PARTS), dict.fromkeys(ADDRESS_PARTS))
    for wrong in ("1 Main St", 1, True, [], ["1 Main St"]):
        await refused(client, field, "invalid_type", **{field: wrong})
    await refused(client, f"{field}.zip", "unknown_field", **{field: {"zip": "62701"}})


@pytest.mark.parametrize("country", ["US", "GB", "DE", "SS", "AQ", "CW"])
async def test_a_country_is_an_assigned_code(client: httpx.AsyncClient, country: str) -> None:
    await kept(client, "billingAddress", {"country": country}, dict.fromkeys(ADDRESS_PARTS) | {"country": country})


@pytest.mark.parametrize(
    "country", ["us", "USA", "UK", "XX", "AN", "SU", "EU", "", " US", "U", "840", "\x00\x00", "\uff35\uff33"]
)
async def test_what_is_no_assigned_country_code_is_refused(client: httpx.AsyncClient, country: str) -> None:
    await refused(client, "billingAddress.country", "invalid_format", billingAddress={"country": country})
