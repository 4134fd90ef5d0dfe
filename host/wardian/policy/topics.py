"""Topics that only the host publishes to."""

from __future__ import annotations

RESERVED = (
    "plugin",
    "trust",
    "host",
    "config",
    "credential",
    "vault",
    "event",
    "function",
    "endpoint",
    "schedule",
    "job",
    "key",
    "tenant",
    "audit",
    "api",
    "permission",
    "quota",
    "agent",
    "budget",
)
"""First words of the topics that only the host publishes to."""


def is_reserved(topic: str) -> bool:
    """Tell whether only the host may publish to ``topic``."""
    return topic.partition(".")[0] in RESERVED
