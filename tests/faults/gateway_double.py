"""A gateway that does as the sandbox does, and answers late, never, twice, or as its own process is killed."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from odus.gateways.protocol import Answer, Card, GatewayError, Order
from odus.gateways.sandbox import Sandbox
from odus.kit.db import Write

MODES = ("works", "dies before", "dies after", "answers never", "hears nothing", "breaks off", "is asked twice")


class GatewayDouble:
    """The sandbox, with one fault of `MODES` in each call but `find`."""

    mode = "works"

    def __init__(self, write: Write, merchant_id: str, secret: bytes) -> None:
        self._sandbox = Sandbox(write, merchant_id, secret)

    async def authorize(self, key: str, order: Order, means: Card | str) -> Answer:
        """Reserve an amount, or take it at once."""
        return await self._faulty(lambda: self._sandbox.authorize(key, order, means))

    async def complete(self, key: str, reference: str) -> Answer:
        """Confirm a challenge."""
        return await self._faulty(lambda: self._sandbox.complete(key, reference))

    async def withdraw(self, key: str, reference: str) -> Answer:
        """End a challenge for good."""
        return await self._faulty(lambda: self._sandbox.withdraw(key, reference))

    async def capture(self, key: str, reference: str, amount: int) -> Answer:
        """Take what was authorized."""
        return await self._faulty(lambda: self._sandbox.capture(key, reference, amount))

    async def refund(self, key: str, reference: str, amount: int) -> Answer:
        """Give back what was captured."""
        return await self._faulty(lambda: self._sandbox.refund(key, reference, amount))

    async def void(self, key: str, reference: str) -> Answer:
        """Release what was authorized."""
        return await self._faulty(lambda: self._sandbox.void(key, reference))

    async def find(self, key: str) -> Answer | None:
        """Return what became of a call."""
        return await self._sandbox.find(key)

    async def _faulty(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        match self.mode:
            case "dies before":
                die()
            case "hears nothing":
                await asyncio.Event().wait()
            case _:
                pass
        answer = await call()
        match self.mode:
            case "dies after":
                die()
            case "answers never":
                await asyncio.Event().wait()
            case "breaks off":
                raise GatewayError
            case "is asked twice":
                assert await call() == answer
            case _:
                pass
        return answer


def die() -> None:
    """End this process as `kill -9` does: nothing is finished, nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)
