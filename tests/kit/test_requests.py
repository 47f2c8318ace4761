import asyncio
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.types import HTTPScope, Message

from odus.kit import requests
from odus.kit.problems import Problem
from odus.kit.requests import Response

MIB = 1024 * 1024

headers = st.lists(st.tuples(st.just(b"authorization"), st.binary()), max_size=3)


def scope(*given: tuple[bytes, bytes], query: bytes = b"", path_id: str = "") -> HTTPScope:
    return {  # type: ignore[return-value, typeddict-item]
        "type": "http",
        "method": "POST",
        "headers": list(given),
        "query_string": query,
        "path_params": {"id": path_id},
        "state": {"request_id": "req_1"},
    }


class Sent:
    """A request as `requests.body` needs it: headers, and chunks that are read one by one."""

    def __init__(self, *given: tuple[bytes, bytes], chunks: list[bytes]) -> None:
        """Take both."""
        self.scope = scope(*given)
        self.left = list(chunks)

    async def receive(self) -> Message:
        """Read on."""
        chunk = self.left.pop(0) if self.left else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(self.left)}


class Broken(Sent):
    """A request whose client hangs up before the end."""

    async def receive(self) -> Message:
        """Read on, to no end."""
        if self.left:
            return {"type": "http.request", "body": self.left.pop(0), "more_body": True}
        return {"type": "http.disconnect"}


class Stalled(Sent):
    """A request whose body never comes."""

    async def receive(self) -> Message:
        """Wait for ever."""
        await asyncio.Event().wait()
        raise AssertionError


JSON = (b"content-type", b"application/json")


async def body(request: Sent) -> bytes:
    return await requests.body(request)  # type: ignore[arg-type]


async def test_a_body_that_does_not_arrive_whole_is_the_clients_fault() -> None:
    with pytest.raises(Problem) as caught:
        await body(Broken(JSON, chunks=[b'{"email":']))
    assert caught.value.kind.status == 400


async def refusal(request: Sent) -> Problem:
    with pytest.raises(Problem) as caught:
        await body(request)
    return caught.value


async def test_a_body_is_put_together_from_its_chunks() -> None:
    request = Sent(JSON, chunks=[b'{"a"', b"", b":", b"1}"])
    assert await body(request) == b'{"a":1}'


async def test_no_body_and_no_media_type_is_an_empty_object() -> None:
    request = Sent(chunks=[])
    assert await body(request) == b"{}"


async def test_an_empty_body_that_says_it_is_json_stays_empty() -> None:
    request = Sent(JSON, chunks=[])
    assert await body(request) == b""


async def test_a_body_of_exactly_one_mebibyte_is_read() -> None:
    request = Sent(JSON, (b"content-length", str(MIB).encode()), chunks=[b"x" * MIB])
    assert len(await body(request)) == MIB


async def test_a_body_that_says_it_is_larger_is_not_read_at_all() -> None:
    request = Sent(JSON, (b"content-length", str(MIB + 1).encode()), chunks=[b"x"] * 5)
    assert (await refusal(request)).kind.code == "payload_too_large"
    assert len(request.left) == 5


async def test_a_body_that_becomes_larger_is_not_read_on() -> None:
    request = Sent(JSON, chunks=[b"x" * MIB, b"x", b"x", b"x"])
    assert (await refusal(request)).kind.code == "payload_too_large"
    assert len(request.left) == 2


@pytest.mark.parametrize("length", [b"", b"-1", b"x", b"1, 1", b"\xb2", b"\xb9\xb2", b"9" * 30])
async def test_a_length_that_makes_no_sense_makes_no_fault(length: bytes) -> None:
    request = Sent(JSON, (b"content-length", length), chunks=[b"{}"])
    try:
        assert await body(request) == b"{}"
    except Problem as problem:
        assert problem.kind.status in (400, 413)  # noqa: PT017 - either answer is right


async def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    request = Sent(JSON, (b"content-length", b"9" * 5000), chunks=[b"{}"])
    assert (await refusal(request)).kind.code == "payload_too_large"


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.01)
    problem = await refusal(Stalled(JSON, chunks=[]))
    assert (problem.kind.code, problem.kind.status) == ("request_timeout", 408)


@pytest.mark.parametrize(
    "media_type",
    [
        b"application/json",
        b"Application/JSON",
        b"application/json;charset=utf-8",
        b"application/json; charset=UTF-8",
        b'application/json; charset="utf-8"',
        b"application/json ;  charset=utf-8 ",
    ],
)
async def test_json_in_utf8_may_be_said_in_many_ways(media_type: bytes) -> None:
    request = Sent((b"content-type", media_type), chunks=[b"{}"])
    assert await body(request) == b"{}"


@pytest.mark.parametrize(
    "given",
    [
        [],
        [(b"content-type", b"")],
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"application/jsonp")],
        [(b"content-type", b"application/json, text/plain")],
        [(b"content-type", b"application/json; charset=latin-1")],
        [(b"content-type", b"application/json; charset=utf-16")],
        [(b"content-type", b"\xff")],
        [JSON, (b"content-encoding", b"gzip")],
        [JSON, (b"content-encoding", b"identity, gzip")],
    ],
)
async def test_what_is_not_plain_json_is_an_unsupported_media_type(given: list[tuple[bytes, bytes]]) -> None:
    request = Sent(*given, chunks=[b"{}"])
    assert (await refusal(request)).kind.code == "unsupported_media_type"


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        (b"Bearer skey_abc", "skey_abc"),
        (b"bearer skey_abc", "skey_abc"),
        (b"BEARER   skey_abc ", "skey_abc"),
        (b"Bearer ", ""),
        (b"Bearer", ""),
        (b"Bearerskey_abc", None),
        (b"Basic skey_abc", None),
        (b"skey_abc", None),
        (b"Bearer\tskey_abc", None),
        (b"Bearer skey_\xe9", None),
        (b"Bearer skey_abc, Bearer skey_def", None),
        (b"", None),
    ],
)
def test_a_secret_key_is_what_follows_bearer(shown: bytes, value: str | None) -> None:
    assert requests.secret_key(scope((b"authorization", shown))) == value


def test_two_secret_keys_are_none() -> None:
    assert requests.secret_key(scope((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b"))) is None
    assert requests.secret_key(scope()) is None


@given(headers)
def test_no_header_makes_a_fault(given: list[tuple[bytes, bytes]]) -> None:
    value = requests.secret_key(scope(*given))
    assert value is None or value.isascii()


def test_a_header_that_stands_twice_is_one_list() -> None:
    assert requests.header(scope((b"if-match", b'"a"'), (b"x", b"y"), (b"if-match", b'"b"')), b"if-match") == '"a", "b"'
    assert requests.header(scope(), b"if-match") is None


@pytest.mark.parametrize("path_id", ["cus_" + "0" * 27, "evt_2R0uWz4tu9wxTMBXxj9CJfSE9vV"])
def test_what_can_be_an_id_is_looked_up(path_id: str) -> None:
    assert requests.resource_id(scope(path_id=path_id)) == path_id


@pytest.mark.parametrize(
    "path_id",
    [
        "",
        "cus",
        "cus_",
        "cus_" + "0" * 26,
        "cus_" + "0" * 28,
        "CUS_" + "0" * 27,
        "cus_" + "0" * 27 + "\n",
        "cus_" + "-" * 27,
        "cus_" + "\uff10" * 27,
        "cus_" + "\x00" * 27,
        "cus_" + "\ud800" * 27,
        "'; drop table customers",
        "x" * 100_000,
    ],
    ids=lambda path_id: path_id[:12].encode("unicode_escape").decode(),
)
def test_what_can_be_no_id_is_not_found(path_id: str) -> None:
    with pytest.raises(Problem) as caught:
        requests.resource_id(scope(path_id=path_id))
    assert caught.value.kind.code == "not_found"


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), max_size=10))
def test_a_query_is_read_back_as_it_was_meant(parameters: dict[str, str]) -> None:
    for how in (quote, None):
        text = urlencode(parameters, quote_via=how) if how else urlencode(parameters)
        assert requests.query(scope(query=text.encode())) == {name: [value] for name, value in parameters.items()}


@given(st.binary() | st.text("abc=&;%+ 0F").map(str.encode))
def test_no_query_does_more_than_be_refused(query: bytes) -> None:
    try:
        parameters = requests.query(scope(query=query))
    except Problem as problem:
        assert problem.kind.status == 400  # noqa: PT017 - to be read is right, too
        return
    json.dumps(dict(parameters)).encode()


@pytest.mark.parametrize(
    "query", [b"a=%ff", b"%ff=a", b"a=%ed%a0%80", b"a=%c0%80", b"a=%f8%88%80%80%80", b"a=\xff", b"a=\xc3\xa9"]
)
def test_a_query_that_is_not_percent_encoded_utf8_is_refused_whole(query: bytes) -> None:
    with pytest.raises(Problem) as caught:
        requests.query(scope(query=query))
    assert (caught.value.kind.code, caught.value.errors) == ("bad_request", [])


def test_a_parameter_that_stands_twice_has_all_its_values_in_order() -> None:
    query = requests.query(scope(query=b"page=1&size=2&page=3&size=2&size=4&other="))
    assert query == {"page": ["1", "3"], "size": ["2", "2", "4"], "other": [""]}


@pytest.mark.parametrize("query", [b"a=%", b"a=%2", b"a=%zz", b"%=1", b"a=100%&b=1", b"a=%+1", b"a=%%"])
def test_a_percent_sign_that_encodes_nothing_is_refused(query: bytes) -> None:
    with pytest.raises(Problem, match="%25") as caught:
        requests.query(scope(query=query))
    assert caught.value.kind.code == "bad_request"


def test_more_parameters_than_anyone_needs_are_refused_unread() -> None:
    query = "&".join(f"p{number}=1" for number in range(1000))
    assert len(requests.query(scope(query=query.encode()))) == 1000
    with pytest.raises(Problem) as caught:
        requests.query(scope(query=f"{query}&more=1".encode()))
    assert caught.value.kind.code == "bad_request"


async def sent(response: Response) -> tuple[dict[str, object], dict[str, object]]:
    messages: list[dict[str, object]] = []

    async def send(message: Message) -> None:
        messages.append(dict(message))

    await response(scope(), None, send)  # type: ignore[arg-type]
    start, body = messages
    return start, body


async def test_an_answer_says_what_and_how_long_it_is() -> None:
    start, body = await sent(Response(201, b"{}", b"application/json", [("ETag", '"1"')]))
    assert start == {
        "type": "http.response.start",
        "status": 201,
        "headers": [(b"etag", b'"1"'), (b"content-type", b"application/json"), (b"content-length", b"2")],
    }
    assert body == {"type": "http.response.body", "body": b"{}", "more_body": False}


async def test_an_answer_without_a_body_says_nothing_of_one() -> None:
    start, _ = await sent(Response(304, b"", b"application/json", [("ETag", '"1"')]))
    assert start["headers"] == [(b"etag", b'"1"')]
