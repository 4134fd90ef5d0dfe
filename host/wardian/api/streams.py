"""Streams of events to host apps: Server-Sent Events, bounded, resumable, over when the host is.

https://html.spec.whatwg.org/multipage/server-sent-events.html: the id of a message is the position
of its event, and a client that comes back says the last one it has. A stream reads on from there,
as `wardian.events.following` does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from wardian.errors import RateLimited
from wardian.events import Event, Events
from wardian.events.cloud import cloud_event
from wardian.events.following import Following
from wardian.tenants import Caller

HEARTBEAT_SECONDS = 15.0
"""How often a stream without events says that it is there, and whether its key still holds."""

RETRY_MILLISECONDS = 2_000

STREAMED: dict[str, Any] = {
    "schema": {
        "type": "object",
        "description": "One message of the stream.",
        "required": ["data"],
        "properties": {
            "event": {"type": "string"},
            "id": {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }
}
"""How a stream is described. OpenAPI before 3.2 has no word for a part of a stream, and what reads
its documents takes the schema of a stream to be that of each message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client wants to be told.

    Attributes:
        after: the position of the last event that it has.
    """

    tenant: str
    pattern: str
    after: int


class Wakeable(Protocol):
    """What a stream waits for, and is to wait for no longer when the host ends."""

    def wake(self) -> None:
        """Have who waits look."""
        ...


class Streams:
    """The streams that are open on this host.

    Attributes:
        closing: whether each is to end now.
    """

    def __init__(self, streams_max: int) -> None:
        """A tenant may have ``streams_max``, and the holder of one key a quarter of that."""
        self._tenant_max = streams_max
        self._key_max = max(1, streams_max // 4)
        self._open: Counter[tuple[str, str]] = Counter()
        self._followed: set[Wakeable] = set()
        self.closing = False

    def close(self) -> None:
        """End every stream now, and let none begin."""
        self.closing = True
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
        following.open()
        with self.held(caller, following), closing(following):
            yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
            spoke = time.monotonic()
            while not self.closing:
                for event in await following.next():
                    yield _message(event)
                if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
                    if not await holds():
                        return
                    yield f": at {following.position}\n\n".encode()
                    spoke = time.monotonic()

    @contextmanager
    def held(self, caller: Caller, following: Wakeable) -> Iterator[None]:
        """Count a caller's stream while this is open, and wake it at the host's end.

        Raises:
            RateLimited: as many are open as may be.
        """
        self.check_room(caller)
        self._followed.add(following)
        for kind, name, _ in self._bounds(caller):
            self._open[kind, name] += 1
        try:
            yield
        finally:
            self._followed.discard(following)
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
