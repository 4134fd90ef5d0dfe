"""Streams of what plugins log, as Server-Sent Events: bounded, resumable, over when the host is.

The id of a message is its line's number behind the name of this run of the host: numbers begin anew
with each, and a client that comes back to another run is told all that this one has kept.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

import msgspec

from wardian.api.rooms import Rooms
from wardian.api.streams import HEARTBEAT_SECONDS, RETRY_MILLISECONDS
from wardian.errors import InvalidArguments, RateLimited
from wardian.telemetry import Follower, Line, Telemetry, WantedLines
from wardian.tenants import Caller

LEVELS = ("trace", "debug", "info", "warn", "error")

KEPT_MAX = 10_000
"""More lines are not looked through for those of a level; a tenant has fewer."""

_NUMBER_CHARS = 19


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines a client wants.

    Attributes:
        least: the least level.
    """

    lines: WantedLines
    least: str = "trace"

    def of(self, lines: Iterable[Line]) -> list[Line]:
        """Return those that are of the least level or above it."""
        levels = LEVELS[LEVELS.index(self.least) :]
        return [line for line in lines if line.level in levels]


class Tails:
    """The streams of lines that are open on this host."""

    def __init__(self, streams_max: int) -> None:
        """A tenant may have ``streams_max``, and the holder of one key a quarter of that."""
        self._rooms = Rooms(streams_max)
        self._followers: set[Follower] = set()
        self._closing = False
        self._run = secrets.token_hex(4)

    def close(self) -> None:
        """End every stream now, and let none begin."""
        self._closing = True
        for follower in self._followers:
            follower.wake()

    def check_room(self, caller: Caller) -> None:
        """Check that a caller may open one more stream.

        Raises:
            RateLimited: as many are open as may be.
        """
        self._rooms.check(caller)

    def position(self, last_event_id: str | None) -> int | None:
        """Return the number of the last line that a client has; None if it has none.

        Raises:
            InvalidArguments: it is not an id of a line.
        """
        if last_event_id is None:
            return None
        run, _, number = last_event_id.partition("-")
        sound = number.isascii() and number.isdecimal() and len(number) <= _NUMBER_CHARS
        if not run or not sound:
            raise InvalidArguments(
                "The header Last-Event-ID is not the id of a line of a stream.",
                path="Last-Event-ID",
            )
        return int(number) if run == self._run else 0

    async def messages(
        self,
        telemetry: Telemetry,
        caller: Caller,
        wanted: Wanted,
        after: int | None,
        holds: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[bytes]:
        """Tell a client of lines until it goes, its key ``holds`` no more, or the host ends.

        They begin behind the number ``after``, or now.
        """
        try:
            with self._rooms.taken(caller), telemetry.lines.followed(wanted.lines) as follower:
                self._followers.add(follower)
                try:
                    kept = telemetry.lines.recent(wanted.lines, KEPT_MAX, after=after or 0)
                    newest = kept[-1].sequence if kept else after or 0
                    yield self._beginning(newest if after is None else after)
                    for line in wanted.of(kept if after is not None else ()):
                        yield self._message(line)
                    # What is among these and waits as well is told once.
                    async for message in self._following(follower, wanted, newest, holds):
                        yield message
                finally:
                    self._followers.discard(follower)
                    telemetry.lines_dropped(follower.dropped)
        except RateLimited:
            return  # others were quicker since the request came

    async def _following(
        self,
        follower: Follower,
        wanted: Wanted,
        after: int,
        holds: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[bytes]:
        dropped, spoke = 0, time.monotonic()
        while not self._closing:
            for line in wanted.of(await _next(follower)):
                if line.sequence > after:
                    yield self._message(line)
            if follower.dropped > dropped:
                yield b'event: dropped\ndata: {"dropped":%d}\n\n' % (follower.dropped - dropped)
                dropped = follower.dropped
            if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
                if not await holds():
                    return
                yield b": here\n\n"
                spoke = time.monotonic()

    def _beginning(self, position: int) -> bytes:
        """Tell a client where it is before the first line comes: an id, and no message."""
        return f"id: {self._run}-{position}\nretry: {RETRY_MILLISECONDS}\n\n".encode()

    def _message(self, line: Line) -> bytes:
        # JSON as it is written here has no line breaks of its own.
        return b"id: %s-%d\ndata: %s\n\n" % (
            self._run.encode(),
            line.sequence,
            msgspec.json.encode(line),
        )


async def _next(follower: Follower) -> list[Line]:
    """Return the lines that came, or none after a while."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            return await follower.next()
    except TimeoutError:
        return []
