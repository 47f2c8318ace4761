"""List bars: the filters that a list of the Dashboard offers, and those in force, in words."""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import msgspec

from odus.kit.lists import Listing

WORDS = {
    "eq": "is",
    "ne": "is not",
    "like": "contains",
    "contains": "contains exactly",
    "in": "is one of",
    "nin": "is none of",
    "gt": "after",
    "gte": "since",
    "lt": "before",
    "lte": "until",
}

NUMBER_WORDS = {**WORDS, "gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}

CHOICES = {"like": "contains", "eq": "is", "ne": "is not", "set": "is set", "unset": "is not set"}
"""What the form of a filter of a text offers."""

RANGE = ("gte", "lte")
"""What a range's form shows, and a choice's `eq`; a filter by anything else has a form of its own."""

PRESETS = {"Today": 0, "Last 7 days": 6, "Last 4 weeks": 27, "Last 12 months": 364}
"""Ranges of dates, by how many days ago they begin."""


class Control(msgspec.Struct, frozen=True):
    """A filter that the bar offers.

    It is a text, a range of dates or amounts, a text by its key, one of few values, or whether there is a value.
    """

    field: str
    label: str
    kind: Literal["text", "dates", "amount", "keyed", "choice", "presence"] = "text"
    choices: tuple[tuple[str, str], ...] = ()
    """Each value of a choice, and what it is called, of a presence `set` and `unset`; of an amount the currency that it
    is mostly in.
    """


class Place(msgspec.Struct, frozen=True):
    """A list in the Dashboard: where it is, where the API's is, and how both are asked."""

    path: str
    api_path: str
    template: str
    listing: Listing
    controls: Sequence[Control] = ()

    def knowing(self, choices: Mapping[Control, tuple[tuple[str, str], ...]]) -> Self:
        """Return it with what some of its controls offer."""
        controls = [
            msgspec.structs.replace(each, choices=choices[each]) if each in choices else each for each in self.controls
        ]
        return msgspec.structs.replace(self, controls=controls)


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    """A filter in force, in words."""

    parameter: str
    field: str
    key: str
    operator: str
    label: str
    words: str
    value: str
    said: str
    """The value as the bar calls it."""
    times: Sequence[tuple[str, str, str]] = ()
    """The dates and moments of the value: each as HTML has it, how it is shown, and in words."""
    without: str
    """The address without it."""


class Wrong(msgspec.Struct, frozen=True):
    """A parameter of the address that the list does not take."""

    parameter: str
    value: str
    message: str
    without: str
    """The address without it."""


class Panel(msgspec.Struct, frozen=True):
    """A form that changes filters in force, or adds one where there are none."""

    id: str
    chips: Sequence[Chip]
    kept: Sequence[tuple[str, str]]
    """The parameters of the address that stay."""
    kind: str
    """That of its control, or `other` for a filter that the control's own form cannot show."""
    choices: Mapping[str, str] = msgspec.field(default_factory=lambda: CHOICES)

    @property
    def operators(self) -> Mapping[str, str]:
        """The operators that it offers, in words; the present one is among them."""
        chip = self.chips[0] if self.chips else None
        if chip is None or chip.operator == "exists":
            return self.choices
        return {**self.choices, chip.operator: chip.words}
