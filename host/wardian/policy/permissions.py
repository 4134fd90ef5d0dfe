"""Permissions as text: `kv:read`, `events:publish:orders.*`, `http:request:GET:https://…/*`.

Grammar (design, section 6): ``noun:verb`` or ``noun:verb:target``, where a ``*`` in the target
stands for any run of characters. Nothing else is special, so people can read and grep them.

An address is matched part by part, so that a ``*`` in its host ends where the host ends, and
stands for whole labels only: ``https://*.example.org/*`` reaches no host outside that domain. One
in its path ends where the path ends: ``https://example.org/*/logo`` is not met by a query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from wardian.errors import InvalidArguments
from wardian.policy import wildcards
from wardian.policy.urls import DEFAULT_PORTS, Url, spelled

MAX_PERMISSION_CHARS = 512

_TARGETS: dict[str, re.Pattern[str] | None] = {
    "kv:read": None,
    "kv:write": None,
    "events:publish": wildcards.NAMES,
    "events:subscribe": wildcards.NAMES,
    "http:request": re.compile(
        r"(?:[A-Z]+|\*):https?://(?:\*|(?:\*\.)?[^\s\\@#/?*]+)(?:[/?][^\s\\@#]*)?"
    ),
    "credentials:use": wildcards.NAMES,
    "credentials:reveal": wildcards.NAMES,
    "plugins:call": wildcards.NAMES,
    "agents:ask": wildcards.NAMES,
}
"""What may be asked for, and what its target looks like; None takes no target."""

_ADDRESS = (
    "METHOD:URL, where a * in the host is all of it or its first labels, as in "
    "GET:https://*.example.org/*"
)
_NAME = "lower-case words, with * for any run of characters"


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
        return all(
            map(
                wildcards.matches,
                _parts(self.action, self.target),
                _parts(self.action, other.target),
            )
        )

    def overlaps(self, other: Permission) -> bool:
        """Tell whether there is anything that both this and ``other`` cover."""
        if self.action != other.action:
            return False
        if self.target is None or other.target is None:
            return self.target == other.target
        return all(
            map(wildcards.meet, _parts(self.action, self.target), _parts(self.action, other.target))
        )

    def without_query(self) -> Permission:
        """Return what it takes to ask the same address for nothing in particular."""
        if self.action != "http:request" or self.target is None:
            return self
        return Permission(self.action, self.target.partition("?")[0])

    def address(self) -> Address:
        """Return the parts of the target of an ``http:request``."""
        return _address(self.target or "")


class Address(NamedTuple):
    """The target of an ``http:request``, in the parts that are matched one by one.

    Attributes:
        query: with its question mark. A pattern without one takes any if its path ends in ``*``,
            and none otherwise.
    """

    method: str
    scheme: str
    authority: str
    path: str
    query: str


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
        shape = _ADDRESS if action == "http:request" else _NAME
        raise InvalidArguments(f"The permission {action!r} takes a target, {shape}; not {text!r}.")
    return Permission(action, target)


def request_permission(method: str, url: Url) -> Permission:
    """Return what it takes to send a request: concrete, whatever its characters."""
    return Permission("http:request", f"{method}:{url}")


def noted(wanted: Permission) -> Permission:
    """Return a permission as it may be written down: short, in the grammar, and without a query.

    A query may have anything in it, a person's data and keys among it, and has no end of values;
    so all that a path was asked are one. What is no text of the grammar stands as its host.
    """
    if wanted.action != "http:request" or wanted.target is None:
        return wanted
    target, mark, _ = wanted.target.partition("?")
    short = Permission(wanted.action, f"{target}?*" if mark else target)
    try:
        return parse_permission(str(short))
    except InvalidArguments:
        address = wanted.address()
        whole = f"{address.method}:{address.scheme}://{address.authority}/*"
        return Permission(wanted.action, whole)


def expression() -> str:
    """Return a regular expression for a permission, of the kind that JSON Schema has too."""
    alternatives = [
        action if pattern is None else f"{action}:(?:{pattern.pattern})"
        for action, pattern in _TARGETS.items()
    ]
    return f"^(?:{'|'.join(alternatives)})$"


def _described() -> list[str]:
    return [name if pattern is None else f"{name}:…" for name, pattern in _TARGETS.items()]


def tightest(permissions: Iterable[Permission], wanted: Permission) -> Permission | None:
    """Return the narrowest of ``permissions`` that covers ``wanted``, or None if none does."""
    covering = [each for each in permissions if each.covers(wanted)]
    return min(covering, key=_wideness, default=None)


def widest(permission: Permission) -> Permission:
    """Return the widest pattern that covers ``permission``; of an address the scheme stays."""
    if permission.target is None:
        return permission
    if permission.action == "http:request":
        return Permission(permission.action, f"*:{permission.address().scheme}://*")
    return Permission(permission.action, "*")


def _wideness(permission: Permission) -> tuple[bool, int, str]:
    """A key that puts whatever is covered by another before that other."""
    target = permission.target or ""
    return "*" in target, -len(target.replace("*", "")), target


@lru_cache(maxsize=1_024)
def _address(target: str) -> Address:
    method, _, url = target.partition(":")
    scheme, _, tail = url.partition("://")
    cut = min((at for at in map(tail.find, "/?") if at >= 0), default=len(tail))
    authority, rest = tail[:cut], tail[cut:]
    # `https://*` is everything, as everybody reads it.
    path, mark, query = (rest or ("*" if authority == "*" else "")).partition("?")
    asked = mark + query if mark else "*" * path.endswith("*")
    return Address(method, scheme, _host(scheme, authority), spelled(path), asked)


def _host(scheme: str, authority: str) -> str:
    """Return host and port as a request's address has them."""
    return authority.lower().removesuffix(f":{DEFAULT_PORTS[scheme]}")


def _parts(action: str, target: str) -> tuple[str, ...]:
    return _address(target) if action == "http:request" else (target,)
