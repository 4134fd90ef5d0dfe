"""Follow the events of one tenant: from a position on, in order, and none left out.

A page at a time, and only when whoever follows has taken the page before: one that is slow holds
neither the database nor a queue, and is told later, and of everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from wardian.events.event import Event
from wardian.events.events import Events
from wardian.events.topics import check_pattern, matches

LOOKS_SECONDS = 0.5
"""How long it takes at most until an event is seen that another host has stored."""

_PAGE = 20
"""Events that are in memory for whoever follows; each may have a quarter of a MiB."""


class Following:
    """Reads on in a tenant's outbox, and sleeps while there is nothing new.

    Attributes:
        position: of the last event that was looked at, whether it fitted or not.
    """

    def __init__(self, events: Events, tenant: str, pattern: str, after: int) -> None:
        """Begin behind the position ``after``.

        Raises:
            InvalidArguments: not a pattern of topics.
        """
        check_pattern(pattern)
        self.tenant = tenant
        self.pattern = pattern
        self.position = after
        self._events = events
        self._moved = asyncio.Event()
        self._is_behind = True

    def open(self) -> None:
        """Hear at once of what this process publishes, until `close`."""
        self._events.subscribe("*", self._hear)

    def close(self) -> None:
        """Hear nothing any more."""
        self._events.unsubscribe("*", self._hear)

    def wake(self) -> None:
        """Have `next` answer now."""
        self._moved.set()

    async def next(self) -> Sequence[Event]:
        """Return the next events that fit, if some came within `LOOKS_SECONDS`.

        Raises:
            WardianError: the database did not answer. Nothing is lost by asking again.
        """
        if not self._is_behind:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_SECONDS):
                    await self._moved.wait()
        self._moved.clear()
        page = await self._events.after(self.tenant, self.position, _PAGE)
        self._is_behind = len(page) == _PAGE
        if page:
            self.position = page[-1].position
        return [event for event in page if matches(self.pattern, event.topic)]

    def _hear(self, event: Event) -> None:
        if event.tenant == self.tenant:
            self._moved.set()
