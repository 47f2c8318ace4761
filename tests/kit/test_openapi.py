import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odus import __version__
from odus.app import HANDLERS, create_app
from odus.kit import bodies, health, lists
from odus.kit.endpoints import Operation, operation_of
from odus.kit.fields import END
from odus.kit.filters import MOST_VALUES, OPERATORS
from odus.kit.openapi import document, operations
from odus.kit.permissions import Permission
from odus.kit.problems import FieldError, Problem, invalid
from odus.settings import Settings

DOCUMENT = document(HANDLERS)
OPERATIONS = operations(HANDLERS)

LISTS = [each for each in OPERATIONS if each.listing]

EXPECTED = {
    ("post", "/customers"): ("createCustomer", "CUSTOMER_UPDATE", "201"),
    ("get", "/customers"): ("listCustomers", "CUSTOMER_READ", "200"),
    ("get", "/customers/{id}"): ("getCustomer", "CUSTOMER_READ", "200"),
    ("post", "/customers/{id}"): ("updateCustomer", "CUSTOMER_UPDATE", "200"),
    ("get", "/customers/{id}/events"): ("listCustomerEvents", "CUSTOMER_READ", "200"),
    ("post", "/secret-keys"): ("createSecretKey", "SECRET_KEY_UPDATE", "201"),
    ("get", "/secret-keys"): ("listSecretKeys", "SECRET_KEY_READ", "200"),
    ("get", "/secret-keys/{id}"): ("getSecretKey", "SECRET_KEY_READ", "200"),
    ("post", "/secret-keys/{id}"): ("updateSecretKey", "SECRET_KEY_UPDATE", "200"),
    ("post", "/secret-keys/{id}/rotate"): ("rotateSecretKey", "SECRET_KEY_UPDATE", "200"),
    ("post", "/secret-keys/{id}/revoke"): ("revokeSecretKey", "SECRET_KEY_UPDATE", "200"),
    ("get", "/events"): ("listEvents", "EVENT_READ", "200"),
    ("get", "/events/{id}"): ("getEvent", "EVENT_READ", "200"),
}
"""What the contract has so far; more may come."""

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
each_with_a_body = pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.body], ids=lambda operation: operation.name
)

each_list = pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)


def described(operation: Operation) -> dict[str, Any]:
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolved(reference: str) -> object:
    part = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        part = part[step.replace("~1", "/").replace("~0", "~")]
    return part


def whole(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that stands alone."""
    return {**schema, "components": DOCUMENT["components"]}


def test_the_document_has_every_operation_of_the_contract() -> None:
    found = {
        (method, path): (each["operationId"], each["x-permission"], next(iter(each["responses"])))
        for path, methods in DOCUMENT["paths"].items()
        for method, each in methods.items()
    }
    assert found.items() >= EXPECTED.items()


def test_the_document_has_every_handler_of_the_api_and_no_page() -> None:
    handlers = [handler for handler in HANDLERS if operation_of(handler)]
    assert len(handlers) == len(HANDLERS)
    assert sum(len(methods) for methods in DOCUMENT["paths"].values()) == len(HANDLERS)
    assert document([*HANDLERS, *health.HANDLERS])["paths"] == DOCUMENT["paths"]


def test_the_document_is_openapi_of_this_release() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["version"] == __version__
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        assert isinstance(resolved(reference), dict), reference


def test_every_schema_and_header_that_is_defined_is_used() -> None:
    used = set(references(DOCUMENT))
    for kind in ("schemas", "headers"):
        assert {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]} <= used


def test_every_schema_is_proper_json_schema() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        jsonschema_rs.Draft202012Validator(whole({"$ref": f"#/components/schemas/{name}"}))


def test_operation_ids_and_tags_are_told_once() -> None:
    ids = [each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()]
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert len(set(ids)) == len(ids)
    assert len(set(tags)) == len(tags)
    assert {tag for operation in OPERATIONS for tag in described(operation)["tags"]} == set(tags)


@each_operation
def test_an_operation_names_the_permission_it_needs(operation: Operation) -> None:
    permission = described(operation)["x-permission"]
    assert permission in set(Permission)
    assert f"`{permission}`" in described(operation)["description"]
    assert permission.endswith("_READ" if operation.method == "GET" else "_UPDATE")


@each_operation
def test_an_operation_is_told_in_a_title_and_a_description(operation: Operation) -> None:
    assert re.fullmatch(r"[A-Z][^.]+", described(operation)["summary"])
    assert described(operation)["description"].endswith(".")


@each_operation
def test_each_part_of_the_path_is_a_parameter_that_is_required(operation: Operation) -> None:
    in_path = {each["name"]: each for each in described(operation)["parameters"] if each["in"] == "path"}
    assert set(in_path) == set(re.findall(r"{(\w+)}", operation.path))
    assert all(each["required"] for each in in_path.values())


@each_operation
def test_an_operation_has_the_headers_that_its_kind_understands(operation: Operation) -> None:
    named = {(each["in"], each["name"]) for each in described(operation)["parameters"] if each["in"] != "path"}
    of_versions = {("header", name) for name in ("If-None-Match", "If-Match")}
    expected = {
        "read": {("header", "If-None-Match")},
        "list": {("query", name) for name in (*lists.PARAMETERS, *_filters(operation))},
        "create": {("header", "Idempotency-Key")},
        "change": {("header", "Idempotency-Key"), ("header", "If-Match")},
    }[operation.kind]
    assert named == (expected if operation.has_version else expected - of_versions)


def _filters(operation: Operation) -> list[str]:
    return [field.name for field in operation.listing.fields] if operation.listing else []


@each_operation
def test_every_answer_says_its_request_id_and_every_problem_its_shape(operation: Operation) -> None:
    for status, response in described(operation)["responses"].items():
        assert "X-Request-Id" in response["headers"]
        if int(status) >= 400:
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ProblemBody"}


@each_operation
def test_an_operation_can_be_without_key_without_permission_and_without_database(operation: Operation) -> None:
    responses = described(operation)["responses"]
    assert {"401", "403", "503"} <= set(responses)
    assert "WWW-Authenticate" in responses["401"]["headers"]
    assert "Retry-After" in responses["503"]["headers"]
    assert ("404" in responses) == operation.has_id
    assert ("304" in responses) == (operation.kind == "read" and operation.has_version)
    assert ("412" in responses) == (operation.kind == "change" and operation.has_version)
    assert ({"409", "413", "415", "422"} <= set(responses)) == (operation.method == "POST")


@each_with_a_body
def test_an_example_is_a_body_that_its_operation_takes(operation: Operation) -> None:
    content = described(operation)["requestBody"]["content"]["application/json"]
    assert bodies.decoder(operation.body)(json.dumps(content["example"]).encode())
    assert jsonschema_rs.is_valid(whole(content["schema"]), content["example"])


@each_with_a_body
def test_a_body_with_a_field_that_there_is_not_fits_no_schema(operation: Operation) -> None:
    content = described(operation)["requestBody"]["content"]["application/json"]
    assert not jsonschema_rs.is_valid(whole(content["schema"]), {**content["example"], "id": "cus_1"})


def test_the_schema_knows_what_a_new_customer_needs() -> None:
    assert DOCUMENT["components"]["schemas"]["CustomerCreate"]["required"] == ["email"]
    assert DOCUMENT["paths"]["/customers"]["post"]["requestBody"]["required"] is True
    assert DOCUMENT["paths"]["/customers/{id}"]["post"]["requestBody"]["required"] is False
    assert DOCUMENT["components"]["schemas"]["CustomerUpdate"]["required"] == []


def test_examples_within_schemas_are_read_by_the_types_they_stand_for() -> None:
    values = {
        "email": "jane@example.com",
        "phoneNumber": "+15559876543",
        "dateOfBirth": "1990-05-17",
        "billingAddress": {"country": "US"},
    }
    schema = whole({"$ref": "#/components/schemas/CustomerCreate"})
    assert jsonschema_rs.is_valid(schema, values)
    decode = bodies.decoder(next(each.body for each in OPERATIONS if each.name == "create_customer"))
    assert decode(json.dumps(values).encode())
    wrong = {"email": "a" * 255, "billingAddress": {"country": "us"}, "metadata": {"": "x"}, "name": "x" * 256}
    for name, value in wrong.items():
        assert not jsonschema_rs.is_valid(schema, {**values, name: value})


def test_a_problem_is_as_the_document_says() -> None:
    body = json.loads(invalid([FieldError("email", "required", "is required")]).body("req_1"))
    assert jsonschema_rs.is_valid(whole({"$ref": "#/components/schemas/ProblemBody"}), body)


def test_an_application_keeps_the_document_of_its_own_endpoints() -> None:
    create_app(Settings(log_level="error"))
    assert document(HANDLERS) == DOCUMENT


def query(operation: Operation) -> dict[str, dict[str, Any]]:
    """Return the query parameters of a list by name."""
    return {each["name"]: each for each in described(operation)["parameters"] if each["in"] == "query"}


def takes(operation: Operation, *parameters: tuple[str, str]) -> bool:
    """Tell whether a list takes these parameters, by what reads them."""
    assert operation.listing
    try:
        lists.parse(operation.listing, {name: [value] for name, value in parameters})
    except Problem:
        return False
    return True


def sent(name: str, value: object) -> list[tuple[str, str]]:
    """Write a value as the style `deepObject` has it."""
    if isinstance(value, dict):
        return [pair for key, each in value.items() for pair in sent(f"{name}[{key}]", each)]
    return [(name, value if isinstance(value, str) else json.dumps(value))]


VALUES = {"date": "2024-02-18", "date-time": "2024-02-18T12:00:00.000Z", "boolean": "true", "integer": "1250"}


def value_of(schema: dict[str, Any]) -> str:
    """Return a value that fits the schema of an operator."""
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return schema["enum"][0]
    pattern = schema.get("pattern", "")
    choices = re.findall(r"[\w.]+", pattern.replace("\\", ""))
    for each in (VALUES.get(schema.get("format", schema["type"]), "x"), *VALUES.values(), *choices):
        if re.search(pattern, each):
            return each
    raise AssertionError(schema)


@each_list
def test_a_list_sorts_by_what_the_document_says(operation: Operation) -> None:
    schema = query(operation)["sortBy"]["schema"]
    assert operation.listing
    assert schema["enum"] == list(operation.listing.sorts)
    assert schema["default"] == "createdAt"
    assert all(takes(operation, ("sortBy", name)) for name in schema["enum"])
    told = query(operation)["sortBy"]["description"]
    assert [name for name in schema["enum"] if f"`{name}`" in told] == [
        name for name in schema["enum"] if name in ("email", "name", "note", "title")
    ]
    directions = query(operation)["sortDirection"]["schema"]
    assert directions == {"type": "string", "enum": ["asc", "desc", "ASC", "DESC"], "default": "asc"}
    assert all(takes(operation, ("sortDirection", name)) for name in directions["enum"])


@each_list
def test_a_list_filters_by_the_fields_and_operators_that_the_document_says(operation: Operation) -> None:
    assert operation.listing
    for field in operation.listing.fields:
        parameter = query(operation)[field.name]
        schema = parameter["schema"]
        assert (parameter["style"], parameter["explode"], schema["type"]) == ("deepObject", True, "object")
        if field.kind.is_keyed:
            assert schema["x-operators"] == list(field.kind.operators)
            assert all(
                f"`{field.name}[key][{operator}]`" in parameter["description"] for operator in field.kind.operators
            )
            assert takes(operation, *sent(field.name, {"tier": "premium"}))
            assert not jsonschema_rs.is_valid(schema, {"a[b]": "x"})
            continue
        assert list(schema["properties"]) == list(field.kind.operators)
        assert not jsonschema_rs.is_valid(schema, {"is": "x"})
        assert f"`{field.name}=value` is short for `{field.name}[eq]=value`" in parameter["description"]
        for operator, each in schema["properties"].items():
            assert each["description"] == OPERATORS[operator]
            assert takes(operation, (f"{field.name}[{operator}]", value_of(each))), (field.name, operator)


WRITTEN = ("x", "x" * 500, "x" * 501, "\x00", "2024-02-29", "2024-02-30", "true", "True", "customer.created", "7")
MEANT: dict[tuple[object, str], object] = {("boolean", "true"): True, ("integer", "7"): 7}


@each_list
def test_a_filter_takes_a_value_if_and_only_if_it_fits_the_schema(operation: Operation) -> None:
    for name, parameter in query(operation).items():
        for operator, schema in parameter["schema"].get("properties", {}).items():
            for value in WRITTEN if operator not in ("in", "nin") else ():
                meant = MEANT.get((schema.get("type"), value), value)
                fits = jsonschema_rs.is_valid(schema, meant, validate_formats=True)
                assert takes(operation, (f"{name}[{operator}]", value)) == fits, (name, operator, value)


@each_list
def test_several_values_are_written_as_the_pattern_says(operation: Operation) -> None:
    schema = query(operation)["id"]["schema"]["properties"]["in"]
    for value in ("", ",", "a,b", r"a\,b", r"a\\,b", ",".join("x" * MOST_VALUES)):
        assert jsonschema_rs.is_valid(schema, value), value
        assert takes(operation, ("id[in]", value)), value
    for value in (",".join("x" * (MOST_VALUES + 1)), "\x00"):
        assert not jsonschema_rs.is_valid(schema, value), value
        assert not takes(operation, ("id[in]", value)), value


@each_list
def test_the_example_of_a_list_fits_its_schemas_and_is_taken(operation: Operation) -> None:
    shown = {name: each for name, each in query(operation).items() if "example" in each}
    assert operation.example
    assert {name: each["example"] for name, each in shown.items()} == operation.example
    for each in shown.values():
        assert jsonschema_rs.is_valid(each["schema"], each["example"], validate_formats=True)
    assert takes(operation, *(pair for name, each in shown.items() for pair in sent(name, each["example"])))


def test_every_operator_is_told() -> None:
    known = {name for each in LISTS if each.listing for field in each.listing.fields for name in field.kind.operators}
    assert known == set(OPERATORS)


def test_the_pagination_of_a_page_and_of_a_step_by_cursor_are_as_the_document_says() -> None:
    schema = whole({"$ref": "#/components/schemas/Pagination"})
    assert DOCUMENT["components"]["schemas"]["Pagination"]["required"] == ["hasNextPage", "pageSize"]
    counted = lists.page_of([], 40, lists.Paging()).pagination
    assert jsonschema_rs.is_valid(schema, json.loads(bodies.encode(counted)))
    for token in (None, "WyI5YzE"):
        step = lists.Pagination(has_next_page=token is not None, page_size=10, next_cursor=token)
        assert set(json.loads(bodies.encode(step))) == {"hasNextPage", "pageSize", "nextCursor"}
        assert jsonschema_rs.is_valid(schema, json.loads(bodies.encode(step)))


def held_to(part: object) -> Iterator[str]:
    """Return the patterns that msgspec holds the texts of a type to."""
    if isinstance(part, msgspec.inspect.StrType) and part.pattern is not None:
        yield part.pattern
    inner = [getattr(part, name) for name in part.__struct_fields__] if isinstance(part, msgspec.Struct) else part
    if isinstance(inner, list | tuple):
        for each in inner:
            yield from held_to(each)


PATTERNS = sorted(
    {
        pattern
        for operation in OPERATIONS
        if operation.body
        for pattern in held_to(msgspec.inspect.type_info(operation.body))
    }
)


def test_the_patterns_of_bodies_are_found() -> None:
    assert len(PATTERNS) >= 7


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_reads_the_same_in_python_and_in_json_schema(pattern: str) -> None:
    assert not re.search(r"\\[AZ]", pattern), "ECMA knows no such anchor"
    fits = jsonschema_rs.validator_for({"pattern": pattern}).is_valid
    whole_text = re.compile(pattern.replace(END, r"\Z").removesuffix("$") + ("" if END in pattern else r"\Z"))

    @settings(derandomize=True, database=None, deadline=None)
    @given(st.from_regex(whole_text), st.sampled_from(["", "\n", "\r", "\n\n", "\u2028"]))
    def check(text: str, end: str) -> None:
        is_taken = whole_text.search(text + end) is not None
        assert (re.search(pattern, text + end) is not None) == is_taken
        assert fits(text + end) == is_taken

    check()
