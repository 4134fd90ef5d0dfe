"""``wardian:plugin/answering``: what an agent says before its answer is whole."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import logging
from collections.abc import Awaitable, Callable

from wardian.capabilities.base import CallContext, Refused

OnPiece = Callable[[str], Awaitable[None]]
"""Hears the pieces of an answer, in order; none is empty, and no credential is in them.

The agent waits for it, on its own time; so it has to be done at once, and queue what it cannot pass
on. Pieces of one answer are bounded together like its result. One that raises hears no more.
"""

_ASIDE_FROM = 64 * 1024
"""Bytes: to look through more takes so long that others would wait."""

_log = logging.getLogger("wardian.agents")


class Pieces:
    """What one call has said of its answer, and who hears it.

    Credentials are kept out of it as they are out of its result, also where they lie across
    pieces: what may be the beginning of one is held back until more has come.
    """

    def __init__(self, listener: OnPiece | None, bytes_max: int) -> None:
        """Pieces together have no more than ``bytes_max``; without a listener they are dropped,
        and count for nothing."""
        self._listener = listener
        self._bytes_max = bytes_max
        self._bytes = 0
        self._waiting = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    async def say(self, call: CallContext, piece: str) -> None:
        """Say one more piece.

        Raises:
            Refused: it was said as much as an answer may have.
        """
        if self._listener is None or not piece:
            return
        raw = piece.encode()
        if self._bytes + len(raw) > self._bytes_max:
            raise Refused(
                "exhausted",
                f"The pieces of an answer have {self._bytes_max} bytes together, like a result.",
            )
        self._bytes += len(raw)
        if call.course is not None:
            call.course.was_heard = True
        await self._tell(await self._ready(call, raw))

    async def end(self, call: CallContext) -> None:
        """Say what was held back; whoever listens has as long for it as the call had left."""
        rest, self._waiting = self._waiting, b""
        if call.leaks and rest:
            rest = call.leaks.redacted(rest, call.answerable)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(call.budget.wall_left_ms() / 1_000):
                await self._tell(rest)

    async def _ready(self, call: CallContext, raw: bytes) -> bytes:
        text = self._waiting + raw
        # Nothing waits unless there is something to look for, and then there always is.
        if not call.leaks:
            self._waiting = b""
            return text
        begun, known = call.leaks.begun, call.answerable
        if len(text) > _ASIDE_FROM:
            ready, self._waiting = await asyncio.to_thread(begun, text, known)
        else:
            ready, self._waiting = begun(text, known)
        return ready

    async def _tell(self, ready: bytes) -> None:
        # A secret may begin within a character, and bytes of it are no text.
        text = self._decoder.decode(ready)
        if self._listener is None or not text:
            return
        try:
            await self._listener(text)
        except Exception:  # noqa: BLE001 -- whoever listens must not be able to fail the call
            _log.exception("What an agent says is not heard any more.")
            self._listener = None


class Answering:
    """Needs no permission: whoever asked hears it anyway, in the answer."""

    async def emit(self, call: CallContext, piece: str) -> None:
        """Say a piece of the answer."""
        if call.pieces is None:
            raise Refused(
                "unavailable",
                "A call says its answer in pieces only while it is asked as an agent.",
            )
        await call.pieces.say(call, piece)
