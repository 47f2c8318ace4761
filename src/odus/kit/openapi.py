"""OpenAPI: the document of the API, made from the endpoints themselves.

The shapes come from the same types that decode the bodies, through msgspec's own JSON Schema, so the two cannot part.
"""

from collections.abc import Iterable, Sequence
from typing import Any  # Any: a JSON document has no narrower type

import msgspec

from odus import __version__
from odus.kit import openapi_lists
from odus.kit.endpoints import Operation, operation_of
from odus.kit.fields import (
    DESCRIPTOR,
    LONGEST_DESCRIPTOR,
    LONGEST_EMAIL,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    BirthDate,
    Country,
    Currency,
    Email,
    Password,
    PhoneNumber,
    StatementDescriptor,
    Timezone,
)
from odus.kit.problems import Kind, ProblemBody
from odus.kit.times import Moment

Document = dict[str, Any]

_REF = "#/components/schemas/{name}"

_DESCRIPTION = """\
Odus keeps the customers of a payments business: contact data, addresses, metadata, and what hangs on them.

Every request shows a secret key: `Authorization: Bearer skey_…`. Bodies and answers are JSON in UTF-8 with camelCase
names. An update changes only the fields that it includes. Amounts are whole numbers in the currency's minor unit,
timestamps are ISO 8601 in UTC with milliseconds.
"""


def operations(handlers: Iterable[object]) -> list[Operation]:
    """Return the operations of route handlers, pages left out."""
    return [operation for handler in handlers if (operation := operation_of(handler))]


def document(handlers: Sequence[object]) -> Document:
    """Make the OpenAPI 3.1 document of these route handlers."""
    known = operations(handlers)
    types = [ProblemBody, *(operation.answer for operation in known), *(each.body for each in known if each.body)]
    schemas, components = msgspec.json.schema_components(types, schema_hook=_custom, ref_template=_REF)
    references = dict(zip(map(str, types), schemas, strict=True))
    paths: dict[str, Document] = {}
    for operation in known:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Odus",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "security": [{"secretKey": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in known)],
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": _HEADERS,
            "securitySchemes": {"secretKey": {"type": "http", "scheme": "bearer", "bearerFormat": "skey_…"}},
        },
    }


def _operation(operation: Operation, references: Document) -> Document:
    described: Document = {
        "operationId": _camel(operation.name),
        "tags": [operation.tag],
        "summary": operation.summary.rstrip("."),
        "description": f"{operation.description}\n\nNeeds the permission `{operation.permission.value}`.".strip(),
        "x-permission": operation.permission.value,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation, references[str(operation.answer)]),
    }
    if operation.body is not None:
        content: Document = {"schema": references[str(operation.body)]}
        if operation.example is not None:
            content["example"] = operation.example
        required = any(field.required for field in msgspec.structs.fields(operation.body))
        described["requestBody"] = {"required": required, "content": {"application/json": content}}
    return described


def _parameters(operation: Operation) -> Iterable[Document]:
    if operation.has_id:
        schema = {"type": "string", "pattern": "^[a-z]+_[0-9A-Za-z]{27}$"}
        yield {"name": "id", "in": "path", "required": True, "description": "The object's id.", "schema": schema}
    if operation.listing is not None:
        yield from openapi_lists.parameters(operation.listing, operation.example or {})
    if operation.kind == "read" and operation.has_version:
        yield _header("If-None-Match", "The `ETag` of the version that you have: answered 304 while it is current.")
    if operation.kind == "change" and operation.has_version:
        yield _header(
            "If-Match", "The `ETag` of the version that you mean to change: answered 412 when it changed since."
        )
    if operation.method == "POST":
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
        text = "Makes a retry safe: the same key with the same request is done once and answered the same, for 30 days."
        yield _header("Idempotency-Key", text, schema)


def _header(name: str, description: str, schema: Document | None = None) -> Document:
    return {"name": name, "in": "header", "description": description, "schema": schema or {"type": "string"}}


_HEADERS: Document = {
    "X-Request-Id": {
        "description": "The request's id, as in our log.",
        "schema": {"type": "string", "pattern": "^req_"},
    },
    "ETag": {"description": "The object's version.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {"description": "`true` on a repeated answer.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}},
}


def _responses(operation: Operation, reference: Document) -> Document:
    names = ["X-Request-Id"]
    if operation.has_version:
        names.append("ETag")
    if operation.method == "POST":
        names.append("Idempotent-Replayed")
    answer = {"description": "Done.", "headers": _header_references(names)}
    responses: Document = {str(operation.status): {**answer, "content": {"application/json": {"schema": reference}}}}
    if operation.kind == "read" and operation.has_version:
        responses["304"] = {
            "description": "The version that `If-None-Match` names is current.",
            "headers": _header_references(names),
        }
    for status in dict.fromkeys(kind.status for kind in operation.problems):
        responses[str(status)] = _problem([kind for kind in operation.problems if kind.status == status])
    return responses


def _problem(kinds: Sequence[Kind]) -> Document:
    names = dict.fromkeys(["X-Request-Id", *(name for kind in kinds for name, _ in kind.headers)])
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(name="ProblemBody")}}}
    described = "\n\n".join(f"`{kind.code}`: {kind.meaning}" for kind in kinds)
    return {"description": described, "headers": _header_references(names), "content": content}


def _header_references(names: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _custom(wanted: type) -> Document:
    """Describe the types that msgspec does not know (a `schema_hook`)."""
    return _CUSTOM[wanted]


_CUSTOM: dict[type, Document] = {
    Email: {"type": "string", "format": "email", "maxLength": LONGEST_EMAIL, "examples": ["jane@example.com"]},
    PhoneNumber: {
        "type": "string",
        "description": "E.164; spaces, dots, dashes and brackets are taken out.",
        "examples": ["+15559876543"],
    },
    Country: {"type": "string", "description": "ISO 3166-1 alpha-2.", "pattern": "^[A-Z]{2}$", "examples": ["US"]},
    Currency: {"type": "string", "description": "ISO 4217.", "pattern": "^[a-z]{3}$", "examples": ["usd"]},
    Timezone: {"type": "string", "description": "An IANA name.", "examples": ["Europe/Vienna"]},
    StatementDescriptor: {
        "type": "string",
        "description": "Latin letters, digits, spaces and `. , - * & / + #`, with a letter at least.",
        "pattern": f"^{DESCRIPTOR}$",
        "maxLength": LONGEST_DESCRIPTOR,
        "examples": ["COFFEE CLUB"],
    },
    BirthDate: {
        "type": "string",
        "format": "date",
        "description": "From 1900-01-01 to today.",
        "examples": ["1990-05-17"],
    },
    Password: {
        "type": "string",
        "format": "password",
        "description": "An upper and a lower case letter, a digit and a special character are in it.",
        "minLength": SHORTEST_PASSWORD,
        "maxLength": LONGEST_PASSWORD,
        "examples": ["Correct-horse-7"],
    },
    Moment: {"type": "string", "format": "date-time", "examples": ["2024-03-09T00:00:00.000Z"]},
}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
