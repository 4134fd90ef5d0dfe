"""Events, who receives them, and those that nobody handled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event, as a CloudEvent.

    Attributes:
        type: the topic.
        partitionkey: the key, if it has one.
        sequence: where it stands among the events of its host; a stream goes on after it.
        tenant: whose it is.
        correlationid: of the request that it came from.
        hops: how many handlers were between that and this.
        origin: who published it, such as `app:NAME` or `plugin:NAME`.
    """

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    time: datetime
    datacontenttype: str = "application/json"
    data: Any
    partitionkey: str | None = None
    sequence: str
    tenant: str
    correlationid: str
    hops: int
    origin: str


class EventsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events, the newest first; `next` asks for those before them."""

    events: list[CloudEvent]
    next: int | None


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that receives events.

    Attributes:
        topics: the patterns that it was granted.
        queued: how many events wait for it.
        dropped: how many it did not get, because as many waited as may or it may not have
            them.
        paused: whether what waits for it is held back.
    """

    plugin: str
    topics: list[str]
    queued: int
    dropped: int
    paused: bool


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a plugin did not handle.

    Attributes:
        attempts: how often it was tried.
        reason: what the last attempt failed of.
        since: when it was given up.
        data: the event's.
    """

    id: str
    plugin: str
    event_id: str
    topic: str
    source: str
    key: str | None
    time: datetime
    attempts: int
    reason: str
    since: datetime
    data: Any


class DeadLettersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dead letters, the newest first; ``next`` asks for those after them."""

    dead_letters: list[DeadLetter]
    next: int | None
