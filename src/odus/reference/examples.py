"""Examples: answers, made from their schemas and from the request bodies that the document shows."""

import json

from msgspec import UNSET

from odus.kit.bodies import Json
from odus.reference.document import Document, Operation, Schema
from odus.reference.fields import is_nullable, plain_schema


def example_answer(document: Document, operation: Operation, schema: Schema) -> Json:
    """Make an answer: the object as its `POST` makes it, with what this operation's own body changes."""
    said = sent(operation) | _AFTER.get(operation.operation_id, {})
    if "metadata" in said:
        kept = _created(document, plain_schema(document, schema).title).get("metadata", {})
        said["metadata"] = {key: value for key, value in (kept | said["metadata"]).items() if value != ""}
    return example(document, schema, said)


def example(document: Document, schema: Schema, said: Json = UNSET) -> Json:
    """Make a value of a schema; `said` is what is known of it, for an object some of its fields."""
    plain = plain_schema(document, schema)
    if said is None or (said is UNSET and is_nullable(document, schema)):
        return None
    if plain.properties:
        return _object(document, plain, {} if said is UNSET else said)
    return _value(document, plain) if said is UNSET else said


def sent(operation: Operation) -> dict[str, Json]:
    """Return the body that the document shows for an operation."""
    if operation.request_body is None:
        return {}
    shown = operation.request_body.content["application/json"].example
    return {} if shown is UNSET else shown


def object_id(name: str) -> str:
    """Return an id of a kind of object, named in camelCase."""
    return f"{_PREFIXES.get(name, name.lower())}_2R0uWz4tu9wxTMBXxj9CJfSE9vV"


def pretty(value: Json) -> str:
    """Write JSON for a person."""
    return json.dumps(value, ensure_ascii=False, indent=2)


_PREFIXES = {
    "customer": "cus",
    "event": "evt",
    "merchant": "mer",
    "payment": "pay",
    "paymentMethod": "pm",
    "price": "price",
    "product": "prod",
    "request": "req",
    "secretKey": "key",
    "subscription": "sub",
    "user": "usr",
    "webhookSubscriber": "whs",
}

_NEW_PHONE_NUMBER = "+442079460958"

_LOOKS: dict[str, dict[str, Json]] = {
    "Actor": {"type": "secretKey", "id": object_id("secretKey")},
    "Event": {
        "eventType": "customer.updated",
        "resource": object_id("customer"),
        "changes": {"phoneNumber": {"from": "+15559876543", "to": _NEW_PHONE_NUMBER}},
        "requestId": object_id("request"),
    },
    "Pagination": {"pageSize": 10},
    "SecretKey": {"maskedValue": "skey_••••1a2b", "value": "skey_…1a2b"},
}
"""What a schema alone does not tell, by its title."""

_LEFT_OUT = {"Pagination": {"nextCursor"}}
"""What an answer does not have unless it is asked for, by the title of its schema."""

_AFTER: dict[str, dict[str, Json]] = {"revokeSecretKey": {"revokedAt": "2024-03-09T00:00:00.000Z"}}
"""What an operation leaves behind that its body does not say."""

_SCALARS: dict[str, Json] = {
    "boolean": False,
    "date": "1990-05-17",
    "integer": 1,
    "number": 1,
    "object": {},
    "string": "…",
}


def _object(document: Document, schema: Schema, said: dict[str, Json]) -> dict[str, Json]:
    known = _known(document, schema) | said
    shown = schema.properties.keys() - _LEFT_OUT.get(schema.title, set())
    return {
        name: example(document, each, known.get(name, UNSET))
        for name, each in schema.properties.items()
        if name in shown
    }


def _known(document: Document, schema: Schema) -> dict[str, Json]:
    name = _object_name(schema.title)
    references = {each: object_id(each) for each in schema.properties if each in _PREFIXES}
    known = (
        {"id": object_id(name[:1].lower() + name[1:])} | references | _created(document, name) | _LOOKS.get(name, {})
    )
    if name == "Event":
        known["data"] = example(document, document.components.schemas["Customer"], {"phoneNumber": _NEW_PHONE_NUMBER})
    return known


def _created(document: Document, title: str) -> dict[str, Json]:
    """Return the body that makes an object of this type: what the `POST` of its resource shows."""
    wanted = f"create{_object_name(title)}"
    operations = [operation for methods in document.paths.values() for operation in methods.values()]
    shown = [sent(operation) for operation in operations if operation.operation_id == wanted]
    return shown[0] if shown else {}


def _object_name(title: str) -> str:
    return title.removesuffix("WithValue")


def _value(document: Document, plain: Schema) -> Json:
    if shown := [*plain.examples, *plain.enum]:
        return shown[0]
    if plain.items is not None:
        return [example(document, plain.items)]
    return _SCALARS.get(plain.format or "", _SCALARS.get(plain.type or ""))
