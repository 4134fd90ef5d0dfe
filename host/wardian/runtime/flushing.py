"""Written down now and then: what is kept in memory, and lost in seconds at the most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Flush = Callable[[], Awaitable[None]]


@asynccontextmanager
async def flushed(flush: Flush, *, seconds: float, name: str) -> AsyncIterator[None]:
    """Call ``flush`` every so many seconds, and once more at the end; it is never cut short."""
    ending = asyncio.Event()

    async def until_the_end() -> None:
        while not ending.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), seconds)
                break
            await flush()
        await flush()  # what came while another was under way, too

    task = asyncio.create_task(until_the_end(), name=name)
    try:
        yield
    finally:
        ending.set()
        await task
