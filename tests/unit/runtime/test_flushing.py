"""What is kept in memory is written down now and then, and all of it at the end."""

from __future__ import annotations

import asyncio

import pytest

from wardian.runtime.flushing import flushed

pytestmark = pytest.mark.anyio


async def test_it_is_written_down_at_the_end_however_soon_that_is() -> None:
    flushes = 0

    async def flush() -> None:
        nonlocal flushes
        flushes += 1

    async with flushed(flush, seconds=3_600.0, name="test"):
        pass

    assert flushes == 1


async def test_what_came_while_something_was_written_down_is_written_at_the_end() -> None:
    pending, written = [1], []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def flush() -> None:
        taken = list(pending)
        pending.clear()
        begun.set()
        await go_on.wait()
        written.extend(taken)

    async with flushed(flush, seconds=0.0, name="test"):
        await begun.wait()
        pending.append(2)
        asyncio.get_running_loop().call_soon(go_on.set)

    assert written == [1, 2]
