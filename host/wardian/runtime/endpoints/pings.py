"""A test event for one endpoint, posted by hand."""

from __future__ import annotations

from datetime import datetime

from wardian.crypto.identifiers import new_id
from wardian.events import Delivery, Event, Subscriber
from wardian.storage.events import HOST
from wardian.storage.rows import EndpointRow

PING = "ping"
"""The outcome of such an attempt, which is never made again."""

TOPIC = "endpoint.ping"


def ping_of(tenant: str, row: EndpointRow, at: datetime) -> Delivery:
    """Return a test event on its way to an endpoint; it is stored nowhere."""
    event_id = new_id()
    event = Event(
        id=event_id,
        tenant=tenant,
        topic=TOPIC,
        source=HOST,
        time=at.isoformat().replace("+00:00", "Z"),
        correlation_id=event_id,
        origin=event_id,
    )
    subscriber = Subscriber(tenant, row.id, row.id)
    return Delivery(id=event_id, subscriber=subscriber, lease="", event=event)
