"""Streams of events to host apps: Server-Sent Events, bounded, resumable, over when the host is.

https://html.spec.whatwg.org/multipage/server-sent-events.html: the id of a message is the position
of its event, and a client that comes back says the last one it has. A stream reads on from there,
a page at a time, and only when the client has taken the page before: one that reads slowly holds
neither the database nor a queue.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import msgspec

from wardian.errors import RateLimited
from wardian.events import Event, Events, matches
from wardian.events.cloud import cloud_event
from wardian.tenants import Caller

LOOKS_SECONDS = 0.5
"""How long it takes at most until an event is seen that another host has stored."""

HEARTBEAT_SECONDS = 15.0
"""How often a stream without events says that it is there, and whether its key still holds."""

RETRY_MILLISECONDS = 2_000
_PAGE = 20
"""Events that a stream holds while its client takes them; each may have a quarter of a MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client wants to be told.

    Attributes:
        after: the position of the last event that it has.
    """

    tenant: str
    pattern: str
    after: int


class Streams:
    """The streams that are open on this host."""

    def __init__(self, streams_max: int) -> None:
        """A tenant may have ``streams_max``, and the holder of one key a quarter of that."""
        self._tenant_max = streams_max
        self._key_max = max(1, streams_max // 4)
        self._open: Counter[tuple[str, str]] = Counter()
        self._moved: set[asyncio.Event] = set()
        self._closing = False

    def close(self) -> None:
        """End every stream now, and let none begin."""
        self._closing = True
        for moved in self._moved:
            moved.set()

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
        with self._opened(caller) as moved, _listening(events, wanted.tenant, moved):
            yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
            position, spoke = wanted.after, time.monotonic()
            while not self._closing:
                moved.clear()
                page = await events.after(wanted.tenant, position, _PAGE)
                for event in page:
                    position = event.position
                    if matches(wanted.pattern, event.topic):
                        yield _message(event)
                if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
                    if not await holds():
                        return
                    yield f": at {position}\n\n".encode()
                    spoke = time.monotonic()
                if len(page) < _PAGE and not self._closing:
                    await _wait(moved)

    @contextmanager
    def _opened(self, caller: Caller) -> Iterator[asyncio.Event]:
        moved = asyncio.Event()
        self._moved.add(moved)
        for kind, name, _ in self._bounds(caller):
            self._open[kind, name] += 1
        try:
            yield moved
        finally:
            self._moved.discard(moved)
            for kind, name, _ in self._bounds(caller):
                self._open[kind, name] -= 1
                if not self._open[kind, name]:
                    del self._open[kind, name]

    def _bounds(self, caller: Caller) -> tuple[tuple[str, str, int], ...]:
        return (("tenant", caller.tenant, self._tenant_max), ("key", caller.key_id, self._key_max))


@contextmanager
def _listening(events: Events, tenant: str, moved: asyncio.Event) -> Iterator[None]:
    def hear(event: Event) -> None:
        if event.tenant == tenant:
            moved.set()

    leave = events.subscribe("*", hear)
    try:
        yield
    finally:
        leave()


async def _wait(moved: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOKS_SECONDS):
            await moved.wait()


def _message(event: Event) -> bytes:
    # JSON has no line breaks of its own here, but data is the text that somebody published.
    told = msgspec.json.format(msgspec.json.encode(cloud_event(event)), indent=-1)
    return b"id: %d\ndata: %s\n\n" % (event.position, told)
