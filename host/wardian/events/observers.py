"""Observers for the program that a host is a part of: events by the names of methods.

The rule is the one of the Python SDK: ``on_user_created`` observes ``user.created``, two words and
no more; ``@observes("order.line.added")`` says any other topic, or a pattern with ``*``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from wardian.events.event import Event
from wardian.events.event_bus import EventBus, Subscription
from wardian.events.topics import check_pattern, matches
from wardian.policy.observing import is_observing, topic_of

_TOPICS = "__wardian_topics__"
_ALL = "*"

F = TypeVar("F", bound=Callable[..., Any])


def observes(*topics: str) -> Callable[[F], F]:
    """Have a method called for these topics, in place of what its name would mean.

    Raises:
        InvalidArguments: one is no pattern of topics.
        ValueError: there is none.
    """
    if not topics:
        raise ValueError("observes takes the topics, such as @observes('order.line.added')")
    for topic in topics:
        check_pattern(topic)

    def declare(method: F) -> F:
        setattr(method, _TOPICS, topics)
        return method

    return declare


class PluginObserver:
    """Calls, for each event, the methods that observe its topic, in the order they are written in.

    Methods take the event, and may be asynchronous. What nobody observes is left out. One that
    fails is logged, those after it are not called for this event, and the next event comes.

    A class whose methods' names do not mean one topic raises ``ValueError`` when it is made.
    """

    _observed: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        cls._observed = tuple(_observed(cls))

    async def observe(
        self, bus: EventBus, *, tenant: str = "default", after: int | None = None
    ) -> Subscription:
        """Observe a tenant's events from now on, or after a position; see `EventBus.subscribe`.

        End it with ``bus.unsubscribe``.
        """
        patterns = {pattern for _, patterns in self._observed for pattern in patterns}
        # One subscription for all, because two would not keep the order between their topics.
        pattern = patterns.pop() if len(patterns) == 1 else _ALL
        return await bus.subscribe(pattern, self.handle, after=after, tenant=tenant)

    async def handle(self, event: Event) -> None:
        """Call what observes an event."""
        for name, patterns in self._observed:
            if any(matches(pattern, event.topic) for pattern in patterns):
                answer = getattr(self, name)(event)
                if inspect.isawaitable(answer):
                    await answer


def _observed(cls: type) -> Iterator[tuple[str, tuple[str, ...]]]:
    names = dict.fromkeys(name for each in reversed(cls.__mro__) for name in vars(each))
    for name in names:
        member = getattr(cls, name)
        said: tuple[str, ...] = getattr(member, _TOPICS, ())
        if callable(member) and (said or is_observing(name)):
            yield name, said or (topic_of(name),)
