"""Metadata: a merchant's own strings on an object (api.md §5)."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, json

from odus.kit import problems
from odus.kit.bodies import MOST_FILLED
from odus.kit.problems import FieldError

MOST_PAIRS = 50

MetadataKey = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\[\]\x00]*$")]
MetadataValue = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
MetadataPatch = dict[MetadataKey, MetadataValue]
"""What a caller sends: a key with `""` goes, any other is set."""
NewMetadata = Annotated[MetadataPatch, Meta(extra={MOST_FILLED: MOST_PAIRS})]
"""What a caller sends of a new object: there is nothing to merge it with, so the limit shows in the body already."""


def merge(stored: dict[str, str], sent: dict[str, str] | UnsetType | None) -> dict[str, str]:
    """Return the metadata after an update, its keys sorted.

    Named keys change, a key sent as `""` goes, unnamed keys stay; null clears all; not sent changes nothing. Raises
    `validation_failed` where the result would have more than 50 pairs.
    """
    if sent is UNSET:
        return stored
    if sent is None:
        return {}
    merged = {key: value for key, value in sorted({**stored, **sent}.items()) if value}
    if len(merged) > MOST_PAIRS:
        message = f"must have at most {MOST_PAIRS} keys once merged, got {len(merged)}"
        raise problems.invalid([FieldError("metadata", "too_many", message)])
    return merged


def load(stored: str) -> dict[str, str]:
    """Read a `jsonb` column, its keys sorted: `jsonb` has an order of its own, by length."""
    return dict(sorted(_decode(stored).items())) if stored != "{}" else {}


_decode = json.Decoder(dict[str, str]).decode
