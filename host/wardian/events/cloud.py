"""Events as CloudEvents 1.0 in JSON, which is how those outside the host see them.

https://github.com/cloudevents/spec: the attributes of the core, the documented extensions
``partitionkey`` and ``sequence``, and three of our own, whose names may have no dashes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wardian.events.event import Event

MEDIA_TYPE = "application/cloudevents+json"


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event, as a CloudEvent.

    Attributes:
        type: the topic.
        partitionkey: the key, if it has one.
        sequence: where it stands among the events of its host; a stream goes on after it.
        tenant, correlationid, hops, origin: as of `wardian.events.Event`.
    """

    specversion: str = msgspec.field(default_factory=lambda: "1.0")
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str = msgspec.field(default_factory=lambda: "application/json")
    data: Any
    partitionkey: str | None = None
    sequence: str
    tenant: str
    correlationid: str
    hops: int
    origin: str


def cloud_event(event: Event) -> CloudEvent:
    """Return an event as a CloudEvent; its data stays the JSON text that it is."""
    return CloudEvent(
        id=event.id,
        source=event.source,
        type=event.topic,
        time=event.time,
        data=msgspec.Raw(event.data.encode()),
        partitionkey=event.key,
        sequence=str(event.position),
        tenant=event.tenant,
        correlationid=event.correlation_id,
        hops=event.hops,
        origin=event.origin,
    )
