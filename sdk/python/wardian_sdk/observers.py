"""Receive events by the names of methods.

A class that derives from ``PluginObserver`` is the plugin's event handler::

    from wardian_sdk import PluginObserver, observes

    class EventHandler(PluginObserver):
        def on_user_created(self, event): ...  # user.created

        @observes("order.line.added")
        def count_line(self, event): ...

``on_NOUN_VERB`` observes ``NOUN.VERB``: exactly two words, so that every name means one topic. For
any other topic, and for patterns with ``*``, there is ``@observes``, which takes the place of what
the name would mean. The world exports ``wardian:plugin/event-handler``, and the manifest asks for
``events:subscribe`` of each topic; ``wardian build`` says which lines it lacks.

Every method whose topic fits is called, in the order they are written in. What comes without a
method for it is done. A method that raises has the delivery fail: ``Err`` as it is, any other
exception to be tried again, with its text as the reason; then all methods are called anew.
"""

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from wardian_sdk._plain import Err

_Retry: Any
try:
    # Found where the plugin's world exports it; there is none in the plugin's own tests.
    _Retry = importlib.import_module("wit_world.exports.event_handler").HandlerError_Retry
except ImportError:
    _Retry = None

F = TypeVar("F", bound=Callable[..., Any])

_TOPICS = "__wardian_topics__"
_NAME = re.compile(r"on_([a-z0-9]+)_([a-z0-9]+)")


def observes(*topics: str) -> Callable[[F], F]:
    """Have a method called for these topics; ``*`` stands for any run of characters."""
    if not topics:
        raise ValueError("observes takes the topics, such as @observes('order.line.added')")

    def declare(function: F) -> F:
        setattr(function, _TOPICS, topics)
        return function

    return declare


def topic_of(name: str) -> str | None:
    """Return the topic that a method of this name observes, without ``@observes``.

    Raises ``ValueError`` for a name that begins with ``on_`` and does not mean one topic.
    """
    if not name.startswith("on_"):
        return None
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(
            f"{name} does not mean one topic: on_NOUN_VERB observes NOUN.VERB. Say which topic it "
            "is with @observes('…')."
        )
    return f"{found[1]}.{found[2]}"


class PluginObserver:
    """Calls the method that observes a topic."""

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        observed = list(_observed(cls))  # what is wrong with a name is said when it is imported

        def handle(self: PluginObserver, event: Any) -> None:
            for name, patterns in observed:
                if any(_fits(pattern, event.topic) for pattern in patterns):
                    _called(getattr(self, name), event)

        # Its own, because whoever watches over exports puts something else in its place.
        cls.handle = handle  # type: ignore[attr-defined]


def _observed(cls: type) -> Iterator[tuple[str, tuple[str, ...]]]:
    names = dict.fromkeys(name for each in reversed(cls.__mro__) for name in vars(each))
    for name in names:
        member = getattr(cls, name)
        if not callable(member):
            continue
        said: tuple[str, ...] | None = getattr(member, _TOPICS, None)
        topic = None if said else topic_of(name)
        if said or topic:
            yield name, said or (str(topic),)


def _called(method: Callable[[Any], Any], event: Any) -> None:
    try:
        method(event)
    except Err:
        raise
    except Exception as failure:
        if _Retry is None:  # in the plugin's own tests
            raise
        raise Err(_Retry(f"{type(failure).__name__}: {failure}")) from failure


def _fits(pattern: str, topic: str) -> bool:
    """Match as the host does: ``*`` stands for any run of characters."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), topic))
