"""The key ring: turns the value of a secret key into who it stands for, remembering it for a second."""

import time
from datetime import datetime

from odus.kit.db import Database
from odus.kit.permissions import Actor, Principal, effective
from odus.kit.problems import UNAUTHORIZED
from odus.kit.requests import UNAUTHORIZED_DETAIL
from odus.kit.times import now
from odus.secret_keys import queries
from odus.secret_keys.actions import PREFIX, digest

REMEMBERED_SECONDS = 1.0
"""After a revocation, a process may serve the key for this long (architecture.md §3)."""
MOST_REMEMBERED = 10_000


class KeyRing:
    """The keys that one process has lately seen."""

    def __init__(self, database: Database) -> None:
        """Look keys up in this database."""
        self._database = database
        self._remembered: dict[bytes, tuple[float, Principal]] = {}

    async def authenticate(self, value: str, request_id: str) -> Principal:
        """Return who a value stands for; raises `unauthorized`, the same for whatever is wrong with it."""
        if not value.startswith(PREFIX):
            raise UNAUTHORIZED(UNAUTHORIZED_DETAIL)
        held = digest(value)
        known = self._remembered.get(held)
        if known is None or known[0] < time.monotonic():
            known = await self._look_up(held)
        who = known[1]
        return Principal(
            merchant_id=who.merchant_id,
            actor=who.actor,
            permissions=who.permissions,
            request_id=request_id,
            clock=who.clock,
        )

    async def _look_up(self, held: bytes) -> tuple[float, Principal]:
        at, until = now(), time.monotonic() + REMEMBERED_SECONDS
        holder = await queries.holder(self._database.read, held, at)
        if holder is None:
            self._remembered.pop(held, None)
            raise UNAUTHORIZED(UNAUTHORIZED_DETAIL)
        minute: datetime = at.replace(second=0, microsecond=0)
        if holder.last_used_at is None or holder.last_used_at < minute:
            await queries.touch(self._database.write, holder, minute)
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        who = Principal(
            merchant_id=holder.merchant_id,
            actor=Actor("secretKey", holder.key_id),
            permissions=effective(holder.permissions),
            request_id="",
            clock=holder.clock,
        )
        known = (until, who)
        self._remembered[held] = known
        return known
