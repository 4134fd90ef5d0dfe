"""Publish events into the outbox; tell this process of those that concern it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wardian.crypto.identifiers import new_id
from wardian.errors import InvalidArguments
from wardian.events.bus import Carrier
from wardian.events.database_bus import DatabaseBus
from wardian.events.event import MAX_DATA_BYTES, Event
from wardian.events.limits import Drop, DropReason, Kind
from wardian.events.topics import check_pattern, check_topic, matches
from wardian.storage import Connection, Database
from wardian.storage.documents import dump_json, parse_json
from wardian.storage.events import HOST, EventRepository
from wardian.storage.rows import EventRow, now

MAX_KEY_CHARS = 256
MAX_CORRELATION_CHARS = 200
PAGE_MAX = 100
LOOKED_AT_MAX = 5_000
"""How many events one question looks through for those that fit its pattern."""

_OWN_KEPT = 1000  # one that is forgotten is announced twice, which does no harm

_log = logging.getLogger("wardian.events")

Subscriber = Callable[["Event"], None]


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Some events, and the position to go on from; None at the end."""

    events: Sequence[Event]
    next: int | None


class Events:
    """The events of every tenant.

    Attributes:
        bus: takes them to plugins.
        endpoints: takes them to endpoints of host apps; None where there are none.
    """

    def __init__(
        self, database: Database, bus: Carrier | None = None, endpoints: Carrier | None = None
    ) -> None:
        """Unless ``bus`` is given, it is one over the database."""
        self._database = database
        self.bus = bus or DatabaseBus(database)
        self.endpoints = endpoints
        self._subscribers: list[tuple[str, Subscriber]] = []
        self._drop: Callable[[Drop], None] = lambda drop: None
        self._queued: Callable[[Sequence[str]], None] = lambda plugin_ids: None
        self._to_post: Callable[[Sequence[str]], None] = lambda endpoint_ids: None
        self._own: dict[str, None] = {}

    async def publish(  # noqa: PLR0913 -- an envelope has this many fields, each with a default
        self,
        tenant: str,
        topic: str,
        data: str,
        *,
        source: str = HOST,
        correlation_id: str | None = None,
        key: str | None = None,
        hops: int = 0,
        origin: str | None = None,
    ) -> Event:
        """Store one event; it is durable when this returns.

        Args:
            data: JSON text.
            key: events of the same key are delivered in order.
            hops, origin: how many events led to this one, and the id of the first.

        Raises:
            InvalidArguments: not a topic, not a key, or not JSON text of up to 256 KiB.
        """
        row = _row(
            tenant,
            topic,
            data,
            source=source,
            correlation_id=correlation_id,
            key=key,
            hops=hops,
            origin=origin,
        )
        async with self._database.transaction() as connection:
            event = await self._store(connection, row)
        self.announce(event)
        return event

    async def publish_within(
        self,
        connection: Connection,
        tenant: str,
        topic: str,
        data: str,
        *,
        source: str,
        correlation_id: str | None = None,
    ) -> Event:
        """Store one event within an open transaction; for the rest see `publish`.

        Pass the answer to `announce` once the transaction has been committed, and not before.
        """
        row = _row(tenant, topic, data, source=source, correlation_id=correlation_id)
        return await self._store(connection, row)

    async def record(
        self,
        connection: Connection,
        tenant: str,
        topic: str,
        data: Any,
        *,
        correlation_id: str,
        source: str = HOST,
    ) -> Event:
        """Store an event, the host's own unless it has another source, within an open transaction.

        Pass the answer to `announce` once the transaction has been committed, and not before.
        """
        check_topic(topic)
        row = EventRow(
            id=new_id(),
            tenant=tenant,
            topic=topic,
            source=source,
            time=now(),
            correlation_id=correlation_id[:MAX_CORRELATION_CHARS],
            key=None,
            attempt=1,
            data=dump_json(data),
        )
        parse_json(row.data, max_bytes=MAX_DATA_BYTES)
        return await self._store(connection, row)

    def is_own(self, event_id: str) -> bool:
        """Tell whether this process has recorded an event lately, and so announces it itself."""
        return event_id in self._own

    def announce(self, event: Event) -> None:
        """Tell the subscribers of this process, in the order in which they came."""
        self._tell_bus(event)
        for pattern, subscriber in tuple(self._subscribers):
            if matches(pattern, event.topic):
                try:
                    subscriber(event)
                except Exception:  # noqa: BLE001 -- the event is committed: others must hear it
                    _log.exception("A subscriber to %s failed.", pattern)

    def subscribe(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` for every event of this process that fits ``pattern``.

        Returns:
            A function that ends the subscription.
        """
        entry = (pattern, subscriber)
        self._subscribers.append(entry)
        return lambda: self.unsubscribe(*entry)

    def unsubscribe(self, pattern: str, subscriber: Subscriber) -> None:
        """End a subscription; one that has ended already stays so."""
        with suppress(ValueError):
            self._subscribers.remove((pattern, subscriber))

    def connect(
        self, *, queued: Callable[[Sequence[str]], None], drop: Callable[[Drop], None]
    ) -> None:
        """Call ``queued`` with the ids of plugins when there is something to deliver to them, and
        ``drop`` when there was no place for it."""
        self._queued, self._drop = queued, drop

    def drop(self, drop: Drop) -> None:
        """Have it counted and told that an event was dropped."""
        self._drop(drop)

    def connect_endpoints(self, queued: Callable[[Sequence[str]], None]) -> None:
        """Call ``queued`` with the ids of endpoints when there is something to post to them."""
        self._to_post = queued

    async def recent(self, limit: int, topic: str = "*", *, tenant: str) -> list[Event]:
        """Return a tenant's newest events that fit the pattern ``topic``, newest first.

        Raises:
            InvalidArguments: not a pattern of topics.
        """
        check_pattern(topic)
        found: list[Event] = []
        async with self._database.reading() as connection:
            async for row in EventRepository(connection, tenant).newest_first():
                if len(found) >= limit:
                    break
                if matches(topic, row.topic):
                    found.append(Event.of(row))
        return found

    async def page(
        self, tenant: str, topic: str = "*", *, limit: int = 50, before: int | None = None
    ) -> EventsPage:
        """Return a page of a tenant's events that fit a pattern, newest first.

        Raises:
            InvalidArguments: no page of this size, or not a pattern of topics.
        """
        check_pattern(topic)
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} events.", path="limit")
        found: list[Event] = []
        looked_at = 0
        async with self._database.reading() as connection:
            async for row in EventRepository(connection, tenant).newest_first(before):
                if len(found) == limit or looked_at == LOOKED_AT_MAX:
                    return EventsPage(found, before)
                before = row.position
                looked_at += 1
                if matches(topic, row.topic):
                    found.append(Event.of(row))
        return EventsPage(found, None)

    async def after(self, tenant: str, position: int, limit: int) -> list[Event]:
        """Return the tenant's next events after a position, in order."""
        async with self._database.reading() as connection:
            rows = await EventRepository(connection, tenant).after(position, limit)
        return [Event.of(row) for row in rows]

    async def newest_position(self, tenant: str) -> int:
        """Return the position of the tenant's newest event; 0 if it has none."""
        async with self._database.reading() as connection:
            return await EventRepository(connection, tenant).newest_position()

    async def _store(self, connection: Connection, row: EventRow) -> Event:
        if row.source == HOST:  # of these alone others are told, and this process with them
            self._own[row.id] = None
            while len(self._own) > _OWN_KEPT:
                del self._own[next(iter(self._own))]
        row = await EventRepository(connection, row.tenant).add(row)
        offered = await self.bus.offer(connection, row)
        posted = None
        if self.endpoints is not None:
            posted = await self.endpoints.offer(connection, row)
        return Event.of(row, offered, posted)

    def _tell_bus(self, event: Event) -> None:
        for kind, offered, tell in (
            (Kind.PLUGIN, event.offered, self._queued),
            (Kind.ENDPOINT, event.posted, self._to_post),
        ):
            for name in offered.full:
                self._drop(
                    Drop(
                        tenant=event.tenant,
                        whose=name,
                        topic=event.topic,
                        reason=DropReason.QUEUE_FULL,
                        kind=kind,
                    )
                )
            if offered.queued:
                tell(offered.queued)


def _row(  # noqa: PLR0913 -- an envelope has this many fields
    tenant: str,
    topic: str,
    data: str,
    *,
    source: str,
    correlation_id: str | None,
    key: str | None = None,
    hops: int = 0,
    origin: str | None = None,
) -> EventRow:
    """Return the row of a new event, checked; see `Events.publish`."""
    check_topic(topic)
    _check_key(key)
    parse_json(data, max_bytes=MAX_DATA_BYTES)
    return EventRow(
        id=new_id(),
        tenant=tenant,
        topic=topic,
        source=source,
        time=now(),
        correlation_id=(correlation_id or new_id())[:MAX_CORRELATION_CHARS],
        key=key,
        attempt=1,
        data=data,
        hops=hops,
        origin=origin,
    )


def _check_key(key: str | None) -> None:
    if key is not None and not (1 <= len(key) <= MAX_KEY_CHARS and key.isprintable()):
        raise InvalidArguments(
            f"An event's key takes 1 to {MAX_KEY_CHARS} printable characters.", path="key"
        )
