"""The carrier: what takes events from whoever publishes them to those that receive them.

The outbox is the database's, whichever carrier it is: an event is stored with what caused it. A
carrier takes it from there, gives it out under a lease, and hears how it went. `DatabaseBus` is the
one that needs nothing but the database; `wardian.events.nats_bus` has another, for several hosts.
Those who publish and subscribe speak to `EventBus`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from wardian.events.event import Event, Offered
from wardian.storage import Connection
from wardian.storage.rows import AttemptRow, EventRow


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A plugin, or an endpoint of a host app, as the receiver of events.

    Attributes:
        name: the plugin's; of an endpoint its id again.
    """

    tenant: str
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one subscriber; `Event.attempt` counts this time, too.

    Attributes:
        lease: whoever settles the delivery shows it, and nobody else can.
    """

    id: str
    subscriber: Subscriber
    lease: str
    event: Event


class Outcome(StrEnum):
    """How a delivery went."""

    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"
    RELEASE = "release"
    """It was not begun, and this does not count as an attempt."""
    DROP = "drop"
    """It is not the subscriber's to have any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is to become of a delivery.

    Attributes:
        after: how long it waits before it is tried again.
        record: what an endpoint's bus writes down with it.
    """

    delivery: Delivery
    outcome: Outcome
    reason: str = ""
    after: timedelta = timedelta()
    record: AttemptRow | None = None


class Carrier(Protocol):
    """Delivers at least once, and in order of each key."""

    def kept(self, wake: Callable[[Sequence[str]], None]) -> AbstractAsyncContextManager[None]:
        """Deliver while this is open.

        ``wake`` is called with the ids of plugins, or none of them for any, when others have queued
        something; a bus that does not hear of others never calls it.
        """
        ...

    def is_available(self) -> bool:
        """Tell whether events are delivered now; they wait where they are not."""
        ...

    async def offer(self, connection: Connection, event: EventRow) -> Offered:
        """Take an event within the transaction that stores it."""
        ...

    async def waiting(self) -> Sequence[Subscriber]:
        """Return those that have something to handle now, of every tenant."""
        ...

    async def claim(self, subscriber: Subscriber, limit: int) -> Sequence[Delivery]:
        """Lease a subscriber's next events, in order.

        Nobody else gets them, nor later ones of their keys, before they are settled or their
        lease ends. Those of one key are to be handled one after the other.
        """
        ...

    async def renew(self, leases: Iterable[str]) -> None:
        """Have leases last as long again, from now."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> int:
        """Say how deliveries went; return how many of them the leases still held for.

        Of a delivery whose lease has ended nothing changes: it is somebody else's by now.
        """
        ...
