"""``wardian:plugin/events``: publish to granted topics."""

from __future__ import annotations

from wardian.capabilities.base import CallContext, Refused
from wardian.errors import InvalidArguments
from wardian.events import Events, check_topic
from wardian.events.topics import is_reserved


class EventsCapability:
    """Publishing in the name of the call's plugin. Needs ``events:publish:TOPIC``."""

    def __init__(self, events: Events) -> None:
        self._events = events

    async def publish(self, call: CallContext, topic: str, data: str, key: str | None) -> str:
        """Store one event and return its id."""
        try:
            check_topic(topic)
        except InvalidArguments as exc:
            raise Refused("invalid", exc.message) from exc
        if is_reserved(topic):
            raise Refused("denied", f"The topic {topic!r} is refused: the host alone publishes it.")
        call.require(f"events:publish:{topic}")
        call.budget.spend("events")
        try:
            event = await self._events.publish(
                call.facts.tenant,
                topic,
                data,
                source=f"plugin:{call.facts.plugin}",
                correlation_id=call.facts.correlation_id,
                key=key,
            )
        except InvalidArguments as exc:
            raise Refused("invalid", exc.message) from exc
        return event.id
