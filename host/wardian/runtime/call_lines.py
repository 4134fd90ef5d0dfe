"""What a call logs while it runs, for whoever watches it: lines, and how far it is."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from wardian.telemetry.lines import Follower, Line, Lines, WantedLines

PROGRESS = "progress"
"""The field of a line that tells how far a call is, from 0 to 1."""

RECENT_MAX = 1_000
"""Lines that came before somebody watched, and are told all the same."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a call is, from 0 to 1, by its own account."""

    progress: float
    message: str


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines went by untold, because whoever watches was slow."""

    dropped: int


Told = Line | Progress | Dropped


class CallLines:
    """Tells the lines of one call, each once and in order; those before this was opened too, as far
    as they are kept."""

    def __init__(self, lines: Lines, follower: Follower) -> None:
        self._follower = follower
        self._recent = list(lines.recent(follower.wanted, RECENT_MAX))
        self._last = 0
        self._dropped = 0

    def wake(self) -> None:
        """Have `next` answer now."""
        self._follower.wake()

    async def next(self, seconds: float) -> list[Told]:
        """Return what came since, once there is something; nothing after so many seconds, or when
        `wake` was called."""
        if self._recent:
            recent, self._recent = self._recent, []
            return self._told(recent)
        try:
            async with asyncio.timeout(seconds):
                return self._told(await self._follower.next())
        except TimeoutError:
            return []

    async def rest(self) -> list[Told]:
        """Return what came since, at once."""
        told = self._told(self._recent)
        self._recent = []
        self.wake()
        return told + self._told(await self._follower.next())

    def _told(self, lines: list[Line]) -> list[Told]:
        told: list[Told] = []
        if self._follower.dropped > self._dropped:
            told.append(Dropped(dropped=self._follower.dropped - self._dropped))
            self._dropped = self._follower.dropped
        for line in lines:
            if line.sequence > self._last:
                self._last = line.sequence
                told.append(progress_of(line) or line)
        return told


@contextmanager
def lines_of_call(lines: Lines, tenant: str, call_id: str) -> Iterator[CallLines]:
    """Watch what a call logs while this is open."""
    with lines.followed(WantedLines(tenant=tenant, call_id=call_id)) as follower:
        yield CallLines(lines, follower)


def progress_of(line: Line) -> Progress | None:
    """Return how far a line says that its call is; None if it does not, or makes no sense."""
    with suppress(ValueError):
        found = float(line.fields.get(PROGRESS, ""))
        if math.isfinite(found) and 0 <= found <= 1:
            return Progress(progress=found, message=line.message)
    return None
