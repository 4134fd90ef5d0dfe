"""Topics: dot-separated lower-case words, such as ``orders.created``."""

from __future__ import annotations

import re

from wardian.errors import InvalidArguments
from wardian.policy.topics import RESERVED, is_reserved

__all__ = ["MAX_TOPIC_CHARS", "RESERVED", "check_topic", "is_reserved", "matches"]

MAX_TOPIC_CHARS = 200

_TOPIC = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*(?:\.[a-z0-9]+(?:[_-][a-z0-9]+)*)*")


def check_topic(topic: str) -> None:
    """Check a topic.

    Raises:
        InvalidArguments: it is too long, or not dot-separated lower-case words.
    """
    if len(topic) > MAX_TOPIC_CHARS or not _TOPIC.fullmatch(topic):
        raise InvalidArguments(
            f"{topic[:MAX_TOPIC_CHARS]!r} is not a topic: it takes up to {MAX_TOPIC_CHARS} "
            "characters of lower-case words with dots between them, such as 'orders.created'."
        )


def matches(pattern: str, topic: str) -> bool:
    """Tell whether ``topic`` fits ``pattern``, whose last word may be ``*`` for any words."""
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return topic.startswith(pattern[:-1])
    return topic == pattern
