"""What the OpenAPI document says of every endpoint."""

import json
from collections.abc import Iterator

import httpx
import jsonschema_rs
import pytest

from odus.kit.endpoints import Operation
from odus.kit.problems import KINDS
from tests import operations
from tests.operations import DOCUMENT, OPERATIONS, every, posts

call = pytest.fixture(operations.call)


@every
def test_the_document_has_the_operation_and_what_it_needs(operation: Operation) -> None:
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert described["x-permission"] == operation.permission
    assert f"`{operation.permission}`" in described["description"]
    assert described["summary"]
    assert described["tags"] == [operation.tag]
    assert operation.tag in {tag["name"] for tag in DOCUMENT["tags"]}
    required = {each["name"] for each in described["parameters"] if each.get("required")}
    assert required == ({"id"} if operation.has_id else set())
    assert ("requestBody" in described) == (operation.method == "POST")


@every
def test_the_document_has_each_status_that_the_operation_can_answer(operation: Operation) -> None:
    documented = set(DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"])
    expected = {str(operation.status), "400", "401", "403", "503"}
    expected |= {"404"} if operation.has_id else set()
    expected |= {"304"} if operation.kind == "read" and operation.has_version else set()
    expected |= {"408", "409", "413", "415", "422"} if operation.method == "POST" else set()
    expected |= {"412"} if operation.kind == "change" and operation.has_version else set()
    assert expected <= documented


@every
def test_the_document_says_which_codes_stand_behind_a_status(operation: Operation) -> None:
    responses = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
    codes = {kind.code: kind for kind in KINDS}
    for status, response in responses.items():
        if int(status) >= 400:
            named = {code for code in codes if f"`{code}`" in response["description"]}
            assert named
            assert {codes[code].status for code in named} == {int(status)}
            for code in named:
                assert {name for name, _ in codes[code].headers} <= set(response["headers"])


@posts
def test_the_documents_example_fits_its_schema(operation: Operation) -> None:
    content = DOCUMENT["paths"][operation.path]["post"]["requestBody"]["content"]["application/json"]
    jsonschema_rs.validate({**content["schema"], "components": DOCUMENT["components"]}, content["example"])


@posts
def test_the_document_says_that_no_other_fields_are_taken(operation: Operation) -> None:
    for schema in _objects(operation):
        assert schema.get("additionalProperties", True) is not True


def _objects(operation: Operation) -> Iterator[dict[str, object]]:
    """Yield the schemas of an operation's body and of the objects in it."""
    waiting: list[object] = [DOCUMENT["components"]["schemas"][operation.body.__name__]]
    while waiting:
        schema = waiting.pop()
        if isinstance(schema, list):
            waiting += schema
        elif isinstance(schema, dict):
            if schema.get("type") == "object":
                yield schema
            if reference := schema.get("$ref"):
                waiting.append(DOCUMENT["components"]["schemas"][str(reference).rpartition("/")[2]])
            waiting += schema.values()


def test_operation_ids_are_unique() -> None:
    ids = [method["operationId"] for path in DOCUMENT["paths"].values() for method in path.values()]
    assert len(set(ids)) == len(ids) == len(OPERATIONS)


async def test_the_document_is_what_the_server_gives(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/openapi.json")).json() == json.loads(json.dumps(DOCUMENT))
