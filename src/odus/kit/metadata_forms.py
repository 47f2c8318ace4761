"""Metadata forms: the editor of an object's metadata, line by line, and what was typed as a change."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from odus.kit import bodies, problems
from odus.kit.pages import Form
from odus.kit.problems import PRECONDITION_FAILED, VALIDATION_FAILED, FieldError, Problem
from odus.kit.versions import IfMatch, Versioned, etag

T = TypeVar("T")
H = TypeVar("H", bound="Holder")


class Row(msgspec.Struct, frozen=True):
    """A line of the metadata editor: what it says, what it said when it was shown, and what is wrong with it."""

    key: str
    value: str
    was_key: str = ""
    was_value: str = ""
    error: str = ""


BLANK = Row("", "")


def pairs(metadata: Mapping[str, str]) -> list[Row]:
    """Return metadata as the editor shows it."""
    return [Row(key, value, key, value) for key, value in metadata.items()]


def rows(form: Form) -> list[Row]:
    """Return the editor's lines as they were sent; lines that were and are empty are left out."""
    columns = (form.texts(name) for name in ("key", "value", "wasKey", "wasValue"))
    sent = (_row(*map(_lines, line)) for line in zip(*columns, strict=False))
    return [row for row in sent if row.key or row.value or row.was_key]


def _row(key: str, value: str, was_key: str, was_value: str) -> Row:
    return Row(was_key if key == _one_line(was_key) else key, value, was_key, was_value)


def update(rows: Iterable[Row], stored: Mapping[str, str], read: Callable[[bytes], T]) -> T:
    """Return the change that the lines mean, as `read` takes it from a body.

    A line whose key or value was emptied removes its key, one whose key was changed renames it. Raises
    `validation_failed` with the number of the line, as `row.3`: for a key that stands twice, a value without a key, or
    a key that someone else changed meanwhile.
    """
    known = list(rows)
    changed: dict[str, str] = {}
    errors: list[FieldError] = []
    for number, row in enumerate(known):
        if (row.key, row.value) == (row.was_key, row.was_value):
            continue
        if error := _wrong(row, known, stored):
            errors.append(FieldError(f"row.{number}", "invalid_value", error))
        if row.was_key and row.was_key != row.key:
            changed.setdefault(row.was_key, "")
        if row.key:
            changed[row.key] = row.value
    try:
        data = read(bodies.encode({"metadata": changed}))
    except Problem as problem:
        raise problems.invalid([*errors, *(_at_row(error, known) for error in problem.errors)]) from None
    if errors:
        raise problems.invalid(errors)
    return data


class Holder(Versioned, Protocol):
    """What has metadata, and versions."""

    @property
    def metadata(self) -> dict[str, str]:
        """Its metadata."""
        ...


async def save(
    lines: list[Row], load: Callable[[], Awaitable[H]], change: Callable[[H, IfMatch], Awaitable[object]]
) -> tuple[H, list[Row]]:
    """Write the keys that were changed in the editor, and no others: what the API wrote meanwhile stays.

    `change` writes onto the version that `load` gave, of which it takes what the lines mean by `update`. Returns that
    version, and the lines with what is wrong with each; no lines where it was written.
    """
    while True:
        found = await load()
        try:
            await change(found, IfMatch(frozenset({etag(found)})))
        except Problem as problem:
            if problem.kind is PRECONDITION_FAILED:
                continue  # it changed between the two: look again at which keys
            return found, with_errors(lines, problem, found.metadata)
        return found, []


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked before all metadata goes: which keys these are, and what else is to be known."""

    keys: Sequence[str]
    unsaved: str
    """How many lines of the editor were not saved, as a script counts them; they go too."""
    problem: str = ""

    @property
    def status(self) -> int:
        """The status of the page that asks."""
        return 409 if self.problem else 200


async def clear(
    form: Form, load: Callable[[], Awaitable[H]], change: Callable[[H, IfMatch], Awaitable[object]]
) -> tuple[H, Question | None]:
    """Take all metadata away by `change`, where that was confirmed of the very keys that there are.

    Returns the object, and what is to be asked, or None where it is done.
    """
    while True:
        found = await load()
        if not found.metadata:
            return found, None
        question = Question(keys=list(found.metadata), unsaved=form.text("unsaved"))
        if form.text("confirmed") != "yes":
            return found, question
        if {_lines(key) for key in form.texts("key")} != {_lines(key) for key in found.metadata}:
            return found, msgspec.structs.replace(question, problem=OTHER_KEYS)
        try:
            await change(found, IfMatch(frozenset({etag(found)})))
        except Problem as problem:
            if problem.kind is not PRECONDITION_FAILED:
                raise
            continue  # it changed between the two: look again at which keys
        return found, None


OTHER_KEYS = "Someone else changed the keys meanwhile. Nothing is cleared yet: look again at what goes."


def with_errors(rows: list[Row], problem: Problem, stored: Mapping[str, str]) -> list[Row]:
    """Return the lines with what is wrong with each; raises again what is about none.

    A line that someone else changed is shown onto what it is now: saved again, it replaces that.
    """
    if problem.kind is not VALIDATION_FAILED:
        raise problem
    wrong = {error.field: error.message for error in problem.errors}
    known = [
        msgspec.structs.replace(row, error=f"{row.key or row.was_key} {wrong[f'row.{number}']}".strip())
        if f"row.{number}" in wrong
        else row
        for number, row in enumerate(rows)
    ]
    if "metadata" in wrong and known:
        known[-1] = msgspec.structs.replace(known[-1], error=f"Metadata {wrong['metadata']}")
    return [line for row in known for line in (_onto(row, stored) if _meanwhile(row, rows, stored) else [row])]


def _onto(row: Row, stored: Mapping[str, str]) -> list[Row]:
    """Return a line as a change of what is there now; one renamed onto a key that is new there becomes two lines."""
    is_same = _lines(stored.get(row.was_key, "")) == row.was_value
    key = row.key if is_same else row.was_key
    was_key, was_value = (key, _lines(stored[key])) if key in stored else ("", "")
    line = msgspec.structs.replace(row, was_key=was_key, was_value=was_value)
    return [line, Row("", "", row.was_key, row.was_value)] if is_same and row.was_key else [line]


def _wrong(row: Row, known: list[Row], stored: Mapping[str, str]) -> str:
    if not row.key and row.value and not row.was_key:
        return "needs a key"
    if row.key and sum(other.key == row.key for other in known) > 1:
        return f"the key {row.key} stands twice"
    return _meanwhile(row, known, stored)


def _meanwhile(row: Row, known: list[Row], stored: Mapping[str, str]) -> str:
    """Tell what someone else did to a line that is about to be changed; nothing where it is as it was shown."""
    if (row.key, row.value) == (row.was_key, row.was_value):
        return ""
    if row.was_key and row.was_key not in stored:
        return "was removed meanwhile; save again to bring it back" if row.key and row.value else ""
    if row.was_key and _lines(stored[row.was_key]) != row.was_value:
        return f"was changed to “{stored[row.was_key]}” meanwhile; save again to replace that"
    if row.key in stored and all(row.key != other.was_key for other in known):
        return f"was added as “{stored[row.key]}” meanwhile; save again to replace that"
    return ""


def _at_row(error: FieldError, known: list[Row]) -> FieldError:
    if error.field.partition(".")[0] != "metadata":
        return error
    key = error.field.removeprefix("metadata.")
    numbers = [number for number, row in enumerate(known) if row.key == key]
    return FieldError(f"row.{numbers[0]}" if numbers else "metadata", error.code, error.message)


def _one_line(text: str) -> str:
    """Return a text as a field of one line gives it back."""
    return text.replace("\r", "").replace("\n", "")


def _lines(text: str) -> str:
    """Return a text with the line ends that a form gives back, whatever it had."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
