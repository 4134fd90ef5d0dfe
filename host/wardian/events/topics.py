"""Topics: dot-separated lower-case words, such as ``orders.created``."""

from __future__ import annotations

import re

from wardian.errors import InvalidArguments
from wardian.policy import wildcards
from wardian.policy.topics import RESERVED, is_reserved

__all__ = ["MAX_TOPIC_CHARS", "RESERVED", "check_pattern", "check_topic", "is_reserved", "matches"]

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


def check_pattern(pattern: str) -> None:
    """Check a pattern of topics, of those who list, follow and subscribe.

    Raises:
        InvalidArguments: it is too long, or has what no topic has.
    """
    if len(pattern) > MAX_TOPIC_CHARS or not wildcards.NAMES.fullmatch(pattern):
        raise InvalidArguments(
            f"{pattern[:MAX_TOPIC_CHARS]!r} is not a pattern of topics: it takes up to "
            f"{MAX_TOPIC_CHARS} characters of a topic, with '*' for any run of them, such as "
            "'orders.*' or 'orders.*.created'.",
            path="topic",
        )


def matches(pattern: str, topic: str) -> bool:
    """Tell whether ``topic`` fits ``pattern``, as of `wardian.policy.wildcards`."""
    return wildcards.matches(pattern, topic)
