"""Kinds of fields: what a list can be filtered by, and the fields that every resource has (api.md §4)."""

import re

from odus.kit import metadata_filters, number_filters, text_filters, time_filters
from odus.kit.fields import NO_NUL, currencies
from odus.kit.filters import Field, FilterError, Kind
from odus.kit.text_filters import LONGEST_VALUE, any_text

_ANY_TEXT = {"type": "string", "maxLength": LONGEST_VALUE, "pattern": NO_NUL}
_AMONG_TEXTS = r"(?:\\[\\,]|[^\\,\x00])*"
_AMONG_DAYS = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_AMONG_INSTANTS = rf"{_AMONG_DAYS}(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?Z)?"

TEXT = Kind(text_filters.operators(any_text, any_text), "text", _ANY_TEXT, _AMONG_TEXTS)
EMAIL = Kind(
    text_filters.operators(text_filters.address, text_filters.address),
    "an email address or a part of one; case is ignored throughout",
    _ANY_TEXT,
    _AMONG_TEXTS,
)
PHONE_NUMBER = Kind(
    text_filters.operators(text_filters.phone_number, text_filters.part_of_phone_number),
    "a phone number or a part of one; spaces, dots, dashes and brackets are taken out, and cannot be all of it",
    _ANY_TEXT,
    _AMONG_TEXTS,
)


def choice(*choices: str) -> Kind:
    """Make a kind of text that has few values: a whole value must be one of them."""

    def read(value: str) -> str:
        if value not in choices:
            raise FilterError("invalid_value", f"must be one of {', '.join(choices)}")
        return value

    return Kind(
        text_filters.operators(read, any_text),
        f"one of {', '.join(f'`{each}`' for each in choices)}, or a part of one",
        {"type": "string", "enum": list(choices)},
        f"(?:{'|'.join(map(re.escape, choices))})",
    )


DAY = Kind(
    time_filters.operators(time_filters.day, "date", "daterange"),
    "a date, `YYYY-MM-DD`",
    {"type": "string", "format": "date"},
    _AMONG_DAYS,
)
INSTANT = Kind(
    time_filters.operators(time_filters.instant, "timestamptz", "tstzrange"),
    "a timestamp, or a date, which is that whole day in UTC",
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]},
    _AMONG_INSTANTS,
    is_time=True,
)
AMOUNT = Kind(
    number_filters.AMOUNT,
    "an amount in the currency's minor unit, such as `1250`",
    {"type": "integer", "minimum": -number_filters.LARGEST - 1, "maximum": number_filters.LARGEST},
    "(?:0|-?[1-9][0-9]{0,17})",
    is_number=True,
)
FLAG = Kind(number_filters.FLAG, "a flag: `true` or `false`", {"type": "boolean"}, "(?:true|false)")
CURRENCY = Kind(
    text_filters.operators(text_filters.currency, any_text),
    "an ISO 4217 currency code in small letters, such as `usd`, or a part of one",
    {"type": "string", "enum": sorted(currencies())},
    f"(?:{'|'.join(sorted(currencies()))})",
)
METADATA = Kind(
    metadata_filters.OPERATORS,
    "text, by the key that is named",
    _ANY_TEXT,
    _AMONG_TEXTS,
    is_keyed=True,
)

ID = Field(name="id", kind=TEXT, column="id", folded="lower(id)", indexed="id", sorted_by="id")
CREATED_AT = Field(name="createdAt", kind=INSTANT, column="created_at", indexed="created_at", sorted_by="created_at")
UPDATED_AT = Field(name="updatedAt", kind=INSTANT, column="updated_at", sorted_by="updated_at")
METADATA_FIELD = Field(
    name="metadata",
    kind=METADATA,
    column="metadata",
    folded="case when metadata_folded -> 'of' = metadata then metadata_folded -> 'folded' else metadata end",
)
"""The fields that every resource has; who indexes `updated_at`, or metadata, says so."""
