"""``wardian:plugin/answering``: what an agent says before its answer is whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wardian.capabilities.base import CallContext, Refused
from wardian.policy.leaks import Leaks

OnPiece = Callable[[str], Awaitable[None]]
"""Hears the pieces of an answer, in order."""


class Pieces:
    """What one call has said of its answer, and who hears it.

    What may be the beginning of a credential is held back until more has come.
    """

    def __init__(self, listener: OnPiece | None, bytes_max: int) -> None:
        """Pieces together have no more bytes than ``bytes_max``; without a listener they are
        dropped, and count for nothing."""
        self._listener = listener
        self._bytes_max = bytes_max
        self._bytes = 0
        self._waiting = ""

    async def say(self, piece: str, leaks: Leaks | None) -> None:
        """Say one more piece.

        Raises:
            Refused: it was said as much as an answer may have.
        """
        if self._listener is None:
            return
        self._bytes += len(piece.encode())
        if self._bytes > self._bytes_max:
            raise Refused(
                "exhausted",
                f"The pieces of an answer have {self._bytes_max} bytes together, like a result.",
            )
        if leaks:
            piece = self._settled(piece, leaks)
        if piece:
            await self._listener(piece)

    async def end(self) -> None:
        """Say what was held back."""
        rest, self._waiting = self._waiting, ""
        if rest and self._listener is not None:
            await self._listener(rest)

    def _settled(self, piece: str, leaks: Leaks) -> str:
        waiting = leaks.redacted(self._waiting + piece)
        kept = leaks.longest_bytes
        ready = max(0, len(waiting) - kept)
        self._waiting = waiting[ready:]
        return waiting[:ready]


class Answering:
    """Needs no permission: whoever asked hears it anyway, in the answer."""

    async def emit(self, call: CallContext, piece: str) -> None:
        """Say a piece of the answer."""
        if call.pieces is None:
            raise Refused("unavailable", "There is no question that this call answers as an agent.")
        await call.pieces.say(piece, call.leaks)
