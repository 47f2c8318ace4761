"""Test clocks: the time that it is for a merchant who tries things out."""

from typing import Annotated

import msgspec
from msgspec import Meta

from odus.kit.times import Moment


class TestClock(msgspec.Struct, frozen=True):
    """A merchant's clock, which goes on at the pace of everybody's."""

    __test__ = False

    now: Moment


class TestClockAdvance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a clock is put ahead."""

    __test__ = False

    to: Annotated[Moment, Meta(description="The moment that it is to be; never before its present one.")]
