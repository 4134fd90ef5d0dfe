"""Events: published, listed, followed; who receives them; those that nobody handled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wardian.client.answers import NOTHING, Answer, Reads, json_of, page_of
from wardian.client.binding import Noun, S, operation, stream
from wardian.client.feeds import Feed
from wardian.client.models import CloudEvent, DeadLettersPage, EventsPage, Page, Subscriber
from wardian.client.operations import Many, Operation, at, get, given, post

_EVENT = msgspec.json.Decoder(CloudEvent)


class Events(Noun[S]):
    """The tenant's events."""

    @operation
    def publish(
        self,
        topic: str,
        data: Any = None,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[CloudEvent]:
        """Publish an event: it is stored when this returns; those of one key stay in order."""
        body = {"topic": topic, "data": data, **given(key=key)}
        asked = post("/events", json_of(CloudEvent), body)
        return asked.with_headers(Idempotency_Key=idempotency_key)

    @operation
    def list(
        self, topic: str | None = None, *, limit: int | None = None, before: int | None = None
    ) -> Operation[EventsPage]:
        """List events, the newest first; ``before`` is ``next`` of the page before."""
        return get("/events", json_of(EventsPage), topic=topic, limit=limit, before=before)

    @stream
    def stream(self, topic: str | None = None, *, after: str | None = None) -> Feed[CloudEvent]:
        """Follow events in order, from now on, or after the event of this ``sequence``.

        A connection that is lost is made again, and the stream goes on after the last event that
        came: none that is still kept is missed, and none comes twice.
        """
        newest = get("/events", Reads(_newest, EventsPage), limit=1)
        begin = newest if after is None else after
        return Feed(begin, get("/events/stream", NOTHING, topic=topic), _EVENT.decode)

    @operation
    def subscribers(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Subscriber]]:
        """List the plugins that receive events, and how many wait for each."""
        return get("/events/subscribers", page_of(Subscriber), limit=limit, cursor=cursor)

    @operation
    def pause(self, plugin: str) -> Operation[Many[Subscriber]]:
        """Hold back the events that wait for a plugin; more are queued meanwhile."""
        return post(at("/events/subscribers/{}/pause", plugin), json_of(Many[Subscriber]))

    @operation
    def resume(self, plugin: str) -> Operation[Many[Subscriber]]:
        """Deliver again what waits for a plugin."""
        return post(at("/events/subscribers/{}/resume", plugin), json_of(Many[Subscriber]))

    @operation
    def dead(
        self, *, plugin: str | None = None, limit: int | None = None, before: int | None = None
    ) -> Operation[DeadLettersPage]:
        """List the events that plugins did not handle, those given up last first."""
        asked = {"plugin": plugin, "limit": limit, "before": before}
        return get("/events/dead", json_of(DeadLettersPage), **asked)

    @operation
    def requeue(self, ids: Sequence[str]) -> Operation[None]:
        """Have dead letters delivered again; all of them, or none if one is not there."""
        return post("/events/dead/requeue", NOTHING, {"ids": ids})

    @operation
    def discard(self, ids: Sequence[str]) -> Operation[None]:
        """Remove dead letters; all of them, or none if one is not there."""
        return post("/events/dead/discard", NOTHING, {"ids": ids})


def _newest(answer: Answer) -> str:
    page = msgspec.json.decode(answer.content, type=EventsPage)
    return page.events[0].sequence if page.events else "0"
