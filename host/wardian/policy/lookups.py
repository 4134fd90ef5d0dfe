"""How a configuration is read: what is at a key, wherever the question is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SHOWN_CHARS = 200


class Missing(Exception):
    """A configuration has nothing at a key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The configuration has no value at {key[:_SHOWN_CHARS]!r}.")


def steps_to(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the names that ``key`` leads through: one that is there as a whole wins over dots."""
    return (key,) if key in values else tuple(key.split("."))


def found_at(values: Mapping[str, Any], key: str) -> Any:
    """Return what is at ``key``, which goes into nested objects with dots.

    Raises:
        Missing: there is nothing.
    """
    current: Any = values
    for step in steps_to(values, key):
        if not isinstance(current, Mapping) or step not in current:
            raise Missing(key)
        current = current[step]
    return current
