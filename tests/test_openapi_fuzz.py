"""schemathesis over the OpenAPI document: whatever it sends, nothing fails and each answer is as documented.

`ODUS_TEST_FUZZ_EXAMPLES` says how many valid and how many invalid calls each operation gets. Unless it is set, a run is
the same each time. The long form, over 10,000 calls: `ODUS_TEST_FUZZ_EXAMPLES=500 pytest tests/test_openapi_fuzz.py`.
"""

import json
import os

import httpx
import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from odus.kit.db import Database
from odus.kit.endpoints import Operation
from tests import operations
from tests.make import Shop
from tests.operations import DOCUMENT, OPERATIONS, every

EXAMPLES = int(os.environ.get("ODUS_TEST_FUZZ_EXAMPLES", "10"))
REJECTED = ["400", "404", "413", "415"]

SCHEMA = schemathesis.openapi.from_dict(
    json.loads(json.dumps(DOCUMENT)),
    config=SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REJECTED}}}),
)
KNOWN = {known.ok().label: known.ok() for known in SCHEMA.get_all_operations()}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="ODUS_TEST_FUZZ_EXAMPLES" not in os.environ,
    # The calls of one test meet one server, each with an object of its own, and take longer to make than to answer.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@every
@fuzzed
@given(data=st.data())
async def test_valid_calls_are_answered_as_documented(
    operation: Operation, shop: Shop, database: Database, data: st.DataObject
) -> None:
    case = data.draw(_strategy(operation, GenerationMode.POSITIVE))
    if operation.listing is not None:
        _start_walk(case)
    response = await _send(case, operation, shop, database, finds=True)
    case.validate_response(response, checks=CHECKS)
    if operation.listing is not None:
        _assert_taken(response)


def _start_walk(case: Case) -> None:
    """Let a cursor be one that a list takes: no schema tells one that it gave from others."""
    if "cursor" in case.query:
        case.query["cursor"] = ""
        case.query.pop("page", None)


def _assert_taken(response: httpx.Response) -> None:
    """Hold that a list takes what fits its schema; the dates among several are too many for one to tell which exist."""
    if response.status_code != 200:
        errors = response.json()["errors"]
        assert {error["code"] for error in errors} == {"invalid_format"}, response.text
        assert all(error["field"].endswith(("[in]", "[nin]")) for error in errors), response.text


@every
@fuzzed
@given(data=st.data())
async def test_invalid_calls_are_answered_as_documented(
    operation: Operation, shop: Shop, database: Database, data: st.DataObject
) -> None:
    case = data.draw(_strategy(operation, GenerationMode.NEGATIVE))
    response = await _send(case, operation, shop, database, finds=data.draw(st.booleans()))
    # Invalid pages and sizes are accepted (api.md §4), and reads take nothing else.
    rejection = [negative_data_rejection] if operation.method == "POST" else []
    case.validate_response(response, checks=[*CHECKS, *rejection])


async def _send(case: Case, operation: Operation, shop: Shop, database: Database, *, finds: bool) -> httpx.Response:
    """Send a case with the shop's key; where it is to find something, with the id of an object and no conditions."""
    if finds and operation.has_id:
        case.path_parameters = {"id": (await operations.call(operation, shop, database)).id}
        case.headers.pop("If-Match", None)
        case.headers.pop("Idempotency-Key", None)
    case.headers["Authorization"] = f"Bearer {shop.value}"
    wire = _wire(case)
    content = wire.body.encode() if isinstance(wire.body, str) else wire.body
    headers = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in wire.headers.items()]
    response = await shop.client.request(wire.method or "", wire.url or "", headers=headers, content=content)
    operations.assert_well_formed(response)
    operations.assert_documented(operation, response)
    return response


def _wire(case: Case) -> requests.PreparedRequest:
    """Return the request byte for byte as schemathesis would send it, which it cannot do in our event loop."""
    given = case.as_transport_kwargs(base_url="http://odus.test")
    known = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
    return requests.Request(**{name: given[name] for name in known if name in given}).prepare()


def _strategy(operation: Operation, mode: GenerationMode) -> st.SearchStrategy[Case]:
    return KNOWN[f"{operation.method} {operation.path}"].as_strategy(generation_mode=mode)


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    SCHEMA.validate()
    assert set(KNOWN) == {f"{operation.method} {operation.path}" for operation in OPERATIONS}


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_each_shape_of_the_document_is_valid_json_schema(name: str) -> None:
    jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema"} | _schema(name))
    jsonschema_rs.Draft202012Validator(_schema(name) | {"components": DOCUMENT["components"]})


def _schema(name: str) -> dict[str, object]:
    return json.loads(json.dumps(DOCUMENT["components"]["schemas"][name]))
