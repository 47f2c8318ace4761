"""Fields: what a schema says of each field, in words."""

import json
from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from odus.kit.fields import END, NO_NUL
from odus.reference.document import Document, Parameter, Schema


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table of fields; those of an object inside stand in `fields`."""

    name: str
    type: str
    is_nullable: bool
    is_required: bool
    description: str
    """Markdown."""
    limits: list[str]
    values: list[str]
    """All that are possible, where they are enumerated."""
    fields: list["Field"]


def fields(document: Document, schema: Schema, inside: frozenset[str] = frozenset()) -> list[Field]:
    """Return the fields of an object, or of a list's items; a type inside itself is not opened again."""
    plain = plain_schema(document, schema)
    if plain.type == "array" and plain.items is not None:
        return fields(document, plain.items, inside)
    if plain.title and plain.title in inside:
        return []
    inside |= {plain.title}
    held = plain.additional_properties
    if not plain.properties and isinstance(held, Schema):
        return fields(document, held, inside)
    return [
        _field(document, name, each, inside, is_required=name in plain.required)
        for name, each in plain.properties.items()
    ]


def parameter_field(document: Document, parameter: Parameter) -> Field:
    """Return a parameter as a field."""
    described = _field(document, parameter.name, parameter.schema, frozenset(), is_required=parameter.required)
    return msgspec.structs.replace(described, description=parameter.description or described.description)


def plain_schema(document: Document, schema: Schema) -> Schema:
    """Follow references, and leave `or null` out."""
    found = document.resolve(schema)
    others = [each for each in found.any_of if each.type != "null"]
    return plain_schema(document, others[0]) if len(others) == 1 else found


def is_nullable(document: Document, schema: Schema) -> bool:
    """Tell whether null is possible."""
    return any(each.type == "null" for each in document.resolve(schema).any_of)


def _field(document: Document, name: str, schema: Schema, inside: frozenset[str], *, is_required: bool) -> Field:
    plain = plain_schema(document, schema)
    is_object = bool(plain.properties)
    return Field(
        name=name,
        type=_type(document, schema),
        is_nullable=is_nullable(document, schema),
        is_required=is_required,
        description=schema.description or (plain.description if is_object or schema.ref is None else ""),
        limits=[*_limits(document, plain), *_default(schema)],
        values=_values(document, plain),
        fields=fields(document, schema, inside),
    )


def _type(document: Document, schema: Schema) -> str:
    plain = plain_schema(document, schema)
    if plain.any_of:
        return " or ".join(dict.fromkeys(_type(document, each) for each in plain.any_of if each.type != "null"))
    if plain.type == "array":
        return f"array of {_plural(_type(document, plain.items))}" if plain.items else "array"
    if isinstance(plain.additional_properties, Schema):
        return f"map of {_plural(_type(document, plain.additional_properties))}"
    if plain.type is None:
        return "string" if plain.enum else "any JSON"
    return _FORMATS.get(plain.format or "", plain.type)


_FORMATS = {"date-time": "timestamp", "date": "date", "email": "email address"}


def _plural(name: str) -> str:
    return name if name == "any JSON" else f"{name}es" if name.endswith("ss") else f"{name}s"


def _values(document: Document, plain: Schema) -> list[str]:
    if plain.type == "array" and plain.items is not None:
        return _values(document, plain_schema(document, plain.items))
    return [value if isinstance(value, str) else json.dumps(value) for value in plain.enum if value is not None]


def _limits(document: Document, plain: Schema) -> list[str]:
    held = plain.additional_properties
    keys = plain.property_names
    return [
        *_span(plain.min_length, plain.max_length, "character"),
        *_span(plain.min_items, plain.max_items, "item"),
        *_span(None, plain.max_properties, "key"),
        *_range(plain.minimum, plain.maximum),
        *_pattern(plain.pattern),
        *_part("keys", _limits(document, keys) if keys else []),
        *_part("values", _limits(document, held) if isinstance(held, Schema) else []),
    ]


def _part(name: str, limits: list[str]) -> Iterable[str]:
    if limits:
        yield f"{name}: {', '.join(limits)}"


def _span(least: int | None, most: int | None, unit: str) -> Iterable[str]:
    if most is not None:
        yield f"{least} to {most} {unit}s" if least else f"at most {most} {unit}s"
    elif least:
        yield f"at least {least} {unit}{'s' if least > 1 else ''}"


def _range(least: float | None, most: float | None) -> Iterable[str]:
    if least is not None and most is not None:
        yield f"from {least:g} to {most:g}"
    elif least is not None:
        yield f"at least {least:g}"
    elif most is not None:
        yield f"at most {most:g}"


def _pattern(pattern: str | None) -> Iterable[str]:
    if pattern is not None and pattern != NO_NUL:
        plain = pattern.replace(END, "$")
        yield _PATTERNS.get(plain, f"matches `{plain}`")


_PATTERNS = {
    r"^[^\[\]\x00]*$": "no `[` or `]`",
    "^[ -~]+$": "printable ASCII",
    "^[0-9A-Za-z_-]*$": "letters, digits, `-` and `_`",
    "^[A-Z]{2}$": "two capital letters",
    "^[a-z]+_[0-9A-Za-z]{27}$": "a prefix and 27 letters and digits",
}
"""Patterns in words, where words say it sooner."""


def _default(schema: Schema) -> Iterable[str]:
    if schema.default is not UNSET and schema.default not in (None, []):
        yield f"`{json.dumps(schema.default, ensure_ascii=False)}` by default"
