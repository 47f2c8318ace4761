"""Bodies: JSON in and out, and every field error of a body at once.

A body is decoded by msgspec in one go. Only when that fails, the same types are asked again, part by part, and each
part that fails adds its error: one set of rules, one source of messages.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sized
from itertools import islice
from types import UnionType
from typing import (
    Annotated,
    Any,  # annotations are looked into at run time, and have no type of their own
    TypeVar,
    Union,
    cast,  # what was decoded without a type is narrowed after a look
    get_args,
    get_origin,
)

import msgspec
from msgspec import UnsetType

from odus.kit import problems
from odus.kit.problems import FieldError, Problem

T = TypeVar("T")

MOST_ERRORS = 1000
"""How many errors of one body are told: a megabyte of nonsense must not be answered with ten."""
MOST_FILLED = "mostFilled"
"""In a `Meta`'s `extra`: how many keys of an object may have a value other than `""`; told beside other errors."""

Json = Any
"""Any JSON value."""

encode: Callable[[object], bytes] = msgspec.json.Encoder(enc_hook=str).encode
"""Encode an answer: `Moment` and our string types are written as their `str`."""


def text(value: object) -> str:
    """Encode a value for a `jsonb` column."""
    return encode(value).decode()


def pretty(value: object) -> str:
    """Encode a value for a person to read."""
    return msgspec.json.format(encode(value), indent=2).decode()


class Parsed:
    """A base for types that read themselves from one JSON value; `parse` raises `ValueError` or `TypeError`."""

    @classmethod
    def parse(cls, value: object) -> Any:
        """Return an instance made from the decoded JSON value."""
        raise NotImplementedError


def parse_custom(wanted: type, value: object) -> Any:
    """Let msgspec read a type that has `parse` (a `dec_hook`)."""
    return cast("Any", wanted).parse(value)


def decoder(model: type[T]) -> Callable[[bytes], T]:
    """Return a function that decodes a body into a Struct, or raises the `Problem` that lists all that is wrong."""
    fast = msgspec.json.Decoder(model, dec_hook=parse_custom).decode

    def decode(body: bytes) -> T:
        try:
            data = fast(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _explain(body, model, error) from None
        _refuse_duplicate_keys(body)
        return data

    return decode


def _explain(body: bytes, model: type, error: Exception) -> Problem:
    try:
        value = msgspec.json.decode(body)
        _refuse_duplicate_keys(body)
    except Problem as problem:
        return problem
    except RecursionError:
        return problems.INVALID_JSON("The body nests too deep.")
    except UnicodeDecodeError:
        return problems.INVALID_JSON("The body is not UTF-8.")
    except msgspec.DecodeError as malformed:
        reason, _, _ = str(malformed).partition(" - at `$")
        return problems.INVALID_JSON(f"The body cannot be read as JSON: {reason}.")
    if not isinstance(value, dict):
        return problems.INVALID_JSON("The body must be a JSON object.")
    errors = list(islice(_errors(cast("dict[str, object]", value), model, ""), MOST_ERRORS))
    return problems.invalid(errors) if errors else problems.INVALID_JSON(f"The body cannot be read: {error}.")


def _refuse_duplicate_keys(body: bytes) -> None:
    """Raise for a key that stands twice in one object: readers differ in which one counts (RFC 8259 §4)."""
    try:
        _scan(body.decode())
    except RecursionError:
        raise problems.INVALID_JSON("The body nests too deep.") from None


def _unique(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise problems.INVALID_JSON(f"The key {json.dumps(twice[:100])} stands twice in one object.")


_scan = json.JSONDecoder(object_pairs_hook=_unique).decode


def _errors(value: object, wanted: Any, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with a decoded value, part by part; nothing where it fits the annotation."""
    container = _container(wanted, value)
    if container is None:
        yield from _leaf_errors(value, wanted, path)
    elif isinstance(value, list):
        items = cast("list[object]", value)
        of_its_size = list(_size_errors(items, wanted, path))
        yield from of_its_size
        if not of_its_size:  # else a body of a megabyte would be worth seconds, and an answer of 40
            for index, item in enumerate(items):
                yield from _errors(item, get_args(container)[0], f"{path}[{index}]")
    elif get_origin(container) is dict:
        key_type, item_type = get_args(container)
        for key, item in cast("dict[str, object]", value).items():
            yield from _leaf_errors(key, key_type, _join(path, key))
            yield from _errors(item, item_type, _join(path, key))
        yield from _size_errors(cast("dict[str, object]", value), wanted, path)
    else:
        yield from _struct_errors(cast("dict[str, object]", value), container, path)


def _struct_errors(value: dict[str, object], model: type[msgspec.Struct], path: str) -> Iterator[FieldError]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(model)}
    for name, field in fields.items():
        if name in value:
            yield from _errors(value[name], field.type, _join(path, name))
        elif field.required:
            yield FieldError(_join(path, name), "required", "is required")
    for name in value:
        if name not in fields:
            yield FieldError(_join(path, name), "unknown_field", "is not a field that can be set here")


def _size_errors(value: Sized, wanted: Any, path: str) -> Iterator[FieldError]:
    """Yield what the container itself violates: its items are judged, so only its own limits are left to ask."""
    size = len(value)
    for meta in _metas(wanted):
        if meta.max_length is not None and size > meta.max_length:
            yield FieldError(path, "too_many", f"must have at most {_counted(meta.max_length, 'item')}, got {size}")
        if meta.min_length is not None and size < meta.min_length:
            yield FieldError(path, "too_short", f"must have at least {_counted(meta.min_length, 'item')}, got {size}")
        most = (meta.extra or {}).get(MOST_FILLED)
        if most is not None and isinstance(value, dict):
            filled = sum(1 for item in cast("dict[str, object]", value).values() if item != "")
            if filled > most:
                yield FieldError(path, "too_many", f"must have at most {_counted(most, 'key')}, got {filled}")


def _metas(wanted: Any) -> list[msgspec.Meta]:
    own = [meta for meta in get_args(wanted)[1:] if isinstance(meta, msgspec.Meta)] if _annotated(wanted) else []
    return own + [meta for member in _members(wanted) if member is not wanted for meta in _metas(member)]


def _container(wanted: Any, value: object) -> Any:
    """Return the Struct, `dict[…]` or `list[…]` of an annotation that a value like this is meant for, or None."""
    for member in _members(wanted):
        bare: Any = get_args(member)[0] if _annotated(member) else member
        if (isinstance(value, dict) and _is_object(bare)) or (isinstance(value, list) and get_origin(bare) is list):
            return bare
    return None


def _is_object(bare: Any) -> bool:
    return get_origin(bare) is dict or (isinstance(bare, type) and issubclass(bare, msgspec.Struct))


def _members(wanted: Any) -> list[Any]:
    """Return the types of a union, without the mark for a field that was not sent."""
    is_union = isinstance(wanted, UnionType) or get_origin(wanted) is Union
    return [member for member in get_args(wanted) if member is not UnsetType] if is_union else [wanted]


def _annotated(wanted: Any) -> bool:
    return get_origin(wanted) is Annotated


def _leaf_errors(value: object, wanted: Any, path: str) -> Iterator[FieldError]:
    try:
        msgspec.convert(value, Union[tuple(_members(wanted))], dec_hook=parse_custom)  # noqa: UP007
    except msgspec.ValidationError as error:
        yield _field_error(path, str(error), value)


_LIMITS = {"length <=": "too_long", "length >=": "too_short", ">=": "out_of_range", "<=": "out_of_range"}


def _field_error(path: str, reason: str, value: object) -> FieldError:
    """Turn msgspec's sentence into a code and a message of ours."""
    if limit := re.match(r"Expected `(\w+)` (?:of )?(length <=|length >=|>=|<=) (\S+)", reason):
        kind, comparison, bound = limit.groups()
        most = "at most" if "<=" in comparison else "at least"
        if kind == "str":
            length = _counted(int(bound), "character")
            return FieldError(path, _LIMITS[comparison], f"must be {most} {length}, got {len(str(value))}")
        return FieldError(path, _LIMITS[comparison], f"must be {most} {bound}")
    if reason.startswith("Expected `str` matching regex"):
        return FieldError(path, "invalid_value", _forbidden(str(value)))
    if reason.startswith("Invalid enum value"):
        return FieldError(
            path, "invalid_value", f"is not one of the values that are possible here: {str(value)[:100]!r}"
        )
    if got := re.match(r"Expected `(.+)`, got `(.+)`", reason):
        names = [_JSON_NAMES.get(name.strip(), name.strip()) for name in got[1].split("|")]
        return FieldError(path, "invalid_type", f"must be {' or '.join(names)}, got {_JSON_NAMES.get(got[2], got[2])}")
    code = next((code for start, code in _OWN_CODES.items() if reason.startswith(start)), "invalid_format")
    return FieldError(path, code, reason[:1].lower() + reason[1:])


_OWN_CODES = {"must be a string": "invalid_type", "must be at most": "too_long", "must be from": "out_of_range"}
"""How the sentences of our own types begin whose code is not `invalid_format`."""

_JSON_NAMES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _forbidden(value: str) -> str:
    found = [name for character, name in _FORBIDDEN.items() if character in value]
    return f"must not contain {' or '.join(found)}" if found else "has characters that are not possible here"


_FORBIDDEN = {"\x00": "the NUL character", "[": "[", "]": "]"}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
