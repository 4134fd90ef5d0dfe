"""What agents say before an answer is whole, for a client that listens: in order, and bounded."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from wardian.agents.questions import Piece
from wardian.api.v2.messages import message
from wardian.runtime.call_lines import Dropped

WAITING_BYTES_MAX = 1024 * 1024
"""What waits for a client that reads slowly; pieces that come while so much waits are dropped."""


class PieceView(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent said next."""

    text: str
    agent: str


class Restarted(msgspec.Struct, frozen=True, kw_only=True):
    """Another agent begins from the start: what was heard up to now is not of the answer."""

    agent: str


class Pieces:
    """Keeps what was said until it is sent. An agent never waits for whoever listens to it."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._moved = asyncio.Event()

    async def hear(self, piece: Piece) -> None:
        """Take what an agent said."""
        if piece.restarted:
            # What nobody has read yet is not of the answer either.
            self._clear()
            self._keep(message("restarted", Restarted(agent=piece.agent)))
        if piece.text:
            self._keep(message("piece", PieceView(text=piece.text, agent=piece.agent)))
        self.wake()

    def wake(self) -> None:
        """Have `next` answer now."""
        self._moved.set()

    async def next(self, seconds: float) -> list[bytes]:
        """Return what was said since, once something was; nothing after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        return self.rest()

    def rest(self) -> list[bytes]:
        """Return what was said since, at once."""
        self._moved.clear()
        told = self._waiting
        if self._dropped:
            told.append(message("dropped", Dropped(dropped=self._dropped)))
        self._clear()
        return told

    def _keep(self, told: bytes) -> None:
        if self._dropped or self._size + len(told) > WAITING_BYTES_MAX:
            self._dropped += 1
            return
        self._size += len(told)
        self._waiting.append(told)

    def _clear(self) -> None:
        self._waiting, self._size, self._dropped = [], 0, 0
