"""``wardian:plugin/events``: publish to granted topics."""

from __future__ import annotations

from collections.abc import Callable

from wardian.capabilities.base import CallContext, Refused
from wardian.errors import InvalidArguments
from wardian.events import Drop, Events, PublishLimits, check_topic
from wardian.events.topics import is_reserved
from wardian.telemetry.steps import published


class EventsCapability:
    """Publishing in the name of the call's plugin. Needs ``events:publish:TOPIC``."""

    def __init__(
        self,
        events: Events,
        limits: PublishLimits | None = None,
        drop: Callable[[Drop], None] = lambda drop: None,
    ) -> None:
        """``drop`` is told of each event that the limits refuse."""
        self._events = events
        self._limits = limits or PublishLimits()
        self._drop = drop

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
        self._check_limits(call, topic)
        facts = call.facts
        try:
            event = await self._events.publish(
                facts.tenant,
                topic,
                data,
                source=f"plugin:{facts.plugin}",
                correlation_id=facts.correlation_id,
                key=key,
                hops=facts.hops,
                origin=facts.origin,
            )
        except InvalidArguments as exc:
            raise Refused("invalid", exc.message) from exc
        published(event.id)
        return event.id

    def _check_limits(self, call: CallContext, topic: str) -> None:
        """Stop storms, and events that go round in circles.

        Raises:
            Refused: this is one.
        """
        facts = call.facts
        refusal = self._limits.refusal(facts.plugin_id, facts.hops)
        if refusal is not None:
            reason, text = refusal
            self._drop(Drop(tenant=facts.tenant, whose=facts.plugin, topic=topic, reason=reason))
            raise Refused("exhausted", f"The event to {topic!r} is refused: {text}")
