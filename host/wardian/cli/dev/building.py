"""A build beside the event loop, which ends with whoever waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from wardian.cli import authoring
from wardian.cli.authoring import Halt, Progress


async def build(directory: Path, progress: Progress, halt: Halt) -> Path:
    """Build a plugin in a thread; see `authoring.build`.

    When this is cancelled the build is halted, and over before the cancellation goes on: no
    toolchain outlives the command.
    """
    building = asyncio.ensure_future(
        asyncio.to_thread(authoring.build, directory, progress=progress, halt=halt)
    )
    try:
        return await asyncio.shield(building)
    except asyncio.CancelledError:
        halt()
        await asyncio.gather(building, return_exceptions=True)
        raise
