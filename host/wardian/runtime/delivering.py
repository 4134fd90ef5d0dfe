"""All that takes events to plugins, put together and kept going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

from wardian.events import Events, Kind, Subscriber
from wardian.plugins import Registry
from wardian.runtime.calls import Calls
from wardian.runtime.deliveries import Deliveries
from wardian.runtime.dispatch import Dispatcher, DispatchParts
from wardian.runtime.drops import Drops
from wardian.runtime.entrance import Entrance
from wardian.runtime.event_upkeep import EventUpkeep, Retention
from wardian.runtime.handling import Handling, RetryPolicy
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.tenants import Tenants
from wardian.vault.watch import Watch

AT_ONCE_PER_TENANT = 4
"""Events of one tenant that are handled at a time: they leave workers to those who wait."""


class TenantTurns:
    """The turns that the plugins of one tenant take."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def __call__(self, subscriber: Subscriber) -> asyncio.Semaphore:
        """Return what a subscriber holds while it handles an event."""
        return self._turns.setdefault(subscriber.tenant, asyncio.Semaphore(AT_ONCE_PER_TENANT))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveringParts:
    """What events are delivered with."""

    database: Database
    events: Events
    registry: Registry
    journal: Journal
    tenants: Tenants
    calls: Calls
    entrance: Entrance
    drops: Drops
    watch: Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveringPolicy:
    """What the operator set for it."""

    retries: RetryPolicy
    retention: Retention
    lease_seconds: float


class Delivering:
    """Takes events to plugins.

    Attributes:
        deliveries: what operators see of it, and change.
    """

    def __init__(self, parts: DeliveringParts, policy: DeliveringPolicy) -> None:
        self.drops = parts.drops
        self.upkeep = EventUpkeep(parts.database, parts.tenants, policy.retention)
        self.dispatcher = Dispatcher(
            DispatchParts(
                bus=parts.events.bus,
                handling=Handling(
                    parts.registry, parts.entrance, parts.calls, parts.watch, policy.retries
                ),
                turns=TenantTurns(),
                dropped=partial(parts.drops.settled, Kind.PLUGIN),
                settled=parts.drops.delivered,
                lease_seconds=policy.lease_seconds,
            )
        )
        self.deliveries = Deliveries(
            parts.database, parts.registry, parts.journal, self.dispatcher.wake
        )
        parts.events.connect(queued=self.dispatcher.wake, drop=parts.drops.note)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Deliver, tell what is dropped, and remove what is old, while this is open."""
        async with self.drops.kept(), self.upkeep.kept(), self.dispatcher.kept():
            yield
