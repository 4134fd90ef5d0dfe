"""The bus over NATS JetStream: hosts are given events by it, and the database keeps the record.

Rows that may be handled are leased in the database as by `DatabaseBus`, and put onto the stream in
parcels, one message for what is leased of one key. So JetStream never has two messages of a key,
and whoever receives one keeps the key's order. A message has no event in it, only the lease and
the names of the rows: what receives it reads those that the lease still holds for.

What a host does not settle JetStream gives to another, who takes the lease over by a name of its
own; from then on what the first says changes nothing. What fails waits in the database, and is put
onto the stream again when its time comes. What JetStream loses is found in the database.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import msgspec

from wardian.crypto.identifiers import new_id
from wardian.events.bus import Delivery, Settlement, Subscriber
from wardian.events.database_bus import BusPolicy, DatabaseBus
from wardian.events.event import Event, Offered
from wardian.events.jetstream import JetStream, Message, StreamError
from wardian.storage import Connection, Database
from wardian.storage.deliveries import DeliveryRepository, renew, waiting
from wardian.storage.parcels import (
    RECEIPTS_MAX,
    LeasedRow,
    ParcelRepository,
    is_of,
    lease_name,
)
from wardian.storage.rows import DeliveryRow, EventRow, now

FED_MAX = 128
"""Events of one plugin that are put onto the stream at a time; the rest waits in the database."""

PULLED_AT_ONCE = 16
"""Messages that are asked for at a time, because nobody knows how many events are in them."""

LOST_AFTER = 10
"""After so many times its lease without a word from whoever has it, a parcel is taken for lost."""

_log = logging.getLogger("wardian.events")

_LEASE = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Parcel(msgspec.Struct, frozen=True):
    """What is in a message: the lease that its rows had when it was made, and which they are."""

    lease: Annotated[str, msgspec.Meta(pattern=_LEASE)]
    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=FED_MAX)]


@dataclass(slots=True)
class _Received:
    """A message that is not acknowledged yet, and what is not settled of it."""

    message: Message
    lease: str
    open: set[str] = field(default_factory=set)


class NatsBus:
    """A `Carrier` for several hosts on one database and one NATS."""

    def __init__(
        self, database: Database, stream: JetStream, policy: BusPolicy | None = None
    ) -> None:
        """``stream`` gives what is not kept to others after the policy's lease."""
        self._database = database
        self._stream = stream
        self._policy = policy or BusPolicy()
        self._record = DatabaseBus(database, self._policy)
        self._received: dict[tuple[str, str], _Received] = {}

    @asynccontextmanager
    async def kept(self, wake: Callable[[Sequence[str]], None]) -> AsyncIterator[None]:
        """Stay connected while this is open; ``wake`` is called when there is something."""
        async with self._stream.kept(lambda told: wake([told] if told else [])):
            yield

    def is_available(self) -> bool:
        """Tell whether events are delivered now; they wait where they are not."""
        return self._stream.is_connected

    async def offer(self, connection: Connection, event: EventRow) -> Offered:
        """Queue an event in the database for each plugin that was granted its topic."""
        return await self._record.offer(connection, event)

    async def waiting(self) -> Sequence[Subscriber]:
        """Return those that have something to handle now, also what others have begun."""
        if not self._stream.is_connected:
            return []
        async with self._database.reading() as connection:
            found = await waiting(connection, begun=True)
        return [Subscriber(row.tenant, row.id, row.name) for row in found]

    async def claim(self, subscriber: Subscriber, limit: int) -> Sequence[Delivery]:
        """Receive a subscriber's next events, in order.

        The database is asked for more only when the stream has none. While NATS does not answer
        there is nothing more, and what was received before goes on.
        """
        batch: list[Delivery] = []
        try:
            await self._receive(subscriber, limit, batch)
            if len(batch) < limit and await self._feed(subscriber):
                await self._receive(subscriber, limit, batch)
        except StreamError as error:
            _log.warning("Events for %s wait: %s", subscriber.name, error)
        return batch

    async def renew(self, leases: Iterable[str]) -> None:
        """Have leases last as long again, from now."""
        renewed = set(leases)
        for received in {id(each): each for each in self._received.values()}.values():
            if received.lease in renewed:
                await received.message.keep()
        await self._hold(list(renewed))

    async def settle(self, settlements: Sequence[Settlement]) -> int:
        """Say how deliveries went; return how many of them the leases still held for.

        The database decides that. Where one was somebody else's by then, no message is
        acknowledged: it is theirs, or comes once more and is found to be empty.
        """
        held = await self._record.settle(settlements)
        for settlement in settlements:
            delivery = settlement.delivery
            received = self._received.pop((delivery.lease, delivery.id), None)
            if received is None:
                continue
            received.open.discard(delivery.id)
            if not received.open and held == len(settlements):
                await received.message.acknowledge()
        return held

    async def _feed(self, subscriber: Subscriber) -> bool:
        """Put what may be handled onto the stream; tell whether there was something."""
        lease = new_id()
        async with self._database.transaction() as connection:
            repository = DeliveryRepository(connection, subscriber.tenant)
            # No longer than that, until the stream has it: this host may be killed before.
            until = now() + self._policy.lease
            rows = await repository.claim(subscriber.id, owner=lease, until=until, limit=FED_MAX)
        if not rows:
            return False
        try:
            await self._stream.publish(_subject(self._stream, subscriber), _messages(lease, rows))
        except (StreamError, CancelledError):
            await self._give_back(subscriber, lease, [row.id for row, _ in rows])
            raise
        await self._hold([lease])
        await self._stream.tell(subscriber.id)
        return True

    async def _receive(self, subscriber: Subscriber, limit: int, batch: list[Delivery]) -> None:
        """Add to a batch what is on the stream, up to ``limit`` in all."""
        subject = _subject(self._stream, subscriber)
        is_dry = False
        while not is_dry and len(batch) < limit:
            asked = min(limit - len(batch), PULLED_AT_ONCE)
            messages = await self._stream.pull(subject, asked)
            is_dry = len(messages) < asked
            if messages:
                batch += await self._opened(subscriber, messages, limit - len(batch))

    async def _opened(
        self, subscriber: Subscriber, messages: Sequence[Message], limit: int
    ) -> list[Delivery]:
        """Return up to ``limit`` events of what is left of these messages."""
        parcels = [(message, await _parcel(message)) for message in messages]
        found = [(message, parcel) for message, parcel in parcels if parcel is not None]
        async with self._database.reading() as connection:
            repository = ParcelRepository(connection, subscriber.tenant)
            is_paused = await repository.is_paused(subscriber.id)
            ids = [each for _, parcel in found for each in parcel.ids]
            leased = await repository.leased(subscriber.id, ids)
        batch: list[Delivery] = []
        for message, parcel in found:
            mine = [row for row in leased if row[1].id in parcel.ids]
            room = 0 if is_paused else limit - len(batch)
            batch += await self._open(subscriber, message, parcel, mine, room)
        return batch

    async def _open(
        self,
        subscriber: Subscriber,
        message: Message,
        parcel: Parcel,
        leased: Sequence[LeasedRow],
        room: int,
    ) -> list[Delivery]:
        lease = lease_name(parcel.lease, message.received)
        if message.received > 1 and any(is_of(parcel.lease, row[0]) for row in leased):
            leased = await self._take_over(subscriber, parcel, message.received)
        rows = [row for row in leased if row[0] == lease]
        if not rows:
            # Nothing is left, unless somebody has it who received it after us.
            if not any(is_of(parcel.lease, row[0]) for row in leased):
                await message.acknowledge()
            return []
        if len(rows) > room:
            await self._give_back(subscriber, lease, [row.id for _, row, _ in rows[room:]])
        received = _Received(message, lease, {row.id for _, row, _ in rows[:room]})
        if not received.open:
            await message.acknowledge()
        self._received.update({(lease, each): received for each in received.open})
        return [
            Delivery(id=row.id, subscriber=subscriber, lease=lease, event=Event.of(event))
            for _, row, event in rows[:room]
        ]

    async def _take_over(
        self, subscriber: Subscriber, parcel: Parcel, received: int
    ) -> list[LeasedRow]:
        """Take the lease of a parcel over from whoever received it before."""
        async with self._database.transaction() as connection:
            return await ParcelRepository(connection, subscriber.tenant).take_over(
                subscriber.id,
                parcel.lease,
                parcel.ids,
                received=received,
                until=self._lost_at(),
            )

    async def _give_back(self, subscriber: Subscriber, lease: str, ids: Sequence[str]) -> None:
        async with self._database.transaction() as connection:
            await ParcelRepository(connection, subscriber.tenant).give_back(lease, ids)

    async def _hold(self, leases: Sequence[str]) -> None:
        async with self._database.transaction() as connection:
            await renew(connection, leases, self._lost_at())

    def _lost_at(self) -> datetime:
        return now() + self._policy.lease * LOST_AFTER


def _subject(stream: JetStream, subscriber: Subscriber) -> str:
    return stream.subject(subscriber.tenant, subscriber.id)


def _messages(lease: str, rows: Sequence[tuple[DeliveryRow, EventRow]]) -> dict[str, bytes]:
    """Put what is of one key together, in order; what has no key stands alone."""
    parcels: dict[str, list[str]] = {}
    for row, event in rows:
        key = f"id:{row.id}" if event.key is None else f"key:{event.key}"
        parcels.setdefault(key, []).append(row.id)
    return {
        f"{lease}.{number}": msgspec.json.encode(Parcel(lease, ids))
        for number, ids in enumerate(parcels.values())
    }


async def _parcel(message: Message) -> Parcel | None:
    """Return what is in a message; one that is none of ours is removed."""
    try:
        if message.received > RECEIPTS_MAX:
            raise ValueError
        return msgspec.json.decode(message.data, type=Parcel)
    except ValueError:
        _log.warning("A message on the stream of events is no parcel of ours, and is removed.")
        await message.acknowledge()
        return None
