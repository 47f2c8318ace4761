"""Edits: a form that changes an object, held to the version that it showed."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

import msgspec

from odus.kit.pages import Form, wrong
from odus.kit.problems import PRECONDITION_FAILED, Problem
from odus.kit.versions import IfMatch, Versioned, etag

T = TypeVar("T", bound=Versioned)

Values = Mapping[str, str]
"""The text of each field, as it stands in the form."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What such a form shows."""

    values: Values
    was: Values
    """What the object held when the form was shown."""
    version: str
    errors: Values = msgspec.field(default_factory=wrong)
    theirs: Values = msgspec.field(default_factory=dict[str, str])
    """What someone else put into fields meanwhile."""
    status: int = 200

    @property
    def changed(self) -> dict[str, str]:
        """What was typed, of the fields where that is something new."""
        return {name: value for name, value in self.values.items() if value != self.was[name]}

    @property
    def seen(self) -> IfMatch:
        """The version that the change is meant for."""
        return IfMatch(frozenset({self.version}))


class Editor(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """How an object is edited: what it says in the form, and what becomes of a text that is kept (as typed, mostly)."""

    load: Callable[[], Awaitable[T]]
    values_of: Callable[[T], Values]
    as_kept: Callable[[Values], Values] = lambda values: values
    switches: Collection[str] = ()

    async def save(self, form: Form, change: Callable[[T, Edit], Awaitable[object]]) -> tuple[T, Edit | None]:
        """Write what was changed in the form by `change`, onto the version that the form showed.

        Returns the object, and the form to be shown again, or None where it is done: also where the object holds all
        that was changed already, as after a form that was sent before.
        """
        current = await self.load()
        edit = sent(form, current, self.values_of(current), self.switches)
        while True:
            try:
                await change(current, edit)
            except Problem as problem:
                current = await self.load()
                now = self.values_of(current)
                if problem.kind is PRECONDITION_FAILED and _is_held(self.as_kept(edit.changed), now):
                    edit = opened(current, now)  # what is left is what the form does not show, such as a password
                    continue
                return current, again(edit, problem, current, now)
            return current, None


def _is_held(changed: Values, now: Values) -> bool:
    return bool(changed) and all(now[name] == value for name, value in changed.items())


def opened(current: Versioned, values: Values) -> Edit:
    """Return the form as it is shown first."""
    return Edit(values=values, was=values, version=etag(current))


def sent(form: Form, current: Versioned, now: Values, switches: Collection[str] = ()) -> Edit:
    """Read what was sent. A field that was not sent stays; of the `switches`, that is one that is off."""
    was = {name: form.text(f"was.{name}") if f"was.{name}" in form else now[name] for name in now}
    values = {name: form.text(name) if name in form or name in switches else was[name] for name in now}
    # Whatever changed meanwhile is none of what the form shows, where that is as it was.
    return Edit(values=values, was=was, version=etag(current) if was == now else form.text("version"))


def again(edit: Edit, problem: Problem, current: Versioned, now: Values) -> Edit:
    """Return the form with what is wrong at its fields, or with what someone else changed; nothing typed is lost.

    Sent once more, it replaces what it shows of the others' changes. Raises again what is about neither.
    """
    if problem.kind is not PRECONDITION_FAILED:
        return msgspec.structs.replace(edit, errors=wrong(problem), status=400)
    values = {name: edit.values[name] if name in edit.changed else now[name] for name in now}
    theirs = {name: now[name] for name in now if now[name] != edit.was[name]}
    return Edit(values=values, was=now, version=etag(current), theirs=theirs, status=409)
