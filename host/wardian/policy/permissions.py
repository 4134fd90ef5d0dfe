"""Permissions as text: `kv:read`, `events:publish:orders.*`, `http:request:GET:https://…/*`.

Grammar (design, section 6): ``noun:verb`` or ``noun:verb:target``, where a ``*`` in the target
stands for any run of characters. Nothing else is special, so people can read and grep them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wardian.errors import InvalidArguments

MAX_PERMISSION_CHARS = 512

_TARGETS: dict[str, re.Pattern[str] | None] = {
    "kv:read": None,
    "kv:write": None,
    "events:publish": re.compile(r"[a-z0-9*][a-z0-9.*_-]*"),
    "events:subscribe": re.compile(r"[a-z0-9*][a-z0-9.*_-]*"),
    "http:request": re.compile(r"(?:[A-Z]+|\*):https?://[^\s\\@#]+"),
    "credentials:use": re.compile(r"[a-z0-9*][a-z0-9.*_-]*"),
    "credentials:reveal": re.compile(r"[a-z0-9*][a-z0-9.*_-]*"),
    "plugins:call": re.compile(r"[a-z0-9*][a-z0-9.*_-]*"),
    "agents:ask": re.compile(r"[a-z0-9*][a-z0-9.*_-]*"),
}
"""What may be asked for, and what its target looks like; None takes no target."""


DESCRIPTIONS: dict[str, str] = {
    "kv:read": "read and list its own key-value entries",
    "kv:write": "write and delete its own key-value entries",
    "events:publish:TOPIC": "publish events to matching topics",
    "events:subscribe:TOPIC": "receive events of matching topics",
    "http:request:METHOD:URL": "send HTTP requests of this method to matching addresses",
    "credentials:use:NAME": "have the host use a credential for it, without seeing it",
    "credentials:reveal:NAME": "read a credential; most levels never allow it",
    "plugins:call:CAPABILITY": "call the plugin that offers a capability",
    "agents:ask:CAPABILITY": "ask agents that offer a capability",
}
"""Every permission with what it allows, for the people who grant it."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One permission, as asked for in a manifest or granted by an operator."""

    action: str
    target: str | None = None

    def __str__(self) -> str:
        return self.action if self.target is None else f"{self.action}:{self.target}"

    def covers(self, other: Permission) -> bool:
        """Tell whether whoever holds this also holds ``other`` (which may have wildcards)."""
        if self.action != other.action:
            return False
        if self.target is None or other.target is None:
            return self.target == other.target
        return _matches(self.target, other.target)


def parse_permission(text: str) -> Permission:
    """Parse one permission.

    Raises:
        InvalidArguments: the text is not a permission of the grammar; says what is.
    """
    noun, _, rest = text.partition(":")
    verb, colon, target = rest.partition(":")
    action = f"{noun}:{verb}"
    if len(text) > MAX_PERMISSION_CHARS or action not in _TARGETS:
        raise InvalidArguments(
            f"{text[:MAX_PERMISSION_CHARS]!r} is not a permission; there are "
            f"{', '.join(_described())}."
        )
    pattern = _TARGETS[action]
    if pattern is None:
        if colon:
            raise InvalidArguments(f"The permission {action!r} takes no target: {text!r}.")
        return Permission(action)
    if not pattern.fullmatch(target):
        raise InvalidArguments(f"The permission {action!r} needs a valid target: {text!r}.")
    return Permission(action, target)


def expression() -> str:
    """Return a regular expression for a permission, of the kind that JSON Schema has too."""
    alternatives = [
        action if pattern is None else f"{action}:(?:{pattern.pattern})"
        for action, pattern in _TARGETS.items()
    ]
    return f"^(?:{'|'.join(alternatives)})$"


def _described() -> list[str]:
    return [name if pattern is None else f"{name}:…" for name, pattern in _TARGETS.items()]


def _matches(pattern: str, text: str) -> bool:
    """Match with ``*`` as any run of characters, in linear time (leftmost is enough)."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first):
        return False
    position = len(first)
    for part in rest[:-1]:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    last = rest[-1]
    return len(text) - len(last) >= position and text.endswith(last)
