"""Deadlines: how long a request may wait for the database, and for others than the database."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar

_limit: ContextVar[asyncio.Timeout | None] = ContextVar("limit", default=None)


@asynccontextmanager
async def limited(seconds: float) -> AsyncGenerator[None]:
    """Give a request so long; raises `TimeoutError` then."""
    async with asyncio.timeout(seconds) as limit:
        token = _limit.set(limit)
        try:
            yield
        finally:
            _limit.reset(token)


@asynccontextmanager
async def elsewhere(seconds: float) -> AsyncGenerator[None]:
    """Wait so long for something that is not the database; the request's own limit stands still meanwhile."""
    limit = _limit.get()
    when = limit and limit.when()
    began = asyncio.get_running_loop().time()
    if limit:
        limit.reschedule(None)
    try:
        async with asyncio.timeout(seconds):
            yield
    finally:
        if limit and when is not None:
            limit.reschedule(when + asyncio.get_running_loop().time() - began)
