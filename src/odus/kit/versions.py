"""Versions of a resource: `ETag`, and the conditions `If-Match` and `If-None-Match` (RFC 9110 §13.1)."""

import re
from typing import Protocol

import msgspec

from odus import __version__
from odus.kit import problems
from odus.kit.times import Moment


class Versioned(Protocol):
    """What has versions: each change moves its `updated_at` forward, by a millisecond at least."""

    @property
    def updated_at(self) -> Moment:
        """When it last changed."""
        ...


def etag(resource: Versioned) -> str:
    """Return the strong tag of a resource's version; a new release of Odus, which may show it otherwise, changes it."""
    return f'"{round(resource.updated_at.timestamp() * 1000):x}-{__version__}"'


class StaleError(Exception):
    """Another write came first: what was worked out no longer holds, and is to be worked out anew."""


class IfMatch(msgspec.Struct, frozen=True):
    """The versions that a caller's change is meant for; `tags` is None where it did not say."""

    tags: frozenset[str] | None = None

    def check(self, current: Versioned) -> None:
        """Raise `precondition_failed` where the resource is at another version."""
        if self.tags is not None and "*" not in self.tags and etag(current) not in self.tags:
            raise problems.PRECONDITION_FAILED("The object changed since the version that If-Match names.")

    def moved(self, before: Versioned, after: Versioned) -> "IfMatch":
        """Return what is to hold now that we ourselves changed the version that was checked."""
        if self.tags is None or etag(before) not in self.tags:
            return self
        return IfMatch(self.tags | {etag(after)})


def tags(header: str) -> frozenset[str]:
    """Split the value of `If-Match` or `If-None-Match`; one that is not a list of tags names none."""
    if header.strip() == "*":
        return frozenset({"*"})
    return frozenset(_TAG.findall(header)) if _TAGS.fullmatch(header.strip()) else frozenset()


_TAG = re.compile(r'(?:W/)?"[^"]*"')
"""An entity tag (RFC 9110 §8.8.3): within its quotes, a comma or a star is a character as any other."""
_TAGS = re.compile(rf"{_TAG.pattern}([ \t]*,[ \t]*{_TAG.pattern})*")


def matches_weakly(header: str, tag: str) -> bool:
    """Tell whether an `If-None-Match` names this version (a weak comparison: `W/` does not count)."""
    return any(named in ("*", tag) for named in (given.removeprefix("W/") for given in tags(header)))
