"""The bus over the database: queues are rows, and whoever has the database has the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Protocol

from wardian.crypto.identifiers import new_id
from wardian.events.bus import Delivery, Outcome, Settlement, Subscriber
from wardian.events.event import Event, Offered
from wardian.storage import Connection, Database
from wardian.storage.deliveries import DeliveryRepository, renew, waiting
from wardian.storage.queues import OF_PLUGINS, Queues
from wardian.storage.rows import EventRow, SubscriberRow, now


@dataclass(frozen=True, slots=True, kw_only=True)
class BusPolicy:
    """How the bus is bounded.

    Attributes:
        queue_max: events that may wait for one subscriber.
        lease: how long a host may be silent before others take over what it has begun.
    """

    queue_max: int = 10_000
    lease: timedelta = timedelta(seconds=30)


class Audience(Protocol):
    """Those that a bus takes events to.

    Attributes:
        queues: where what waits for them is.
    """

    @property
    def queues(self) -> Queues: ...

    async def wanting(self, connection: Connection, event: EventRow) -> Sequence[SubscriberRow]:
        """Return who is to get an event, in the order of ids: so everybody locks their rows."""
        ...

    async def settled(
        self, connection: Connection, tenant: str, settlements: Sequence[Settlement]
    ) -> None:
        """Write down what else is to be known of deliveries, in the transaction that settles."""
        ...


class Plugins:
    """The plugins that were granted an event's topic."""

    queues = OF_PLUGINS

    async def wanting(self, connection: Connection, event: EventRow) -> Sequence[SubscriberRow]:
        repository = DeliveryRepository(connection, event.tenant)
        return await repository.wanting(f"events:subscribe:{event.topic}")

    async def settled(
        self, connection: Connection, tenant: str, settlements: Sequence[Settlement]
    ) -> None:
        """Nothing else is."""


class DatabaseBus:
    """A `Carrier` for one host, or several that share a database and agree about the time."""

    def __init__(
        self,
        database: Database,
        policy: BusPolicy | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Unless ``audience`` is given, it is the plugins."""
        self._database = database
        self._policy = policy or BusPolicy()
        self._audience = audience or Plugins()
        self._queues = self._audience.queues

    @asynccontextmanager
    async def kept(self, wake: Callable[[Sequence[str]], None]) -> AsyncIterator[None]:
        """Do nothing: what others have queued is found by looking."""
        yield

    def is_available(self) -> bool:
        """Tell that events are delivered: without the database nothing answers at all."""
        return True

    async def offer(self, connection: Connection, event: EventRow) -> Offered:
        """Queue an event for each of those that are to get it."""
        repository = DeliveryRepository(connection, event.tenant, self._queues)
        full: list[str] = []
        queued: list[str] = []
        for subscriber in await self._audience.wanting(connection, event):
            if subscriber.queued >= self._policy.queue_max:
                full.append(subscriber.name)
                await repository.count(subscriber.id, lost=1)
                continue
            await repository.count(subscriber.id, more=1)
            await repository.queue(event, subscriber.id)
            queued.append(subscriber.id)
        return Offered(queued=tuple(queued), full=tuple(full))

    async def waiting(self) -> Sequence[Subscriber]:
        """Return those that have something to handle now, of every tenant."""
        async with self._database.reading() as connection:
            found = await waiting(connection, self._queues)
        return [Subscriber(row.tenant, row.id, row.name) for row in found]

    async def claim(self, subscriber: Subscriber, limit: int) -> Sequence[Delivery]:
        """Lease a subscriber's next events, in order."""
        lease = new_id()
        async with self._database.transaction() as connection:
            repository = DeliveryRepository(connection, subscriber.tenant, self._queues)
            claimed = await repository.claim(
                subscriber.id, owner=lease, until=now() + self._policy.lease, limit=limit
            )
        return [
            Delivery(id=row.id, subscriber=subscriber, lease=lease, event=Event.of(event))
            for row, event in claimed
        ]

    async def renew(self, leases: Iterable[str]) -> None:
        """Have leases last as long again, from now."""
        async with self._database.transaction() as connection:
            await renew(connection, list(leases), now() + self._policy.lease, self._queues)

    async def settle(self, settlements: Sequence[Settlement]) -> int:
        """Say how deliveries went; return how many of them the leases still held for.

        Each tenant's in a transaction of its own, so that none is waited for with another's lock
        in hand; after an error, all of it may be said again.
        """
        held = 0
        for tenant, of_tenant in groupby(sorted(settlements, key=_group), key=_tenant):
            settled = list(of_tenant)
            async with self._database.transaction() as connection:
                repository = DeliveryRepository(connection, tenant, self._queues)
                for _, group in groupby(settled, key=_group):
                    held += await _settle(repository, list(group))
                await self._audience.settled(connection, tenant, settled)
        return held


def _tenant(settlement: Settlement) -> str:
    return settlement.delivery.subscriber.tenant


def _group(settlement: Settlement) -> tuple[str, str, str, str]:
    delivery = settlement.delivery
    subscriber = delivery.subscriber
    return subscriber.tenant, subscriber.id, delivery.lease, settlement.outcome


async def _settle(repository: DeliveryRepository, group: Sequence[Settlement]) -> int:
    """Settle deliveries of one subscriber and lease that went the same way."""
    _, receiver_id, lease, outcome = _group(group[0])
    ids = [each.delivery.id for each in group]
    if outcome == Outcome.DONE:
        return await repository.done(receiver_id, lease, ids)
    if outcome == Outcome.DROP:
        return await repository.drop(receiver_id, lease, ids)
    if outcome == Outcome.DEAD:
        return sum(
            [
                await repository.bury(receiver_id, lease, each.delivery.id, each.reason)
                for each in group
            ]
        )
    return sum(
        [
            await repository.put_back(
                lease,
                each.delivery.id,
                not_before=now() + each.after,
                reason=each.reason if outcome == Outcome.RETRY else None,
            )
            for each in group
        ]
    )
