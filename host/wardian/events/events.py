"""Publish events into the outbox; tell this process of those that concern it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from wardian.crypto.identifiers import new_id
from wardian.errors import InvalidArguments
from wardian.events.topics import check_topic, matches
from wardian.storage import Connection, Database
from wardian.storage.documents import dump_json, parse_json
from wardian.storage.events import HOST, EventRepository
from wardian.storage.rows import EventRow, now

MAX_DATA_BYTES = 256 * 1024
MAX_KEY_CHARS = 256
MAX_CORRELATION_CHARS = 200

_OWN_KEPT = 1000  # one that is forgotten is announced twice, which does no harm

_log = logging.getLogger("wardian.events")

Subscriber = Callable[["Event"], None]


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One event: the envelope of ``wit/v1/event-handler.wit``, and its tenant.

    Attributes:
        time: RFC 3339, in UTC.
        data: JSON text.
    """

    id: str
    tenant: str
    topic: str
    source: str
    time: str
    correlation_id: str
    key: str | None = None
    attempt: int = 1
    data: str = "null"

    def value(self) -> Any:
        """Return the parsed data."""
        return parse_json(self.data, max_bytes=MAX_DATA_BYTES)


class Events:
    """The events of every tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: list[tuple[str, Subscriber]] = []
        self._own: dict[str, None] = {}

    async def publish(
        self,
        tenant: str,
        topic: str,
        data: str,
        *,
        source: str,
        correlation_id: str,
        key: str | None = None,
    ) -> Event:
        """Store one event; it is durable when this returns.

        Raises:
            InvalidArguments: not a topic, not a key, or not JSON text of up to 256 KiB.
        """
        row = _row(tenant, topic, data, source=source, correlation_id=correlation_id, key=key)
        event = event_of(row)
        async with self._database.transaction() as connection:
            await EventRepository(connection, tenant).add(row)
        self.announce(event)
        return event

    async def record(
        self, connection: Connection, tenant: str, topic: str, data: Any, *, correlation_id: str
    ) -> Event:
        """Store an event of the host within an open transaction.

        Pass the answer to `announce` once the transaction has been committed, and not before.
        """
        row = _row(
            tenant, topic, dump_json(data), source=HOST, correlation_id=correlation_id, key=None
        )
        await EventRepository(connection, tenant).add(row)
        self._own[row.id] = None
        while len(self._own) > _OWN_KEPT:
            del self._own[next(iter(self._own))]
        return event_of(row)

    def is_own(self, event_id: str) -> bool:
        """Tell whether this process has recorded an event lately, and so announces it itself."""
        return event_id in self._own

    def announce(self, event: Event) -> None:
        """Tell the subscribers of this process, in the order in which they came."""
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
        return lambda: self._subscribers.remove(entry)

    async def recent(self, limit: int, topic: str = "*", *, tenant: str) -> list[Event]:
        """Return a tenant's newest events that fit the pattern ``topic``, newest first."""
        found: list[Event] = []
        async with self._database.reading() as connection:
            async for row in EventRepository(connection, tenant).newest_first():
                if len(found) >= limit:
                    break
                if matches(topic, row.topic):
                    found.append(event_of(row))
        return found


def _row(
    tenant: str,
    topic: str,
    data: str,
    *,
    source: str,
    correlation_id: str,
    key: str | None,
) -> EventRow:
    check_topic(topic)
    if key is not None and not (1 <= len(key) <= MAX_KEY_CHARS and key.isprintable()):
        raise InvalidArguments(
            f"An event's key takes 1 to {MAX_KEY_CHARS} printable characters.", path="key"
        )
    parse_json(data, max_bytes=MAX_DATA_BYTES)
    return EventRow(
        id=new_id(),
        tenant=tenant,
        topic=topic,
        source=source,
        time=now(),
        correlation_id=correlation_id[:MAX_CORRELATION_CHARS],
        key=key,
        attempt=1,
        data=data,
    )


def event_of(row: EventRow) -> Event:
    """Return the event that a row of the outbox holds."""
    return Event(
        id=row.id,
        tenant=row.tenant,
        topic=row.topic,
        source=row.source,
        time=row.time.isoformat().replace("+00:00", "Z"),
        correlation_id=row.correlation_id,
        key=row.key,
        attempt=row.attempt,
        data=row.data,
    )
