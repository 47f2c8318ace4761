"""What every endpoint does with bodies and headers, whatever a client sends."""

import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from odus.kit.db import Database
from odus.kit.ids import new_id
from tests import make, operations
from tests.operations import OPERATIONS, Call, every, posts

JSON = {"Content-Type": "application/json"}
LARGEST_BODY = 1024 * 1024

call = pytest.fixture(operations.call)


@posts
async def test_an_unknown_field_is_named_and_nothing_changes(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    response = await call.send(json={**(call.body or {}), "favouriteColour": "green", "id": "x"})
    operations.assert_invalid(response, {("favouriteColour", "unknown_field"), ("id", "unknown_field")})
    assert await make.snapshot(database) == before


@posts
async def test_fields_of_the_answer_that_cannot_be_set_are_unknown_fields(call: Call, database: Database) -> None:
    answer = (await call.send()).json()
    fields = operations.fields(call.operation)
    before = await make.snapshot(database)
    response = await call.send(json={name: value for name, value in answer.items() if name not in fields})
    unknown = {(error["field"], error["code"]) for error in response.json()["errors"] if error["code"] != "required"}
    assert unknown == {(name, "unknown_field") for name in answer if name not in fields}
    assert await make.snapshot(database) == before


NOT_JSON = (
    *(
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
    ),
    *(
        "json",
        "application/jsonp",
        "application/merge-patch+json",
        "application/json, text/plain",
        "*/*",
        "",
        "\xff",
        None,
    ),
    *("application/json; charset=latin-1", "application/json; charset=utf-16", "application/json; charset=\xff"),
)


@posts
async def test_a_media_type_other_than_json_is_415_and_nothing_happens(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    for media_type in NOT_JSON:
        headers = [] if media_type is None else [(b"Content-Type", media_type.encode("latin-1"))]
        response = await call.send(content=operations.as_json(call.body), headers=headers)
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type"), media_type
    assert await make.snapshot(database) == before


@posts
@pytest.mark.parametrize(
    "form", [{"data": {"email": "a@example.com"}}, {"files": {"email": b"a@example.com"}}], ids=str
)
async def test_a_form_is_415(call: Call, form: dict[str, dict[str, object]]) -> None:
    assert (await call.send(**form)).status_code == 415


@posts
async def test_a_compressed_body_is_415_and_nothing_happens(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    for encoding in ("gzip", "br", "deflate", "zstd", "gzip, gzip", "x", "identity, gzip", "\xff"):
        headers = [(b"Content-Type", b"application/json"), (b"Content-Encoding", encoding.encode("latin-1"))]
        response = await call.send(content=operations.as_json(call.body), headers=headers)
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type"), encoding
    assert await make.snapshot(database) == before


@posts
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
async def test_json_is_accepted_in_each_way_to_say_so(call: Call, content_type: str) -> None:
    response = await call.send(content=operations.as_json(call.body), headers={"Content-Type": content_type})
    assert response.status_code == call.operation.status


@posts
async def test_a_body_of_1_mib_is_read(call: Call) -> None:
    response = await call.send(content=operations.as_json(call.body).ljust(LARGEST_BODY), headers=JSON)
    assert response.status_code == call.operation.status


@posts
@pytest.mark.parametrize("streamed", [False, True], ids=["declared", "streamed"])
async def test_a_body_over_1_mib_is_413_and_nothing_happens(call: Call, database: Database, streamed: bool) -> None:  # noqa: FBT001 - a case
    body = operations.as_json(call.body).ljust(LARGEST_BODY + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    before = await make.snapshot(database)
    response = await call.send(content=pieces() if streamed else body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
    assert await make.snapshot(database) == before


@posts
async def test_a_body_without_end_is_413_without_being_read_on(call: Call) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536

    assert (await call.send(content=endless(), headers=JSON)).status_code == 413
    assert sent <= LARGEST_BODY + 2 * 65536


NOT_ONE_OBJECT = (
    *(b"[]", b"[{}]", b"null", b"1", b"1e400", b"-1e400", b"9" * 5000, b'"text"', b"true", b"", b" ", b"NaN", b"{}{}"),
    *(b"{", b'{"a"', b'{"a":}', b"{'a': 1}", b'{"a": 1,}', b"{}\x00", b"\x00", b"/**/{}", b'{"a": 01}', b'{"a": +1}'),
    *(b"\xff", b'{"a": "\xff"}', b'{"\xff": ""}', b'\xef\xbb\xbf{"a": 1}', b"\xed\xa0\x80", b'{"a": "\xed\xa0\x80"}'),
    *(b'{"a": "\\ud800"}', b'{"a": "\\udc00 x"}', b'{"\\ud800": 1}', b'{"a": "\\ud800\\ud800"}', b'{"a": "\\u00"}'),
    *(b'{"a": 1, "a": 1}', b'{"a": 1, "\\u0061": 2}', b'{"a": {"b": 1, "b": 2}}', b'{"a": [{"b": 1, "b": 1}]}'),
    *(b'{"a": 1e400}', b'{"a": ' + b"9" * 5000 + b"}", b'{"a": "\n"}', b'{"a": "\\x41"}', '{"a": 1}'.encode("utf-16")),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
)


@posts
async def test_what_is_not_one_json_object_is_400_and_nothing_happens(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    for content in NOT_ONE_OBJECT:
        response = await call.send(content=content, headers=JSON)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_json"), content[:80]
    assert await make.snapshot(database) == before


@posts
@pytest.mark.parametrize("character", ["\x00", "\x7f", "\u2028", "\U0001f600", "\ufffe", "é", "<", "'", "\\", "%"])
async def test_no_text_in_any_field_makes_a_fault(call: Call, database: Database, character: str) -> None:
    before = await make.snapshot(database)
    for name, length in itertools.product([*operations.fields(call.operation), "", "\x00"], [1, 256, 501, 100_000]):
        response = await call.attempt(json={**call.another_body(), name: character * length})
        assert response.status_code in (call.operation.status, 400)
        if response.status_code == 400:
            assert [error["field"] for error in response.json()["errors"]] == [name]
        else:
            assert character != "\x00"
            assert length <= 1000
    assert await make.snapshot(database) == before


@posts
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=ascii)
async def test_a_line_end_after_any_text_makes_no_fault_and_is_taken_only_where_it_may_stand(
    call: Call, end: str
) -> None:
    for body in (call.another_body(), call.example()):
        for path, longer in with_longer_texts(body, end):
            response = await call.attempt(json=longer)
            assert response.status_code in (call.operation.status, 400), path
            if response.status_code == 400:
                assert [error["field"] for error in response.json()["errors"]] == [path]
            else:
                assert path.rpartition(".")[2] not in ONE_LINE, path


ONE_LINE = {"number", "expMonth", "expYear", "cvc", "returnUrl", "currency", "email", "timezone"}
"""Texts that are on one line, or are none."""


def with_longer_texts(value: object, end: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Return a body once with each of its texts made longer, and where that one is."""
    match value:
        case str():
            yield path, value + end
        case dict():
            for name, held in value.items():
                inner = f"{path}.{name}" if path else name
                yield from ((found, {**value, name: longer}) for found, longer in with_longer_texts(held, end, inner))
        case list():
            for index, held in enumerate(value):
                for found, longer in with_longer_texts(held, end, f"{path}[{index}]"):
                    yield found, [*value[:index], longer, *value[index + 1 :]]
        case _:
            pass


@posts
async def test_no_value_in_any_field_makes_a_fault(call: Call) -> None:
    values = (None, True, 0, -1, 1.5, 10**300, [], [1], {}, {"a": {}}, {"\x00": 1}, [[[]]], "", " ")
    for name, value in itertools.product([*operations.fields(call.operation), "", "\x00"], values):
        response = await call.attempt(json={**call.another_body(), name: value})
        assert response.status_code in (call.operation.status, 400), (name, value)


@posts
@pytest.mark.parametrize("key", ["a", "\x00", "é", "a.b", "0", "__proto__"], ids=ascii)
async def test_a_key_that_stands_twice_is_named(call: Call, database: Database, key: str) -> None:
    before = await make.snapshot(database)
    response = await call.send(content=f"{{{json.dumps(key)}: 1, {json.dumps(key)}: 1}}", headers=JSON)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_json")
    assert json.dumps(key) in response.json()["detail"]
    assert await make.snapshot(database) == before


@posts
async def test_a_field_that_stands_twice_is_refused_though_both_are_right(call: Call, database: Database) -> None:
    before = await make.snapshot(database)
    for name, value in {**dict.fromkeys(operations.fields(call.operation)), **(call.body or {})}.items():
        once = f"{json.dumps(name)}:{json.dumps(value)}"
        others = [f"{json.dumps(key)}:{json.dumps(other)}" for key, other in (call.body or {}).items() if key != name]
        response = await call.send(content="{" + ",".join([once, *others, once]) + "}", headers=JSON)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_json"), name
        assert json.dumps(name) in response.json()["detail"]
    assert await make.snapshot(database) == before


@posts
async def test_a_key_that_stands_twice_among_many_is_found_in_no_time(call: Call) -> None:
    keys = [f'"{number}":1' for number in range(20_000)]
    began = time.process_time()
    response = await call.send(content="{" + ",".join([*keys, keys[-1]]) + "}", headers=JSON)
    assert response.status_code == 400
    assert time.process_time() - began < 0.5


@posts
async def test_nothing_sent_is_an_empty_object(call: Call) -> None:
    empty = await call.attempt(json={})
    response = await call.send(content=b"")
    assert response.status_code == empty.status_code
    if response.status_code == 400:
        assert operations.without_request_id(response) == operations.without_request_id(empty)


OWN_HEADERS = ("Content-Type", "Content-Length", "Content-Encoding", "If-Match", "If-None-Match", "Idempotency-Key")
"""What an operation reads itself."""
HEADERS = (
    *OWN_HEADERS,
    *("Accept", "Accept-Language", "Connection", "Cookie", "Date", "Expect", "Host", "If-Modified-Since", "Origin"),
    *("Range", "Transfer-Encoding", "Upgrade", "X-Forwarded-For", "X-Forwarded-Host", "X-HTTP-Method-Override"),
    *("X-Request-Id", "traceparent"),
)
FIRST_OF_KIND = {operation.kind: operation for operation in reversed(OPERATIONS)}
HEADER_VALUES = (
    b"\xff",
    b"\xb2",
    b"",
    b",",
    b'"',
    b"a" * 100_000,
    b"-1",
    b"a=\xf0\x9f;;=",
    b'W/"',
    b"1" * 5000,
    b"*",
    b"\x00",
)


@every
async def test_no_header_makes_a_fault(call: Call) -> None:
    is_first = call.operation is FIRST_OF_KIND[call.operation.kind]
    for name, value in itertools.product(HEADERS if is_first else OWN_HEADERS, HEADER_VALUES):
        content = {"content": operations.as_json(call.another_body())} if call.operation.method == "POST" else {}
        kept = [] if name == "Content-Type" else [(b"Content-Type", b"application/json")]
        response = await call.attempt(**content, headers=[*kept, (name.encode(), value)])
        assert response.status_code in (call.operation.status, 304, 400, 412, 413, 415, 422), (name, value)


@every
async def test_the_request_id_is_ours_and_new_each_time(call: Call) -> None:
    given = new_id("req")
    ids = [(await call.send(headers={"X-Request-Id": given})).headers["X-Request-Id"] for _ in range(3)]
    assert len({given, *ids}) == 4
