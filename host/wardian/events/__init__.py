"""Events: published into a durable outbox, and announced within this process."""

from wardian.events.events import Event, Events
from wardian.events.topics import MAX_TOPIC_CHARS, check_topic, matches

__all__ = ["MAX_TOPIC_CHARS", "Event", "Events", "check_topic", "matches"]
