"""The lane of one subscriber: what waits is claimed, handled and settled, until nothing waits.

What is of one key is handled in order, and the rest beside it; more is claimed while there is room,
so that one event that takes long holds up those of its key alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from wardian.errors import WardianError
from wardian.events import (
    Carrier,
    Delivery,
    Outcome,
    Settlement,
    Subscriber,
)
from wardian.runtime.settling import Settling

HELD_MAX = 64
"""Events of one subscriber that a host holds at a time."""

ROOM_MIN = HELD_MAX // 2
"""More are claimed once there is room for so many: each time is a transaction."""

GATHER_SECONDS = 0.02
"""At least so long is between two claims of a lane, in which more may come."""

PUT_OFF_SECONDS = 1.0
"""How long an event waits that could not be handled for no fault of the subscriber's."""

Turn = AbstractAsyncContextManager[Any]
"""Held while an event is handled; it may be entered again by others meanwhile."""

Dropped = Callable[[Settlement], None]

_log = logging.getLogger("wardian.events")


class Handler(Protocol):
    """Gives events to subscribers."""

    async def takes_events(self, tenant: str, name: str) -> bool:
        """Tell whether a subscriber takes events now."""
        ...

    async def handle(self, delivery: Delivery) -> Settlement:
        """Have a subscriber handle an event, and return what is to become of the delivery."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What a lane delivers with."""

    bus: Carrier
    handling: Handler
    settling: Settling
    dropped: Dropped


class Lane:
    """Delivers events to one subscriber."""

    def __init__(self, subscriber: Subscriber, parts: LaneParts, turn: Turn) -> None:
        """``turn`` is held while an event is handled."""
        self._subscriber = subscriber
        self._parts = parts
        self._turn = turn
        self._held: dict[str, Delivery] = {}
        self._chains: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()
        self.has_more = False

    @property
    def leases(self) -> set[str]:
        """The leases of what is held now."""
        return {delivery.lease for delivery in self._held.values()}

    def wake(self) -> None:
        """Look again, because something has come."""
        self.has_more = True
        self._moved.set()

    async def run(self) -> None:
        """Deliver until nothing more can be delivered now.

        What is held when this is cancelled is given back.
        """
        was_full = True
        try:
            while True:
                self._moved.clear()
                if self._may_claim(was_full):
                    self.has_more = False
                    was_full = await self._claim()
                if not self._chains:
                    return
                await asyncio.sleep(GATHER_SECONDS)
                await self._moved.wait()
        except WardianError as error:
            _log.warning("Events for %s wait: %s", self._subscriber.name, error)
        finally:
            await self._end()

    def _may_claim(self, was_full: bool) -> bool:
        has_room = HELD_MAX - len(self._held) >= ROOM_MIN
        # Once all are settled, what waited for them may be free.
        return has_room and (was_full or self.has_more or not self._chains)

    async def _claim(self) -> bool:
        """Begin what can be begun; tell whether there may be more of it."""
        subscriber, parts = self._subscriber, self._parts
        if not await parts.handling.takes_events(subscriber.tenant, subscriber.name):
            return False
        limit = HELD_MAX - len(self._held)
        batch = await parts.bus.claim(subscriber, limit)
        for chain in _chains(batch):
            self._held.update({delivery.id: delivery for delivery in chain})
            task = asyncio.create_task(self._handle(chain), name=f"wardian-event {subscriber.name}")
            self._chains.add(task)
            task.add_done_callback(self._ended)
        return len(batch) == limit

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._chains.discard(task)
        self._moved.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("An event was not handled.", exc_info=task.exception())

    async def _handle(self, chain: Sequence[Delivery]) -> None:
        """Handle events of one key, until one of them has to wait; the rest waits with it."""
        after = timedelta()
        try:
            for delivery in chain:
                async with self._turn:
                    settlement = await self._parts.handling.handle(delivery)
                self._settle(settlement)
                if settlement.outcome in (Outcome.RETRY, Outcome.RELEASE):
                    break
        except Exception:
            after = timedelta(seconds=PUT_OFF_SECONDS)  # what is broken is not tried at once
            raise
        finally:
            for delivery in chain:
                if delivery.id in self._held:
                    self._settle(
                        Settlement(delivery=delivery, outcome=Outcome.RELEASE, after=after)
                    )
        await self._parts.settling.settled()

    def _settle(self, settlement: Settlement) -> None:
        delivery = settlement.delivery
        del self._held[delivery.id]
        self._parts.settling.add(settlement)
        if settlement.outcome is Outcome.DROP:
            self._parts.dropped(settlement)

    async def _end(self) -> None:
        ending = list(self._chains)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for delivery in list(self._held.values()):  # of chains that were ended before they began
            self._settle(Settlement(delivery=delivery, outcome=Outcome.RELEASE))


def _chains(batch: Sequence[Delivery]) -> list[list[Delivery]]:
    """Put what is of one key together, in order; what has no key stands alone."""
    chains: dict[str, list[Delivery]] = {}
    for delivery in batch:
        key = delivery.event.key
        chains.setdefault(f"id:{delivery.id}" if key is None else f"key:{key}", []).append(delivery)
    return list(chains.values())
