"""The event bus, as it is for those outside: publish, subscribe, unsubscribe.

Host apps come here, over HTTP or from Python. What they publish is stored before `publish` returns,
and goes to the plugins that were granted its topic. What they subscribe to is read from where it is
stored, so that a subscriber that comes back goes on where it was.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from wardian.errors import Forbidden, InvalidArguments, RateLimited, WardianError
from wardian.events.event import Event
from wardian.events.events import Events
from wardian.events.following import Following
from wardian.events.limits import AppLimits, Drop, DropReason, Kind
from wardian.events.topics import is_reserved
from wardian.storage.documents import dump_json

RETRY_SECONDS = 1.0
"""How long a handler's subscription waits while the database does not answer."""

_SOURCE_CHARS = 200
_TOPIC_SHOWN = 80

_log = logging.getLogger("wardian.events")

Handler = Callable[[Event], Awaitable[None] | None]


class Subscription:
    """The events of a tenant that fit a pattern, in order: ``async for event in subscription``.

    One task may iterate at a time. Where the database does not answer, the iteration raises a
    `WardianError`, and goes on where it was when it is begun again.
    """

    def __init__(self, following: Following) -> None:
        self._following = following
        following.open()
        self._page: deque[Event] = deque()
        self._position = following.position
        self._has_ended = False
        self._task: asyncio.Task[None] | None = None

    @property
    def tenant(self) -> str:
        """Whose events these are."""
        return self._following.tenant

    @property
    def pattern(self) -> str:
        """What their topics fit."""
        return self._following.pattern

    @property
    def position(self) -> int:
        """Up to where everything was handled; to go on after it, subscribe with ``after``.

        The event that was given last counts once the next one is asked for.
        """
        return self._position

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._has_ended:
            if self._page:
                event = self._page.popleft()
                self._position = event.position - 1
                return event
            self._position = self._following.position
            self._page.extend(await self._following.next())
        raise StopAsyncIteration

    def run(self, handler: Handler) -> None:
        """Give each event to ``handler`` from now on, in a task of its own."""
        self._task = asyncio.create_task(self._run(handler), name=f"wardian-on {self.pattern}")

    def end(self) -> None:
        """Give out nothing any more."""
        self._has_ended = True
        self._following.wake()
        self._following.close()

    async def ended(self) -> None:
        """Wait for the handler to be done with its last event; from within it, do not."""
        if self._task is not None and self._task is not asyncio.current_task():
            await asyncio.wait([self._task])

    async def cancel(self) -> None:
        """End at once, and the handler with it."""
        self.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, handler: Handler) -> None:
        while not self._has_ended:
            try:
                async for event in self:
                    await _handled(handler, event)
            except WardianError as error:
                _log.warning("Events of %s are not read for now: %s", self.tenant, error)
                await asyncio.sleep(RETRY_SECONDS)


def _json(data: Any) -> str:
    try:
        return dump_json(data)
    except (TypeError, ValueError, RecursionError) as exc:  # of a type, in a circle, or too deep
        raise InvalidArguments(f"The data of an event is JSON: {exc}.", path="data") from exc


async def _handled(handler: Handler, event: Event) -> None:
    try:
        answer = handler(event)
        if inspect.isawaitable(answer):
            await answer
    except Exception:  # noqa: BLE001 -- whatever an app does with one event, the next one comes
        _log.exception("The handler of %s failed.", event.topic)


class EventBus:
    """Publishes and subscribes for host apps of every tenant."""

    def __init__(self, events: Events, limits: AppLimits | None = None) -> None:
        self._events = events
        self._limits = limits or AppLimits()
        self._subscriptions: set[Subscription] = set()

    async def publish(  # noqa: PLR0913 -- an envelope has this many fields, each with a default
        self,
        topic: str,
        data: Any = None,
        *,
        key: str | None = None,
        tenant: str = "default",
        actor: str = "host",
        key_id: str | None = None,
        correlation_id: str | None = None,
    ) -> Event:
        """Publish an event; it is durable when this returns.

        Args:
            data: what can be JSON.
            key: events of the same key are delivered in order.
            actor: who publishes; the event's source is ``app:ACTOR``.
            key_id: the API key that it came with, whose rate then counts; None for the program
                that this host is a part of.

        Raises:
            Forbidden: the host alone publishes this topic.
            RateLimited: with this key, or by this tenant, as many were published as may be.
            InvalidArguments: not a topic, not a key, or data of more than 256 KiB.
        """
        if is_reserved(topic):
            shown = topic[:_TOPIC_SHOWN]
            raise Forbidden(f"The topic {shown!r} is refused: the host alone publishes it.")
        source = f"app:{quote(actor, safe='')}"[:_SOURCE_CHARS]
        if key_id is not None:
            self._check_rate(tenant, key_id, topic, source)
        return await self._events.publish(
            tenant, topic, _json(data), source=source, correlation_id=correlation_id, key=key
        )

    async def subscribe(
        self,
        pattern: str = "*",
        handler: Handler | None = None,
        *,
        after: int | None = None,
        tenant: str = "default",
    ) -> Subscription:
        """Subscribe to the events of a tenant whose topics fit ``pattern``.

        Events come in order and at least once: from now on, or after a position where a
        subscription ended before, as far as they are still kept.

        Args:
            pattern: a topic, with ``*`` for any run of characters.
            handler: is called, and awaited where it is asynchronous, with one event after the
                other; if it fails, that is logged, and the next one comes. Without it, iterate.
            after: `Event.position` of the last event that was handled.

        Raises:
            InvalidArguments: not a pattern of topics.
        """
        if after is None:
            after = await self._events.newest_position(tenant)
        subscription = Subscription(Following(self._events, tenant, pattern, after))
        self._subscriptions.add(subscription)
        if handler is not None:
            subscription.run(handler)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription, once its handler is done with what it has; one that ended stays so.

        Who iterates over it comes to the end.
        """
        self._subscriptions.discard(subscription)
        subscription.end()
        await subscription.ended()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Have subscriptions end with the block, at once."""
        try:
            yield
        finally:
            for subscription in tuple(self._subscriptions):
                await subscription.cancel()
            self._subscriptions.clear()

    def _check_rate(self, tenant: str, key_id: str, topic: str, source: str) -> None:
        refusal = self._limits.refusal(tenant, key_id)
        if refusal is not None:
            self._events.drop(
                Drop(
                    tenant=tenant, kind=Kind.APP, whose=source, topic=topic, reason=DropReason.RATE
                )
            )
            raise RateLimited(refusal.text, retry_after_seconds=refusal.retry_after_seconds)
