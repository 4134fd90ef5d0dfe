"""Events: published into a durable outbox, delivered to plugins, announced within this process."""

from wardian.events.bus import Delivery, EventBus, Outcome, Settlement, Subscriber
from wardian.events.database_bus import Audience, BusPolicy, DatabaseBus
from wardian.events.event import Event
from wardian.events.events import Events
from wardian.events.limits import Drop, DropReason, Kind, PublishLimits, PublishPolicy
from wardian.events.topics import MAX_TOPIC_CHARS, check_topic, matches

__all__ = [
    "MAX_TOPIC_CHARS",
    "Audience",
    "BusPolicy",
    "DatabaseBus",
    "Delivery",
    "Drop",
    "DropReason",
    "Event",
    "EventBus",
    "Events",
    "Kind",
    "Outcome",
    "PublishLimits",
    "PublishPolicy",
    "Settlement",
    "Subscriber",
    "check_topic",
    "matches",
]
