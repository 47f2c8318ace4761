"""Folding: text without its case, so that whatever ignores case does so alike on every PostgreSQL.

A database's own `lower()` follows its locale, and some know ASCII alone. So Unicode's case folding is done here, and
kept beside the text where the two can differ; `lower(… collate "C")` is the same for all other text.
"""


def fold(text: str) -> str:
    """Return a text without its case (Unicode's full case folding: `Straße` and `STRASSE` are one)."""
    return text.casefold()


def kept(text: str | None) -> list[str] | None:
    """Return what is kept beside a text: itself and its fold; None where `lower()` knows it: for ASCII, or nothing.

    The fold counts only while the text beside it is the one that was folded: whoever changes the text and does not know
    of folds, such as an earlier release or a person at the database, does no harm.
    """
    return None if text is None or text.isascii() else [text, fold(text)]


def kept_of_object(values: dict[str, str]) -> dict[str, dict[str, str]] | None:
    """Return the same for the texts of an object."""
    if all(text.isascii() for text in values.values()):
        return None
    return {"of": values, "folded": {key: fold(text) for key, text in values.items()}}
