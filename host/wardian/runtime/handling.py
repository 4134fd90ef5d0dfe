"""One delivery: the plugin's ``event-handler`` is called, and what came of it is decided.

A handler's own `retry` and `reject` are taken at its word; a trap, a deadline or a lost worker is a
`retry`. What is none of the plugin's doing, such as that it is disabled or that every worker is
busy, is no attempt: the event waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import random
from typing import Any

from wardian.errors import CallError, GuestError, InvalidArguments, NotFound, WardianError
from wardian.events import Delivery, DropReason, Event, Outcome, Settlement
from wardian.plugins import Installed, Registry
from wardian.plugins.text import escaped
from wardian.policy.permissions import Permission
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.entrance import Entrance
from wardian.runtime.lane import PUT_OFF_SECONDS
from wardian.telemetry.tracing import UNTRACED
from wardian.vault.watch import Watch

RETRY_SECONDS_MAX = 3_600.0
REASON_CHARACTERS_MAX = 500

_HANDLER = "wardian:plugin/event-handler@"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often events are given to a subscriber that fails.

    Attributes:
        first_seconds: how long the second attempt waits; it doubles with each further one, up to
            ``seconds_max``.
        chance: a number from 0 up to 1; a delay is between half of that and all of it.
    """

    attempts_max: int = 8
    first_seconds: float = 1.0
    seconds_max: float = RETRY_SECONDS_MAX
    chance: Callable[[], float] = random

    def delay(self, attempt: int) -> timedelta:
        """Return how long an event waits after it was tried so many times."""
        seconds = min(self.first_seconds * 2.0 ** (attempt - 1), self.seconds_max)
        return self._some_of(seconds)

    def put_off(self) -> timedelta:
        """Return how long an event waits that was not tried."""
        return self._some_of(PUT_OFF_SECONDS)

    def _some_of(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds * (0.5 + 0.5 * self.chance()))


class Handling:
    """Gives events to plugins."""

    def __init__(
        self,
        registry: Registry,
        entrance: Entrance,
        calls: Calls,
        watch: Watch,
        policy: RetryPolicy,
    ) -> None:
        """``watch`` keeps credentials out of the reasons that are written down."""
        self._registry = registry
        self._entrance = entrance
        self._calls = calls
        self._watch = watch
        self._policy = policy

    async def takes_events(self, tenant: str, name: str) -> bool:
        """Tell whether a plugin takes calls now."""
        try:
            return (await self._registry.get(tenant, name)).is_callable
        except NotFound:
            return False

    async def handle(self, delivery: Delivery) -> Settlement:
        """Have the plugin handle an event, and return what is to become of the delivery."""
        event, settled = delivery.event, partial(Settlement, delivery=delivery)
        if event.attempt > self._policy.attempts_max:
            return settled(
                outcome=Outcome.DEAD,
                reason=f"It was begun {event.attempt - 1} times, and its host was lost each time.",
            )
        try:
            await self._call(delivery)
        except _Unwanted as unwanted:
            return settled(outcome=Outcome.DROP, reason=unwanted.reason)
        except CallError as error:
            return await self._failed(delivery, error)
        except InvalidArguments as error:
            return settled(outcome=Outcome.DEAD, reason=_text(error.message))
        except (_NotNow, WardianError):
            return settled(outcome=Outcome.RELEASE, after=self._policy.put_off())
        return settled(outcome=Outcome.DONE)

    async def _call(self, delivery: Delivery) -> None:
        event = delivery.event
        function = _handler_of(await self._find(delivery))
        request = CallRequest(
            function=function,
            arguments={"event": _argument(event)},
            subject="events",
            correlation_id=event.correlation_id,
            hops=event.hops + 1,
            origin=event.origin,
        )
        about = {"messaging.destination.name": event.topic, "wardian.event.id": event.id}
        with self._calls.tracing.event(event.id, about) or UNTRACED:
            await self._entrance.call(partial(self._find, delivery), request)

    async def _find(self, delivery: Delivery) -> Installed:
        """Return the plugin that the event is for, if it may have it now.

        Raises:
            _NotNow: it takes no calls.
            _Unwanted: it may not have it, or has no use for it.
        """
        subscriber, topic = delivery.subscriber, delivery.event.topic
        try:
            plugin = await self._registry.get(subscriber.tenant, subscriber.name)
        except NotFound:
            raise _NotNow from None
        if plugin.id != subscriber.id or not plugin.is_callable:
            raise _NotNow
        wanted = Permission("events:subscribe", topic)
        if self._calls.authority(plugin).refusal(wanted) is not None:
            raise _Unwanted(DropReason.NOT_GRANTED)
        _handler_of(plugin)
        return plugin

    async def _failed(self, delivery: Delivery, error: CallError) -> Settlement:
        rejected, said = _said(error)
        reason = await self._kept(delivery.subscriber.tenant, said)
        if rejected or delivery.event.attempt >= self._policy.attempts_max:
            return Settlement(delivery=delivery, outcome=Outcome.DEAD, reason=reason)
        return Settlement(
            delivery=delivery,
            outcome=Outcome.RETRY,
            reason=reason,
            after=self._policy.delay(delivery.event.attempt),
        )

    async def _kept(self, tenant: str, said: str) -> str:
        """Return what is written down of what a handler said."""
        try:
            # Also what the call was given by `reveal`: that is the plugin's to use, not to store.
            leaks = await self._watch.leaks(tenant)
        except WardianError as error:
            return _text(
                "What the plugin said is not kept, because nobody can tell now whether a "
                f"credential is in it: {error.message}"
            )
        return _text(leaks.redacted(said) if leaks else said)


class _NotNow(Exception):
    """The plugin takes no events now."""


class _Unwanted(Exception):
    """The plugin is not to have the event, now or later."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason)
        self.reason = reason


def _handler_of(plugin: Installed) -> str:
    """Return the function that handles a plugin's events.

    Raises:
        _Unwanted: it has none.
    """
    for function in plugin.description.functions:
        if _is_handler(function):
            return function
    raise _Unwanted(DropReason.NO_HANDLER)


def handles_events(plugin: Installed) -> bool:
    """Tell whether a plugin has a function that handles events."""
    return any(map(_is_handler, plugin.description.functions))


def _is_handler(function: str) -> bool:
    return function.startswith(_HANDLER) and function.endswith("#handle")


def _argument(event: Event) -> dict[str, Any]:
    """The event as ``wit/v1/event-handler.wit`` has it."""
    return {
        "id": event.id,
        "topic": event.topic,
        "source": event.source,
        "time": event.time,
        "correlation-id": event.correlation_id,
        "key": event.key,
        "attempt": event.attempt,
        "data": event.data,
    }


def _said(error: CallError) -> tuple[bool, str]:
    """Return whether the handler rejects the event, and why it did not handle it."""
    if not isinstance(error, GuestError):
        return False, error.message
    payload = error.payload
    if isinstance(payload, dict) and set(payload) == {"tag", "val"}:
        return payload["tag"] == "reject", str(payload["val"])
    return False, str(payload)


def _text(text: str) -> str:
    return escaped(text, REASON_CHARACTERS_MAX)
