import unicodedata
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import make, operations

LONGEST_EMAIL = "a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 57 + ".com"
ADDRESS_PARTS = ["line1", "line2", "city", "state", "postalCode", "country"]


async def refused(client: httpx.AsyncClient, field: str, code: str, **fields: object) -> None:
    """Hold that neither a new customer nor a known one takes these fields."""
    made = await make.customer(client)
    for path, body in (("/customers", {"email": "a@example.com"} | fields), (f"/customers/{made['id']}", fields)):
        operations.assert_invalid(await client.post(path, json=body), {(field, code)})
    assert (await client.get(f"/customers/{made['id']}")).json() == made


async def kept(client: httpx.AsyncClient, name: str, value: object, shown: object) -> None:
    """Hold that a new customer and a known one show a field's value so."""
    made = await make.customer(client, **{name: value})
    assert made[name] == shown
    known = await make.customer(client)
    assert (await client.post(f"/customers/{known['id']}", json={name: value})).json()[name] == shown
    assert (await client.get(f"/customers/{known['id']}")).json()[name] == shown


@pytest.mark.parametrize(
    "email",
    [
        "Jane.DOE+Tag@Example.COM",
        "a@b.co",
        "o'brien@example.com",
        "!#$%&'*+-/=?^_`{|}~@example.com",
        "jåne@example.com",
        "用户@example.com",
        "jane@bücher.example",
        "jane@xn--bcher-kva.example",
        "jane@sub.domain.example.com",
        "1234567890@example.com",
        "jane@123.example.com",
        LONGEST_EMAIL,
    ],
)
async def test_an_email_is_kept_as_typed(client: httpx.AsyncClient, email: str) -> None:
    await kept(client, "email", email, email)


@pytest.mark.parametrize(
    "domain",
    [
        "example.com",
        "example.net",
        "example.org",
        "mail.example.com",
        "shop.example",
        "shop.test",
        "shop.invalid",
        "shop.localhost",
    ],
)
async def test_an_email_may_have_a_reserved_domain(client: httpx.AsyncClient, domain: str) -> None:
    await kept(client, "email", f"jane@{domain}", f"jane@{domain}")


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "jane",
        "jane@",
        "@example.com",
        "jane@example",
        "jane@@example.com",
        "jane doe@example.com",
        "@",
        " jane@example.com",
        "jane@example.com ",
        "jane@example.com\n",
        "jane@exa mple.com",
        "jane@-example.com",
        "jane..doe@example.com",
        ".jane@example.com",
        "jane.@example.com",
        "jane@example..com",
        "jane@.example.com",
        "Jane <jane@example.com>",
        "jane@example.com,joe@example.com",
        "jane@exam\x00ple.com",
        "jane\x00@example.com",
        "mailto:jane@example.com",
        "jane@[127.0.0.1]",
        "jane@example.com.",
        "jane\u200b@example.com\u202e",
        "jane@" + "b" * 64 + ".com",
        "jane@exam\nple.com",
        "jane\r\nBcc: x@example.com",
    ],
)
async def test_what_is_no_email_address_is_refused(client: httpx.AsyncClient, email: str) -> None:
    await refused(client, "email", "invalid_format", email=email)


async def test_an_email_of_255_characters_is_too_long(client: httpx.AsyncClient) -> None:
    assert len(LONGEST_EMAIL) == 254
    await refused(client, "email", "too_long", email="a" + LONGEST_EMAIL)


@pytest.mark.parametrize(
    ("field", "most"), [("name", 255), ("restrictReason", 500), ("billingAddress", 255), ("shippingAddress", 255)]
)
@pytest.mark.parametrize("character", ["x", "é", "\U0001f600", "\u0301"], ids=ascii)
async def test_the_length_of_a_text_is_counted_in_characters(
    client: httpx.AsyncClient, field: str, most: int, character: str
) -> None:
    if "Address" not in field:
        await kept(client, field, character * most, character * most)
        await refused(client, field, "too_long", **{field: character * (most + 1)})
        return
    for part in ADDRESS_PARTS[:-1]:
        fitting = {part: character * most}
        await kept(client, field, fitting, dict.fromkeys(ADDRESS_PARTS) | fitting)
        await refused(client, f"{field}.{part}", "too_long", **{field: {part: character * (most + 1)}})


TYPED = [
    *(
        "00123",
        " x ",
        "\U0001f600",
        "a\tb\nc",
        "\u2028",
        "<script>alert(1)</script>",
        "'; drop table customers --",
        "%00",
    ),
    *(
        "=1+1",
        "\\",
        '"',
        "null",
        "true",
        "{}",
        "a\x7fb",
        "\ufeff",
        "\u202etxt",
        "\uff21",
        unicodedata.normalize("NFD", "é"),
    ),
]


@pytest.mark.parametrize("typed", TYPED, ids=ascii)
async def test_texts_are_kept_as_typed(client: httpx.AsyncClient, typed: str) -> None:
    await kept(client, "name", typed, typed)
    await kept(client, "restrictReason", typed, typed)
    await kept(client, "metadata", {"key": typed}, {"key": typed})
    await kept(client, "billingAddress", {"line1": typed}, dict.fromkeys(ADDRESS_PARTS) | {"line1": typed})


@settings(
    max_examples=50, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(typed=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255))
async def test_any_text_that_fits_is_kept_as_typed(client: httpx.AsyncClient, typed: str) -> None:
    made = await make.customer(client, name=typed)
    assert made["name"] == typed
    assert (await client.get(f"/customers/{made['id']}")).json() == made


@pytest.mark.parametrize("field", ["name", "restrictReason", "phoneNumber", "dateOfBirth"])
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["x"], {"x": "y"}], ids=str)
async def test_a_text_that_is_no_string_is_refused(client: httpx.AsyncClient, field: str, value: object) -> None:
    await refused(client, field, "invalid_type", **{field: value})


@pytest.mark.parametrize("field", ["restrictCit", "restrictMit"])
async def test_a_restriction_is_true_or_false(client: httpx.AsyncClient, field: str) -> None:
    await kept(client, field, True, True)  # noqa: FBT003 - the value
    await kept(client, field, False, False)  # noqa: FBT003 - the value
    for wrong in ("true", "", 0, 1, None, [], {}):
        await refused(client, field, "invalid_type", **{field: wrong})


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("+15559876543", "+15559876543"),
        ("+1 555 987 6543", "+15559876543"),
        ("+1 (555) 987-6543", "+15559876543"),
        ("+1.555.987.6543", "+15559876543"),
        ("  +1-555-987-6543  ", "+15559876543"),
        ("+[1](555)[987]6543", "+15559876543"),
        ("+442079460958", "+442079460958"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+49 30 901820", "+4930901820"),
        ("+290 2345", "+2902345"),
    ],
)
async def test_a_phone_number_is_shown_in_e164_form(client: httpx.AsyncClient, typed: str, shown: str) -> None:
    await kept(client, "phoneNumber", typed, shown)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "+",
        "5559876543",
        "15559876543",
        "+1",
        "+1555",
        "+1555987654",
        "+155598765432",
        "+999123456789",
        "+0155598765",
        "+1555987654x",
        "+1 555 987 6543 ext 5",
        "tel:+15559876543",
        "++15559876543",
        "+1555\u0664876543",
        "+1/555/9876543",
        "0015559876543",
        "+1555987\x006543",
        "+15559876543;ext=1",
        "+" + "1" * 100000,
        "+1555987654\uff13",
        "-15559876543",
    ],
    ids=lambda typed: ascii(typed[:24]),
)
async def test_what_is_no_phone_number_is_refused(client: httpx.AsyncClient, typed: str) -> None:
    await refused(client, "phoneNumber", "invalid_format", phoneNumber=typed)


@pytest.mark.parametrize("day", ["1990-05-17", "1900-01-01", "2000-02-29", "2024-02-29", "1999-12-31", "TODAY"])
async def test_a_birth_date_is_a_day_from_1900_to_today(client: httpx.AsyncClient, day: str) -> None:
    day = day.replace("TODAY", str(datetime.now(UTC).date()))
    await kept(client, "dateOfBirth", day, day)


@pytest.mark.parametrize("day", ["1899-12-31", "0001-01-01", "9999-12-31", "SOON"])
async def test_a_birth_date_before_1900_or_after_today_is_refused(client: httpx.AsyncClient, day: str) -> None:
    day = day.replace("SOON", str((datetime.now(UTC) + timedelta(days=2)).date()))
    await refused(client, "dateOfBirth", "out_of_range", dateOfBirth=day)


@pytest.mark.parametrize(
    "typed",
    [
        "2023-02-29",
        "1900-02-29",
        "1990-13-01",
        "1990-00-01",
        "1990-01-00",
        "1990-04-31",
        "1990-5-17",
        "90-05-17",
        "",
        " ",
        "1990-05-17T00:00:00Z",
        "19900517",
        "1990-W20-4",
        "17.05.1990",
        "1990/05/17",
        " 1990-05-17",
        "1990-05-17 ",
        "today",
        "1990-05-17\x00",
        "\u0661\u0669\u0669\u0660-05-17",
        "+1990-05-17",
        "-1990-05-17",
        "10000-01-01",
        "1990-05",
        "0000-01-01",
    ],
    ids=ascii,
)
async def test_what_is_no_date_is_refused(client: httpx.AsyncClient, typed: str) -> None:
    await refused(client, "dateOfBirth", "invalid_format", dateOfBirth=typed)
