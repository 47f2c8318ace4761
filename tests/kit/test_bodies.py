import json
import re
import time
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, UnsetType

from odus.app import HANDLERS
from odus.kit import bodies
from odus.kit.fields import BirthDate, Country, Email, PhoneNumber, Text255
from odus.kit.metadata import MetadataPatch
from odus.kit.openapi import operations
from odus.kit.permissions import Permission
from odus.kit.problems import FIELD_CODES, Problem
from odus.kit.times import Moment

Json = Any  # a JSON value

Count = Annotated[int, Meta(ge=1, le=9)]


class Line(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A part of a body."""

    postal_code: Annotated[str, Meta(min_length=2, max_length=5)]
    country: Country | None = None
    how_many: Count = 1


class Order(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A body with every kind of field that there is."""

    email: Email
    first_line: Line
    second_line: Line | UnsetType | None = UNSET
    more_lines: Annotated[list[Line], Meta(min_length=1, max_length=3)] | UnsetType = UNSET
    by_name: dict[Annotated[str, Meta(max_length=3)], Line] | None = None
    nested: list[list[Count]] | UnsetType = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET
    permissions: Annotated[list[Permission], Meta(max_length=2)] | None = None
    state: Literal["open", "paid"] = "open"
    phone: PhoneNumber | None = None
    born: BirthDate | UnsetType | None = UNSET
    due_at: Moment | None = None
    name: Text255 | None = None
    rate: float | None = None
    is_gift: bool | None = None


order = bodies.decoder(Order)

VALID: dict[str, Json] = {
    "email": "jane@example.com",
    "firstLine": {"postalCode": "62701"},
    "secondLine": {"postalCode": "10115", "country": "DE", "howMany": 2},
    "moreLines": [{"postalCode": "75001"}, {"postalCode": "00001"}],
    "byName": {"a": {"postalCode": "97201"}},
    "nested": [[1, 2], [], [3]],
    "metadata": {"tier": "premium", "gone": ""},
    "permissions": ["CUSTOMER_READ"],
    "state": "paid",
    "phone": "+1 555 987 6543",
    "born": "1990-05-17",
    "dueAt": "2024-03-09T01:00:00+01:00",
    "name": "Jane",
    "rate": 0.5,
    "isGift": True,
}

FAULTS: dict[str, tuple[tuple[str | int, ...], Json, str, str]] = {
    # what: (where in VALID to put, what, the path that is told, the code)
    "email": (("email",), "jane", "email", "invalid_format"),
    "first line": (("firstLine", "postalCode"), "123456", "firstLine.postalCode", "too_long"),
    "first country": (("firstLine", "country"), "us", "firstLine.country", "invalid_format"),
    "first unknown": (("firstLine", "street"), "Main St", "firstLine.street", "unknown_field"),
    "second code": (("secondLine", "postalCode"), "1", "secondLine.postalCode", "too_short"),
    "second count": (("secondLine", "howMany"), 10, "secondLine.howMany", "out_of_range"),
    "more code": (("moreLines", 1, "postalCode"), 62701, "moreLines[1].postalCode", "invalid_type"),
    "more count": (("moreLines", 0, "howMany"), 0, "moreLines[0].howMany", "out_of_range"),
    "by name": (("byName", "a", "postalCode"), None, "byName.a.postalCode", "invalid_type"),
    "by long name": (("byName", "abcd"), {"postalCode": "123"}, "byName.abcd", "too_long"),
    "nested": (("nested", 2, 0), "3", "nested[2][0]", "invalid_type"),
    "nested deep": (("nested", 0, 1), 1.5, "nested[0][1]", "invalid_type"),
    "metadata value": (("metadata", "tier"), "x" * 501, "metadata.tier", "too_long"),
    "metadata key": (("metadata", "a[b]"), "x", "metadata.a[b]", "invalid_value"),
    "permissions": (("permissions", 0), "CUSTOMER_WRITE", "permissions[0]", "invalid_value"),
    "state": (("state",), "lost", "state", "invalid_value"),
    "phone": (("phone",), "555", "phone", "invalid_format"),
    "born": (("born",), "1899-12-31", "born", "out_of_range"),
    "due": (("dueAt",), "tomorrow", "dueAt", "invalid_format"),
    "name": (("name",), "x" * 256, "name", "too_long"),
    "rate": (("rate",), "1", "rate", "invalid_type"),
    "gift": (("isGift",), 1, "isGift", "invalid_type"),
    "unknown": (("id",), "cus_1", "id", "unknown_field"),
    "wrong case": (("Email",), "jane@example.com", "Email", "unknown_field"),
    "snake case": (("first_line",), {}, "first_line", "unknown_field"),
}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
plain = st.characters(exclude_characters="[]\x00", codec="utf-8")
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
DECODERS = [order, *(bodies.decoder(each.body) for each in operations(HANDLERS) if each.body)]
FIELD_NAMES = sorted(
    {field.encode_name for each in operations(HANDLERS) if each.body for field in msgspec.structs.fields(each.body)}
    | {"line1", "country", *VALID, "postalCode", "howMany"}
)
close_values = json_values | st.sampled_from(list(VALID.values()))
close_bodies = st.dictionaries(
    st.sampled_from(FIELD_NAMES) | st.text(),
    close_values | st.dictionaries(st.sampled_from(FIELD_NAMES), close_values) | st.lists(close_values),
)


def refusal(decode: Callable[[bytes], object], body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        decode(body)
    return caught.value


def faults(value: Json, decode: Callable[[bytes], object] = order) -> list[tuple[str, str]]:
    """Return the path and the code of each error."""
    problem = refusal(decode, json.dumps(value).encode())
    assert problem.kind.code == "validation_failed"
    return [(error.field, error.code) for error in problem.errors]


def changed(*names: str) -> dict[str, Json]:
    """Return the valid body with some faults in it."""
    body = json.loads(json.dumps(VALID))
    for where, what, _, _ in (FAULTS[name] for name in names):
        place = body
        for step in where[:-1]:
            place = place[step]
        place[where[-1]] = what
    return body


def answers_or_refuses(decode: Callable[[bytes], object], body: bytes) -> None:
    problem = problem_of(decode, body)
    if problem is None:
        return
    assert problem.kind.status == 400
    assert problem.kind.code in ("validation_failed", "invalid_json")
    assert bool(problem.errors) == (problem.kind.code == "validation_failed")
    assert {error.code for error in problem.errors} <= set(FIELD_CODES) - {"unknown_operator"}
    assert json.loads(problem.body("req_1"))["detail"] == problem.detail


def problem_of(decode: Callable[[bytes], object], body: bytes) -> Problem | None:
    try:
        decode(body)
    except Problem as problem:
        return problem
    return None


def test_a_valid_body_becomes_what_its_type_says() -> None:
    data = order(json.dumps(VALID).encode())
    assert data == Order(
        email=Email("jane@example.com"),
        first_line=Line("62701"),
        second_line=Line("10115", Country("DE"), 2),
        more_lines=[Line("75001"), Line("00001")],
        by_name={"a": Line("97201")},
        nested=[[1, 2], [], [3]],
        metadata={"tier": "premium", "gone": ""},
        permissions=[Permission.CUSTOMER_READ],
        state="paid",
        phone=PhoneNumber("+15559876543"),
        born=BirthDate(1990, 5, 17),
        due_at=Moment.parse("2024-03-09T00:00:00Z"),
        name="Jane",
        rate=0.5,
        is_gift=True,
    )


def test_null_and_not_sent_are_told_apart() -> None:
    nulls = b'"secondLine":null,"born":null,"metadata":null'
    sent = order(b'{"email":"j@example.com","firstLine":{"postalCode":"12"},' + nulls + b"}")
    assert (sent.second_line, sent.born, sent.metadata) == (None, None, None)
    silent = order(b'{"email":"j@example.com","firstLine":{"postalCode":"12"}}')
    assert (silent.second_line, silent.born, silent.metadata, silent.more_lines) == (UNSET, UNSET, UNSET, UNSET)
    assert (silent.by_name, silent.state) == (None, "open")


@given(
    st.dictionaries(st.text(plain, min_size=1, max_size=40), st.text(plain, max_size=500)),
    st.none() | st.text(plain, max_size=255),
    st.lists(st.lists(st.integers(1, 9))),
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
)
def test_valid_values_come_through_as_msgspec_reads_them(
    metadata: dict[str, str], name: str | None, nested: list[list[int]], rate: float | None
) -> None:
    body = json.dumps({**VALID, "metadata": metadata, "name": name, "nested": nested, "rate": rate}).encode()
    data = order(body)
    assert data == msgspec.json.decode(body, type=Order, dec_hook=bodies.parse_custom)
    assert (data.metadata, data.name, data.nested, data.rate) == (metadata, name, nested, rate)


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_gives_one_error_with_its_path_and_code(name: str) -> None:
    _, _, path, code = FAULTS[name]
    assert faults(changed(name)) == [(path, code)]


@given(st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_as_many_independent_faults_give_exactly_as_many_errors(names: set[str]) -> None:
    assert sorted(faults(changed(*names))) == sorted(FAULTS[name][2:] for name in names)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [("email", "required"), ("firstLine", "required")]),
        ({"email": "j@example.com", "firstLine": {}}, [("firstLine.postalCode", "required")]),
        (
            {**VALID, "moreLines": [{}, {"postalCode": "12"}, {"a": 1}]},
            [("moreLines[0].postalCode", "required"),
             ("moreLines[2].postalCode", "required"), ("moreLines[2].a", "unknown_field")],
        ),
        ({**VALID, "moreLines": []}, [("moreLines", "too_short")]),
        ({**VALID, "moreLines": [{"postalCode": "12"}] * 4}, [("moreLines", "too_many")]),
        ({**VALID, "permissions": ["CUSTOMER_READ"] * 3}, [("permissions", "too_many")]),
        ({**VALID, "email": None}, [("email", "invalid_type")]),
        ({**VALID, "firstLine": None}, [("firstLine", "invalid_type")]),
        ({**VALID, "firstLine": []}, [("firstLine", "invalid_type")]),
        ({**VALID, "secondLine": "x"}, [("secondLine", "invalid_type")]),
        ({**VALID, "secondLine": []}, [("secondLine", "invalid_type")]),
        ({**VALID, "moreLines": None}, [("moreLines", "invalid_type")]),
        ({**VALID, "moreLines": {}}, [("moreLines", "invalid_type")]),
        ({**VALID, "moreLines": [None]}, [("moreLines[0]", "invalid_type")]),
        ({**VALID, "byName": []}, [("byName", "invalid_type")]),
        ({**VALID, "byName": {"a": None}}, [("byName.a", "invalid_type")]),
        ({**VALID, "byName": {"abcd": {"x": 1}}},
         [("byName.abcd", "too_long"), ("byName.abcd.postalCode", "required"), ("byName.abcd.x", "unknown_field")]),
        ({**VALID, "nested": [[1, 0], [10]]}, [("nested[0][1]", "out_of_range"), ("nested[1][0]", "out_of_range")]),
        ({**VALID, "nested": [1, [None]]}, [("nested[0]", "invalid_type"), ("nested[1][0]", "invalid_type")]),
        ({**VALID, "metadata": {"a": 1, "": "x", "b": None}},
         [("metadata.a", "invalid_type"), ("metadata.", "too_short"), ("metadata.b", "invalid_type")]),
        ({**VALID, "state": None}, [("state", "invalid_type")]),
        ({**VALID, "state": 5}, [("state", "invalid_type")]),
        ({**VALID, "phone": 15559876543}, [("phone", "invalid_type")]),
        ({**VALID, "born": 19900517}, [("born", "invalid_type")]),
        ({**VALID, "dueAt": 1710000000}, [("dueAt", "invalid_type")]),
        ({**VALID, "name": "a\x00b"}, [("name", "invalid_value")]),
        ({**VALID, "rate": True}, [("rate", "invalid_type")]),
        ({**VALID, "isGift": "true"}, [("isGift", "invalid_type")]),
        ({**VALID, "nested": [[10**40]]}, [("nested[0][0]", "out_of_range")]),
        ({**VALID, "email": "a" * 250 + "@b.co"}, [("email", "too_long")]),
    ],
    ids=lambda value: None if isinstance(value, dict) else " ".join(f"{field}:{code}" for field, code in value),
)  # fmt: skip
def test_all_errors_come_at_once_each_with_its_path(given: dict[str, Json], expected: list[tuple[str, str]]) -> None:
    assert faults(given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "is required"),
        ({**VALID, "id": 1}, "is not a field that can be set here"),
        ({**VALID, "firstLine": {"postalCode": "123456"}}, "must be at most 5 characters, got 6"),
        ({**VALID, "firstLine": {"postalCode": "1"}}, "must be at least 2 characters, got 1"),
        ({**VALID, "firstLine": {"postalCode": 5}}, "must be a string, got a whole number"),
        ({**VALID, "firstLine": {"postalCode": "12", "howMany": 10}}, "must be at most 9"),
        ({**VALID, "firstLine": {"postalCode": "12", "howMany": 0}}, "must be at least 1"),
        ({**VALID, "firstLine": {"postalCode": "12", "howMany": 1.5}}, "must be a whole number, got a number"),
        ({**VALID, "moreLines": [{"postalCode": "12"}] * 4}, "must have at most 3 items, got 4"),
        ({**VALID, "secondLine": 5}, "must be an object or null, got a whole number"),
        ({**VALID, "byName": []}, "must be an object or null, got an array"),
        ({**VALID, "rate": "1"}, "must be a number or null, got a string"),
        ({**VALID, "isGift": "yes"}, "must be true or false or null, got a string"),
        ({**VALID, "name": True}, "must be a string or null, got true or false"),
        ({**VALID, "name": "\x00"}, "must not contain the NUL character"),
        ({**VALID, "metadata": {"[": "x"}}, "must not contain ["),
        ({**VALID, "metadata": {"][": "x"}}, "must not contain [ or ]"),
        ({**VALID, "state": "lost"}, "is not one of the values that are possible here: 'lost'"),
        ({**VALID, "email": None}, "must be a string"),
        ({**VALID, "born": "1899-12-31"}, "must be from 1900-01-01 to today"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_plain_words(given: dict[str, Json], message: str) -> None:
    assert refusal(order, json.dumps(given).encode()).errors[0].message == message


def test_the_bodies_can_give_every_code_there_is_and_no_other() -> None:
    seen = {code for _, _, _, code in FAULTS.values()}
    seen |= {code for _, code in faults({"moreLines": [{"postalCode": "12"}] * 4})}
    assert seen == set(FIELD_CODES) - {"unknown_operator"}


@given(st.sampled_from(DECODERS), close_bodies)
def test_no_message_shows_the_words_of_a_library(decode: Callable[[bytes], object], body: dict[str, Json]) -> None:
    problem = problem_of(decode, json.dumps(body).encode())
    for error in problem.errors if problem else []:
        assert re.match(r"(is|must|has) ", error.message), error
        assert not re.search(r"`|Expected|expected|\bstr\b|\bint\b|\$|\([0-9]\)", error.message), error


@pytest.mark.parametrize("phone", ["+0", "+1", "+999123456789", "+" + "1" * 300])
def test_what_the_library_of_phone_numbers_says_is_put_in_plain_words(phone: str) -> None:
    error = refusal(order, json.dumps({**VALID, "phone": phone}).encode()).errors[0]
    assert not re.search(r"\([0-9]\)", error.message)


@pytest.mark.parametrize(
    "body", [{**VALID, "metadata": {"": "x"}}, {**VALID, "moreLines": []}], ids=["characters", "items"]
)
def test_one_is_not_told_in_the_plural(body: dict[str, Json]) -> None:
    error = refusal(order, json.dumps(body).encode()).errors[0]
    assert "1 characters" not in error.message
    assert "1 items" not in error.message


@pytest.mark.parametrize("number", [b"1e999", b"9" * 5000])
def test_what_the_json_reader_says_shows_no_path_of_its_own(number: bytes) -> None:
    assert "$" not in refusal(order, b'{"a":' + number + b"}").detail


@given(st.sampled_from(DECODERS), close_bodies | json_values)
def test_any_json_value_is_taken_or_refused(decode: Callable[[bytes], object], value: Json) -> None:
    answers_or_refuses(decode, json.dumps(value).encode())
    answers_or_refuses(decode, json.dumps(value, ensure_ascii=False).encode())


@given(st.sampled_from(DECODERS), st.binary())
def test_any_bytes_are_taken_or_refused(decode: Callable[[bytes], object], body: bytes) -> None:
    answers_or_refuses(decode, body)


@given(st.data(), st.integers(0, 500), st.binary(min_size=1, max_size=4), st.integers(0, 4))
def test_a_valid_body_with_a_few_bytes_changed_is_taken_or_refused(
    data: st.DataObject, place: int, bytes_: bytes, cut: int
) -> None:
    decode = data.draw(st.sampled_from(DECODERS))
    body = json.dumps(VALID).encode()
    answers_or_refuses(decode, body[:place] + bytes_ + body[place + cut :])


@given(st.text(st.characters(exclude_categories=())))
@example("\ud800")
@example("\udc00\ud800")
@example("\x00")
def test_any_text_however_it_is_escaped_is_taken_or_refused(text: str) -> None:
    for change in ({"name": text}, {"metadata": {text: text}}, {text: 1}):
        answers_or_refuses(order, json.dumps({**VALID, **change}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"email"',
        b'{"email":"jane@example.com"',
        b'{"email":"jane@example.com",}',
        b"{'email':'jane@example.com'}",
        b'{"email":"jane@example.com"}}',
        b'{"email":"jane@example.com"} x',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":\x00}',
        b'{"a":"\x01"}',
        b'{"a":"\n"}',
        b'{"a":"\\x41"}',
        b'{"a":"\\u12"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xf8\x88\x80\x80\x80"}',
        b"\xef\xbb\xbf{}",
        '{"email":"jane@example.com"}'.encode("utf-16"),
        b'{"a":1} // comment',
        b'{"a":undefined}',
        b"\x1f\x8b\x08\x00",
        b"<a/>",
        b"null",
        b"true",
        b"5",
        b'"{}"',
        b"[]",
        b'[{"email":"jane@example.com"}]',
    ],
)
def test_what_is_not_one_json_object_in_utf8_is_refused_whole(body: bytes) -> None:
    for decode in DECODERS:
        problem = refusal(decode, body)
        assert (problem.kind.code, problem.errors) == ("invalid_json", [])


@given(st.lists(st.sampled_from(["list", "object"]), max_size=30), st.text(max_size=5), json_values, json_values)
def test_a_key_that_stands_twice_is_refused_however_deep(around: list[str], key: str, one: Json, other: Json) -> None:
    name = json.dumps(key)
    inner = f"{{{name}:{json.dumps(one)},{name}:{json.dumps(other)}}}"
    for kind in around:
        inner = f"[{inner}]" if kind == "list" else f'{{"a":{inner}}}'
    body = f'{{"email":"jane@example.com","x":{inner}}}'.encode()
    for decode in DECODERS:
        problem = refusal(decode, body)
        assert problem.kind.code == "invalid_json"
        assert "stands twice" in problem.detail


@pytest.mark.parametrize(
    "body",
    [
        b'{"email":"jane@example.com","email":"jane@example.com","firstLine":{"postalCode":"12"}}',
        b'{"email":"jane@example.com","\\u0065mail":"joe@example.com","firstLine":{"postalCode":"12"}}',
        b'{"email":"jane@example.com","firstLine":{"postalCode":"12","postalCode":"12"}}',
        b'{"email":"jane@example.com","firstLine":{"postalCode":"12"},"metadata":{"a":"1","a":"2"}}',
        b'{"email":"jane@example.com","firstLine":{"postalCode":"12"},"moreLines":[{"postalCode":"12","postalCode":"13"}]}',
    ],
)
def test_a_body_that_is_valid_but_for_a_key_that_stands_twice_is_refused(body: bytes) -> None:
    assert refusal(order, body).kind.code == "invalid_json"


def test_the_same_key_in_different_objects_is_no_repetition() -> None:
    assert order(json.dumps(VALID).encode()).first_line.postal_code == "62701"


@pytest.mark.parametrize("depth", [10, 100, 500, 900, 1000, 1100, 3000, 100_000])
@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_json_however_deep_is_refused_and_never_breaks(depth: int, open_: str, close: str) -> None:
    for inner in (open_ * depth + "1" + close * depth, open_ * depth):
        for name in ("metadata", "nested", "firstLine", "unknown"):
            answers_or_refuses(order, f'{{"email":"jane@example.com","{name}":{inner}}}'.encode())
        answers_or_refuses(order, inner.encode())


def seconds(decode: Callable[[bytes], object], body: bytes) -> float:
    began = time.process_time()
    answers_or_refuses(decode, body)
    return time.process_time() - began


def test_a_key_that_stands_twice_among_many_is_found_at_once() -> None:
    keys = ",".join(f'"{number:05}":1' for number in range(20_000))
    assert seconds(order, f'{{{keys},"19999":1}}'.encode()) < 0.5


def test_a_megabyte_of_wrong_items_is_refused_within_a_second() -> None:
    body = f'{{"note":"x","permissions":[{",".join(["5"] * 500_000)}]}}'.encode()
    decode = bodies.decoder(next(each.body for each in operations(HANDLERS) if each.name == "create_secret_key"))
    assert seconds(decode, body) < 1.5


@pytest.mark.parametrize(
    "body",
    [
        b'{"email":"' + b"a" * 1_000_000 + b'"}',
        b'{"name":"' + b"\\u0000" * 170_000 + b'"}',
        b'{"metadata":{"' + b"[" * 1_000_000 + b'":""}}',
        b'{"email":' + b"[" * 1_000_000 + b"}",
        b'{"born":"' + b"2024-02-18" * 100_000 + b'","dueAt":"' + b"9" * 10_000 + b'"}',
        b'{"phone":"+' + b"1" * 1_000_000 + b'"}',
        b'{"rate":' + b"1" * 1_000_000 + b"}",
        b'{"rate":0.' + b"1" * 1_000_000 + b"}",
    ],
    ids=["email", "text", "key", "depth", "dates", "phone", "whole number", "number"],
)
def test_a_megabyte_in_one_value_is_refused_at_once(body: bytes) -> None:
    assert seconds(order, body) < 1


def test_an_answer_writes_our_own_types_as_their_text() -> None:
    answer = {
        "at": Moment.parse("2024-03-09T00:00:00Z"),
        "email": Email("Jane@Example.com"),
        "born": BirthDate(1990, 5, 17),
        "day": date(1990, 5, 17),
        "permission": Permission.EVENT_READ,
        "raw": msgspec.Raw(b'{"a":1}'),
    }
    expected = (
        '{"at":"2024-03-09T00:00:00.000Z","email":"Jane@Example.com","born":"1990-05-17","day":"1990-05-17",'
        '"permission":"EVENT_READ","raw":{"a":1}}'
    )
    assert bodies.encode(answer) == expected.encode()
    assert bodies.text(answer) == expected


@given(json_values)
def test_what_is_encoded_reads_back_the_same(value: Json) -> None:
    assert json.loads(bodies.encode(value)) == value
    assert json.loads(bodies.text(value)) == value
