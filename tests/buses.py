"""Event buses of each kind, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol

from wardian.events import BusPolicy, Carrier, DatabaseBus, Delivery, Events, Subscriber
from wardian.events.jetstream import JetStream
from wardian.events.nats_bus import NatsBus
from wardian.events.stream_place import Place
from wardian.storage import Database

ENDED = timedelta(seconds=0.1)
"""A lease that nobody renews, and that ends soon."""

WAIT_SECONDS = 20.0


class BusOver(Protocol):
    """Makes a bus over a database."""

    async def __call__(self, database: Database, **policy: Any) -> tuple[Carrier, Events]: ...


async def over_the_database(database: Database, **policy: Any) -> tuple[Carrier, Events]:
    bus = DatabaseBus(database, BusPolicy(**policy))
    return bus, Events(database, bus)


@asynccontextmanager
async def over_nats(
    database: Database, place: Place, **policy: Any
) -> AsyncIterator[tuple[NatsBus, Events]]:
    chosen = BusPolicy(**policy)
    stream = JetStream(place, wait_seconds=chosen.lease.total_seconds())
    bus, woken = NatsBus(database, stream, chosen), asyncio.Event()
    async with bus.kept(lambda plugin_ids: woken.set()):
        async with asyncio.timeout(WAIT_SECONDS):
            await woken.wait()
        yield bus, Events(database, bus)


async def claimed(bus: Carrier, subscriber: Subscriber, limit: int = 10) -> Sequence[Delivery]:
    """Claim until there is something, such as when somebody's lease has ended."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not (batch := await bus.claim(subscriber, limit)):
            await asyncio.sleep(0.01)
        return batch
