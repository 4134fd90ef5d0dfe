"""Publish events. Needs ``events:publish:TOPIC`` for the topic."""

from wit_world.imports import events as _host

from wardian_sdk._errors import ask
from wardian_sdk._json import to_text

__all__ = ["publish"]


def publish(topic: str, data: object, *, key: str | None = None) -> str:
    """Publish one event and return its id.

    ``topic`` is dot-separated lower-case words; ``data`` is anything that JSON can hold, up to
    256 KiB of text. Events with the same ``key`` are delivered in order. The event is stored
    when this returns; delivery happens later, at least once.
    """
    return ask(_host.publish, topic, to_text(data), key)
