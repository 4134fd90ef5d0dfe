"""Answers that are too large to be held in memory: files that are gone when they have been sent.

What is exported is first written to a file, in one go, and then sent as fast as the client takes
it. So a client that reads slowly holds a file, and neither the database nor memory.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from wardian.errors import RateLimited

AT_ONCE = 2
"""Downloads of one tenant; each may take as much of the disk as a plugin may keep, and its JSON."""

_PIECE_BYTES = 256 * 1024


class Downloads:
    """The downloads that are being made or sent on this host."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is on the disk of the host's own data: elsewhere may be memory."""
        self._folder = folder
        self._open: Counter[str] = Counter()

    @contextmanager
    def opened(self, tenant: str) -> Iterator[IO[bytes]]:
        """Lend a file without a name, which is gone at the end.

        Raises:
            RateLimited: as many downloads of the tenant are open as may be.
        """
        if self._open[tenant] >= AT_ONCE:
            raise RateLimited(
                f"{AT_ONCE} downloads of this tenant are under way, which is as many as may be. "
                "Try again when one has ended."
            )
        self._open[tenant] += 1
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                yield file
        finally:
            self._open[tenant] -= 1


class FileAnswer(StreamingResponse):
    """Sends a file from its beginning, and closes what it came from, whatever becomes of it."""

    def __init__(self, file: IO[bytes], size: int, held: ExitStack, media_type: str) -> None:
        file.seek(0)
        pieces = iter(partial(file.read, _PIECE_BYTES), b"")
        headers = {"Content-Length": str(size), "Cache-Control": "no-store"}
        super().__init__(pieces, headers=headers, media_type=media_type)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._held:
            await super().__call__(scope, receive, send)
