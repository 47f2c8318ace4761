"""Filters: the fields that a list filters by, each with its operators."""

import msgspec

from odus.reference.document import Operation, Parameter


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table of filters."""

    name: str
    """As it is written before the operator: `email`, `metadata[key]`."""
    about: str
    """What a value is, in Markdown."""
    operators: list[str]


def filters(operation: Operation) -> list[Filter]:
    """Return the filters of an operation; none where it is no list."""
    return [_filter(parameter) for parameter in operation.parameters if parameter.is_filter]


def sorts(operation: Operation) -> list[str]:
    """Return the fields that a list is sorted by."""
    return [
        str(name) for parameter in operation.parameters if parameter.name == "sortBy" for name in parameter.schema.enum
    ]


def _filter(parameter: Parameter) -> Filter:
    schema = parameter.schema
    return Filter(
        name=f"{parameter.name}[key]" if schema.operators else parameter.name,
        about=schema.description,
        operators=schema.operators or list(schema.properties),
    )
