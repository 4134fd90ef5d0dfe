"""Events: published into a durable outbox, delivered to plugins, announced within this process."""

from wardian.events.bus import Carrier, Delivery, Outcome, Settlement, Subscriber
from wardian.events.database_bus import Audience, BusPolicy, DatabaseBus
from wardian.events.event import Event, PluginEvent, SystemEvent
from wardian.events.event_bus import EventBus, Subscription
from wardian.events.events import Events
from wardian.events.limits import AppLimits, Drop, DropReason, Kind, PublishLimits, PublishPolicy
from wardian.events.observers import PluginObserver, observes
from wardian.events.topics import MAX_TOPIC_CHARS, check_pattern, check_topic, matches

__all__ = [
    "MAX_TOPIC_CHARS",
    "AppLimits",
    "Audience",
    "BusPolicy",
    "Carrier",
    "DatabaseBus",
    "Delivery",
    "Drop",
    "DropReason",
    "Event",
    "EventBus",
    "Events",
    "Kind",
    "Outcome",
    "PluginEvent",
    "PluginObserver",
    "PublishLimits",
    "PublishPolicy",
    "Settlement",
    "Subscriber",
    "Subscription",
    "SystemEvent",
    "check_pattern",
    "check_topic",
    "matches",
    "observes",
]
