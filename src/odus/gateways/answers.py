"""Answers: what a gateway says, in a form that can be kept whatever it holds, as money was moved."""

from typing import TypeVar

import msgspec

from odus.gateways.protocol import Answer, Declined

LONGEST = 8192
"""Characters of one text of an answer that are kept: more than any address or token has."""

_S = TypeVar("_S", bound=msgspec.Struct)


def storable(answer: Answer) -> Answer:
    """Return an answer without what PostgreSQL's text does not hold, and without the ends of endless texts."""
    cleaned = _cleaned(answer)
    if isinstance(cleaned, Declined) or cleaned.card is None:
        return cleaned
    return msgspec.structs.replace(cleaned, card=_cleaned(cleaned.card))


def _cleaned(struct: _S) -> _S:
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return msgspec.structs.replace(
        struct, **{name: _text(value) for name, value in values.items() if isinstance(value, str)}
    )


def _text(text: str) -> str:
    """Return a text without NUL, and with a question mark for each half of a surrogate pair."""
    return text[:LONGEST].replace("\0", "").encode(errors="replace").decode()
