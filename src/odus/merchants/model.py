"""Merchants: the businesses whose customers are kept here; everything belongs to one."""

from typing import Literal

import msgspec

from odus.kit.times import Moment

Environment = Literal["test", "live"]


class Merchant(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A business. In the `test` environment no money moves."""

    id: str
    name: str
    environment: Environment
    created_at: Moment
    updated_at: Moment
