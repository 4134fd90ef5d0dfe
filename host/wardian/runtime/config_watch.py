"""A folder of configuration files as it changes: with the author's loop, who knows watchfiles."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from watchfiles import awatch

QUIET_MS = 50
"""Changes that follow each other this closely are one: an editor saves in several steps."""

LONGEST_MS = 500
"""But they are waited for no longer than this."""

LOOK_MS = 2_000
"""How often to look even if nothing was notified.

Because: network file systems notify nobody, and what changes between two watches, while the folder
goes and comes back, is notified to nobody either.
"""

_log = logging.getLogger("wardian.configuration")


async def watched(folder: Path) -> AsyncIterator[None]:
    """Yield at once, when something below ``folder`` may have changed, and every so often without.

    A folder that is not there is looked for.
    """
    told = False
    while True:
        try:
            inode = await asyncio.to_thread(_inode, folder)
            async with aclosing(_notified(folder)) as notified:
                async for _ in notified:
                    yield
                    if await asyncio.to_thread(_inode, folder) != inode:
                        break
        except (OSError, RuntimeError) as error:
            if not told:
                _log.warning("%s is not watched, but looked at: %s", folder, error)
            told = True
            yield
            await asyncio.sleep(LOOK_MS / 1000)


async def _notified(folder: Path) -> AsyncGenerator[None]:
    yield
    watch = awatch(
        folder,
        watch_filter=None,
        debounce=LONGEST_MS,
        step=QUIET_MS,
        rust_timeout=LOOK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    async with aclosing(watch) as changes:
        async for _ in changes:
            yield


def _inode(folder: Path) -> int:
    return folder.stat().st_ino
