"""One event, as everybody sees it who receives it."""

from __future__ import annotations

from typing import Any

import msgspec

from wardian.events.topics import is_reserved
from wardian.storage.documents import parse_json
from wardian.storage.rows import EventRow

MAX_DATA_BYTES = 256 * 1024


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event when it was stored.

    Attributes:
        queued: the ids of the plugins, or of the endpoints, that it is on its way to.
        full: those for which as many wait as may, so that they do not get it.
    """

    queued: tuple[str, ...] = ()
    full: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One event: the envelope of ``wit/v1/event-handler.wit``, and more that is the host's.

    Attributes:
        time: RFC 3339, in UTC.
        data: JSON text.
        hops: how many events led to it, each handled by a plugin that published the next.
        origin: the id of the first of them; its own where there was none.
        position: where it stands among the events of its host.
        offered: what became of it, for whoever has just stored it: to plugins, and
            ``posted`` to endpoints of host apps.
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
    hops: int = 0
    origin: str = ""
    position: int = 0
    offered: Offered = Offered()
    posted: Offered = Offered()

    @staticmethod
    def of(row: EventRow, offered: Offered | None = None, posted: Offered | None = None) -> Event:
        """Read a stored event: a `SystemEvent` or a `PluginEvent`."""
        kind = SystemEvent if is_reserved(row.topic) else PluginEvent
        return kind(
            id=row.id,
            tenant=row.tenant,
            topic=row.topic,
            source=row.source,
            time=row.time.isoformat().replace("+00:00", "Z"),
            correlation_id=row.correlation_id,
            key=row.key,
            attempt=row.attempt,
            data=row.data,
            hops=row.hops,
            origin=row.origin or row.id,
            position=row.position,
            offered=offered or Offered(),
            posted=posted or Offered(),
        )

    @property
    def plugin(self) -> str | None:
        """The name of the plugin that it is from or about, if there is one."""
        return None

    def value(self) -> Any:
        """Return the parsed data."""
        return parse_json(self.data, max_bytes=MAX_DATA_BYTES)


class PluginEvent(Event, frozen=True, kw_only=True):
    """An event of those whom a host serves: a plugin published it, or a host app did."""

    @property
    def plugin(self) -> str | None:
        """The name of the plugin that published it; None if none did."""
        kind, _, name = self.source.partition(":")
        return name if kind == "plugin" else None


class SystemEvent(Event, frozen=True, kw_only=True):
    """What a host tells of itself; nobody else can. `wardian.events.catalogue` lists them all.

    Its data is an object with the fields that the catalogue has, and never a secret.
    """

    @property
    def plugin(self) -> str | None:
        """The name of the plugin that it is about; None if it is about something else."""
        return self._told("plugin")

    @property
    def actor(self) -> str | None:
        """Whose doing it was: the name of an API key, of a file, or ``host``; None if nobody's."""
        return self._told("actor")

    def _told(self, field: str) -> str | None:
        told = self.value().get(field)
        return None if told is None else str(told)
