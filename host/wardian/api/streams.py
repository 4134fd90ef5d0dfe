"""Streams of events to host apps: Server-Sent Events, bounded, resumable, over when the host is.

https://html.spec.whatwg.org/multipage/server-sent-events.html: the id of a message is the position
of its event, and a client that comes back says the last one it has. A stream reads on from there,
as `wardian.events.following` does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import msgspec

from wardian.errors import RateLimited
from wardian.events import Event, Events
from wardian.events.cloud import cloud_event
from wardian.events.following import Following
from wardian.tenants import Caller

HEARTBEAT_SECONDS = 15.0
"""How often a stream without events says that it is there, and whether its key still holds."""

RETRY_MILLISECONDS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client wants to be told.

    Attributes:
        after: the position of the last event that it has.
    """

    tenant: str
    pattern: str
    after: int


class Followed(Protocol):
    """What a stream tells of."""

    def open(self) -> None:
        """Hear of what comes, until `close`."""

    def close(self) -> None:
        """Hear nothing any more."""

    def wake(self) -> None:
        """Have whoever waits look now."""


class Streams:
    """The streams that are open on this host."""

    def __init__(self, streams_max: int) -> None:
        """A tenant may have ``streams_max``, and the holder of one key a quarter of that."""
        self._tenant_max = streams_max
        self._key_max = max(1, streams_max // 4)
        self._open: Counter[tuple[str, str]] = Counter()
        self._followed: set[Followed] = set()
        self._closing = False

    def close(self) -> None:
        """End every stream now, and let none begin."""
        self._closing = True
        for following in self._followed:
            following.wake()

    def check_room(self, caller: Caller) -> None:
        """Check that a caller may open one more stream.

        Raises:
            RateLimited: as many are open as may be.
        """
        full = self._full(caller)
        if full is not None:
            kind, most = full
            raise RateLimited(
                f"{most} streams of this {kind} are open, which is as many as may be. Close one; "
                "see WARDIAN_EVENT_STREAMS_MAX."
            )

    def _full(self, caller: Caller) -> tuple[str, int] | None:
        for kind, name, most in self._bounds(caller):
            if self._open[kind, name] >= most:
                return kind, most
        return None

    async def messages(
        self, events: Events, caller: Caller, wanted: Wanted, holds: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """Tell a client of events until it goes, its key ``holds`` no more, or the host ends."""
        if self._full(caller) is not None:
            return  # others were quicker since the request came
        following = Following(events, wanted.tenant, wanted.pattern, wanted.after)
        with self.opened(caller, following):
            yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
            spoke = time.monotonic()
            while not self._closing:
                for event in await following.next():
                    yield _message(event)
                if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
                    if not await holds():
                        return
                    yield f": at {following.position}\n\n".encode()
                    spoke = time.monotonic()

    @property
    def is_closing(self) -> bool:
        """Whether every stream is to end now."""
        return self._closing

    @contextmanager
    def opened(self, caller: Caller, following: Followed) -> Iterator[None]:
        """Count a stream while it is open, and wake what it follows when the host ends.

        `check_room` comes before.
        """
        following.open()
        self._followed.add(following)
        for kind, name, _ in self._bounds(caller):
            self._open[kind, name] += 1
        try:
            yield
        finally:
            self._followed.discard(following)
            following.close()
            for kind, name, _ in self._bounds(caller):
                self._open[kind, name] -= 1
                if not self._open[kind, name]:
                    del self._open[kind, name]

    def _bounds(self, caller: Caller) -> tuple[tuple[str, str, int], ...]:
        return (("tenant", caller.tenant, self._tenant_max), ("key", caller.key_id, self._key_max))


def _message(event: Event) -> bytes:
    # JSON has no line breaks of its own here, but data is the text that somebody published.
    told = msgspec.json.format(msgspec.json.encode(cloud_event(event)), indent=-1)
    return b"id: %d\ndata: %s\n\n" % (event.position, told)
