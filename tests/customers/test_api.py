import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests import make, operations

SPEC_BODY = {
    "email": "jane@example.com",
    "name": "Jane Smith",
    "phoneNumber": "+15559876543",
    "dateOfBirth": "1990-05-17",
    "billingAddress": {
        "line1": "1 Main St",
        "line2": None,
        "city": "Springfield",
        "state": "IL",
        "postalCode": "62701",
        "country": "US",
    },
    "shippingAddress": None,
    "metadata": {"tier": "premium"},
    "restrictCit": False,
    "restrictMit": False,
    "restrictReason": None,
}
"""The customer of api.md §6, without what only the server sets."""

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_the_customer_of_the_spec_is_shown_as_the_spec_shows_it(client: httpx.AsyncClient) -> None:
    response = await client.post("/customers", json=SPEC_BODY)
    shown = response.json()
    assert response.status_code == 201
    assert [*shown] == ["id", *SPEC_BODY, "createdAt", "updatedAt"]
    assert {name: shown[name] for name in SPEC_BODY} == SPEC_BODY
    assert re.fullmatch(r"cus_[0-9A-Za-z]{27}", shown["id"])
    assert (await client.get(f"/customers/{shown['id']}")).json() == shown


async def test_only_the_email_is_required(client: httpx.AsyncClient) -> None:
    shown = (await client.post("/customers", json={"email": "jane@example.com"})).json()
    unset = dict.fromkeys(["name", "phoneNumber", "dateOfBirth", "billingAddress", "shippingAddress", "restrictReason"])
    expected = {"email": "jane@example.com", **unset, "metadata": {}, "restrictCit": False, "restrictMit": False}
    assert {name: value for name, value in shown.items() if name not in ("id", "createdAt", "updatedAt")} == expected


async def test_a_new_customer_without_an_email_is_refused(client: httpx.AsyncClient) -> None:
    operations.assert_invalid(await client.post("/customers", json={"name": "Jane"}), {("email", "required")})
    operations.assert_invalid(await client.post("/customers", json={"email": None}), {("email", "invalid_type")})


async def test_two_customers_may_share_an_email(client: httpx.AsyncClient) -> None:
    first, second = await make.customer(client), await make.customer(client)
    assert first["email"] == second["email"]
    assert first["id"] != second["id"]


async def test_ids_sort_by_creation(client: httpx.AsyncClient) -> None:
    ids = [str((await make.customer(client))["id"]) for _ in range(20)]
    assert ids == sorted(ids)


async def test_times_are_utc_with_milliseconds_and_of_now(client: httpx.AsyncClient) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    shown = await make.customer(client)
    assert MOMENT.fullmatch(str(shown["createdAt"]))
    assert shown["updatedAt"] == shown["createdAt"]
    assert before <= datetime.fromisoformat(str(shown["createdAt"])) <= datetime.now(UTC)


async def test_an_update_changes_only_what_it_includes(client: httpx.AsyncClient) -> None:
    made = await make.customer(client, **{**SPEC_BODY, "restrictReason": "Chargebacks"})
    for name, value in {
        "email": "new@example.com",
        "name": None,
        "phoneNumber": "+442079460958",
        "dateOfBirth": "1991-01-01",
        "billingAddress": None,
        "shippingAddress": {**SPEC_BODY["billingAddress"], "line1": "2 Main St"},
        "metadata": {"tier": "gold"},
        "restrictCit": True,
        "restrictMit": True,
        "restrictReason": None,
    }.items():
        response = await client.post(f"/customers/{made['id']}", json={name: value})
        assert response.status_code == 200
        changed = response.json()
        assert changed == {**made, name: value, "updatedAt": changed["updatedAt"]}
        made = changed
    assert (await client.get(f"/customers/{made['id']}")).json() == made


async def test_null_clears_each_field_that_can_be_empty(client: httpx.AsyncClient) -> None:
    made = await make.customer(client, **{**SPEC_BODY, "restrictReason": "x", "shippingAddress": {"city": "Oslo"}})
    nullable = ["name", "phoneNumber", "dateOfBirth", "billingAddress", "shippingAddress", "restrictReason"]
    changed = (await client.post(f"/customers/{made['id']}", json=dict.fromkeys([*nullable, "metadata"]))).json()
    assert changed == {**made, **dict.fromkeys(nullable), "metadata": {}, "updatedAt": changed["updatedAt"]}


async def test_null_is_refused_where_a_field_cannot_be_empty(client: httpx.AsyncClient) -> None:
    made = await make.customer(client)
    response = await client.post(
        f"/customers/{made['id']}", json=dict.fromkeys(["email", "restrictCit", "restrictMit"])
    )
    wrong = {("email", "invalid_type"), ("restrictCit", "invalid_type"), ("restrictMit", "invalid_type")}
    operations.assert_invalid(response, wrong)
    assert (await client.get(f"/customers/{made['id']}")).json() == made


@pytest.mark.parametrize("name", ["id", "createdAt", "updatedAt"])
async def test_a_read_only_field_is_an_unknown_field(client: httpx.AsyncClient, name: str) -> None:
    made = await make.customer(client)
    response = await client.post(f"/customers/{made['id']}", json={name: made[name]})
    operations.assert_invalid(response, {(name, "unknown_field")})


async def test_fields_have_camel_case_names_alone(client: httpx.AsyncClient) -> None:
    body = {
        "email": "a@example.com",
        "phone_number": "+15559876543",
        "Name": "A",
        "billingAddress": {"postal_code": "1"},
    }
    unknown = {
        ("phone_number", "unknown_field"),
        ("Name", "unknown_field"),
        ("billingAddress.postal_code", "unknown_field"),
    }
    operations.assert_invalid(await client.post("/customers", json=body), unknown)


async def test_created_at_stays_and_updated_at_moves_forward_with_each_change(client: httpx.AsyncClient) -> None:
    made = await make.customer(client)
    for number in range(20):
        changed = (await client.post(f"/customers/{made['id']}", json={"name": str(number)})).json()
        assert changed["createdAt"] == made["createdAt"]
        assert changed["updatedAt"] > made["updatedAt"]
        made = changed


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"email": "jane@example.com"},
        {"phoneNumber": "+1 (555) 987-6543"},
        {"metadata": {}},
        {"metadata": {"tier": "premium"}},
        {"metadata": {"absent": ""}},
        {"billingAddress": {name: value for name, value in SPEC_BODY["billingAddress"].items() if value is not None}},
        SPEC_BODY,
    ],
    ids=str,
)
async def test_an_update_that_changes_nothing_leaves_the_version_and_writes_no_event(
    client: httpx.AsyncClient, same: dict[str, object]
) -> None:
    made = await make.customer(client, **SPEC_BODY)
    tag = (await client.get(f"/customers/{made['id']}")).headers["ETag"]
    response = await client.post(f"/customers/{made['id']}", json=same)
    assert response.status_code == 200
    assert response.json() == made
    assert response.headers["ETag"] == tag
    history = (await client.get(f"/customers/{made['id']}/events")).json()
    assert [event["eventType"] for event in history["data"]] == ["customer.created"]


async def test_an_email_in_other_letters_is_a_change(client: httpx.AsyncClient) -> None:
    made = await make.customer(client)
    changed = (await client.post(f"/customers/{made['id']}", json={"email": "JANE@example.com"})).json()
    assert changed["email"] == "JANE@example.com"
    assert changed["updatedAt"] > made["updatedAt"]


async def test_all_errors_of_a_request_come_at_once(client: httpx.AsyncClient) -> None:
    body = {
        "email": "jane",
        "name": "x" * 256,
        "phoneNumber": "12",
        "dateOfBirth": "1990-02-30",
        "billingAddress": {"country": "Utopia", "line1": 1, "zip": "1"},
        "shippingAddress": "1 Main St",
        "metadata": {"tier": "x" * 501, "a[b]": "c", "number": 1, "": "x"},
        "restrictCit": "yes",
        "restrictMit": None,
        "restrictReason": "x" * 501,
        "colour": "green",
    }
    expected = {
        ("email", "invalid_format"),
        ("name", "too_long"),
        ("phoneNumber", "invalid_format"),
        ("dateOfBirth", "invalid_format"),
        ("billingAddress.country", "invalid_format"),
        ("billingAddress.line1", "invalid_type"),
        ("billingAddress.zip", "unknown_field"),
        ("shippingAddress", "invalid_type"),
        ("metadata.tier", "too_long"),
        ("metadata.a[b]", "invalid_value"),
        ("metadata.number", "invalid_type"),
        ("metadata.", "too_short"),
        ("restrictCit", "invalid_type"),
        ("restrictMit", "invalid_type"),
        ("restrictReason", "too_long"),
        ("colour", "unknown_field"),
    }
    response = await client.post("/customers", json=body)
    operations.assert_invalid(response, expected)
    assert response.json()["detail"] == "The request has 16 invalid fields."
    made = await make.customer(client)
    operations.assert_invalid(await client.post(f"/customers/{made['id']}", json=body), expected)
    assert (await client.get(f"/customers/{made['id']}")).json() == made


async def test_an_error_is_told_as_the_spec_tells_it(client: httpx.AsyncClient) -> None:
    problem = (await client.post("/customers", json={"metadata": {"tier": "x" * 612}})).json()
    assert {**problem, "errors": sorted(problem["errors"], key=str)} == {
        "type": "/docs/errors#validation_failed",
        "title": "Validation failed",
        "status": 400,
        "code": "validation_failed",
        "detail": "The request has 2 invalid fields.",
        "requestId": problem["requestId"],
        "errors": [
            {"field": "email", "code": "required", "message": "is required"},
            {"field": "metadata.tier", "code": "too_long", "message": "must be at most 500 characters, got 612"},
        ],
    }


async def test_too_many_metadata_keys_are_named_beside_the_other_errors(client: httpx.AsyncClient) -> None:
    body = {"email": "jane", "metadata": {f"key{number}": "x" for number in range(51)}}
    response = await client.post("/customers", json=body)
    operations.assert_invalid(response, {("email", "invalid_format"), ("metadata", "too_many")})


async def test_the_update_of_an_unknown_customer_is_404(client: httpx.AsyncClient) -> None:
    response = await client.post("/customers/cus_000000000000000000000000000", json={"name": "x"})
    assert response.status_code == 404
