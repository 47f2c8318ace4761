"""OpenAPI: the parameters of a list, made from its listing, which is what reads them."""

from collections.abc import Iterator, Mapping
from typing import Any  # Any: a JSON document has no narrower type

import msgspec

from odus.kit import kinds, lists, metadata
from odus.kit.filters import LISTS, MOST_VALUES, OPERATORS, Field, Kind
from odus.kit.lists import Listing

Document = dict[str, Any]


def parameters(listing: Listing, examples: Mapping[str, object]) -> Iterator[Document]:
    """Describe what a list takes; `examples` are parameters by name."""
    for parameter in (*map(_filter, listing.fields), *_paging(), *_sorting(listing)):
        name = parameter["name"]
        yield {**parameter, "in": "query", **({"example": examples[name]} if name in examples else {})}


def _paging() -> Iterator[Document]:
    yield {
        "name": "page",
        "description": "The page, from 1. An invalid one is taken as 1 with the default size.",
        "schema": {"type": "integer", "default": 1, "minimum": 1},
    }
    yield {
        "name": "pageSize",
        "description": "How many items a page has. An invalid one is taken as the default.",
        "schema": {"type": "integer", "default": lists.DEFAULT_SIZE, "minimum": 1, "maximum": lists.LARGEST_SIZE},
    }
    yield {
        "name": "cursor",
        "description": "Walks through all matches instead of giving a page: empty for the first step, then the "
        "`nextCursor` of the last answer, with the same filters and sort. It cannot stand beside `page`.",
        "schema": {"type": "string", "pattern": "^[0-9A-Za-z_-]*$"},
    }


def _sorting(listing: Listing) -> Iterator[Document]:
    caseless = [f"`{name}`" for name, field in listing.sorts.items() if field.sorted_by == field.folded]
    without_case = f" Case does not count in {' and '.join(caseless)}." if caseless else ""
    yield {
        "name": "sortBy",
        "description": "What it is sorted by; ids break ties, in the same direction. Null is the greatest."
        + without_case,
        "schema": {"type": "string", "enum": list(listing.sorts), "default": lists.DEFAULT_SORT},
    }
    yield {
        "name": "sortDirection",
        "description": "From the least or from the greatest.",
        "schema": {"type": "string", "enum": list(lists.DIRECTIONS), "default": lists.DIRECTIONS[0]},
    }


def _filter(field: Field) -> Document:
    """Describe a field as an object of its operators: `deepObject` is the name for writing it as `email[like]=…`."""
    described = _keyed if field.kind.is_keyed else _plain
    return {"name": field.name, "style": "deepObject", "explode": True, **described(field, _sentence(field.kind.about))}


def _plain(field: Field, about: str) -> Document:
    return {
        "description": f"{about} `{field.name}=value` is short for `{field.name}[eq]=value`.",
        "schema": {
            "type": "object",
            "description": about,
            "properties": {operator: _value(field.kind, operator) for operator in field.kind.operators},
            "additionalProperties": False,
        },
    }


def _keyed(field: Field, about: str) -> Document:
    """Describe an object by its keys; OpenAPI has no way to write an object inside, so words tell of the operators."""
    about = f"{about} A key that is not there counts as null."
    operators = ", ".join(f"`{field.name}[key][{operator}]`" for operator in field.kind.operators)
    return {
        "description": f"{about} `{field.name}[key]=value` is short for `{field.name}[key][eq]=value`: "
        f"the operators are {operators}.",
        "schema": {
            "type": "object",
            "description": about,
            "propertyNames": msgspec.json.schema(metadata.MetadataKey),
            "additionalProperties": dict(field.kind.schema),
            "x-operators": list(field.kind.operators),
        },
    }


def _value(kind: Kind, operator: str) -> Document:
    described: Document = {"description": OPERATORS[operator]}
    if operator == "exists":
        return {**described, "type": "boolean"}
    if operator in LISTS:
        pattern = f"^{kind.among}(?:,{kind.among}){{0,{MOST_VALUES - 1}}}$"
        return {**described, "type": "string", "pattern": pattern}
    return {**described, **(kinds.TEXT.schema if operator in ("like", "contains") else kind.schema)}


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
