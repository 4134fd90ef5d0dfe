"""What an API key may do, and who holds one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What a key may do. Each stands for itself; ``admin`` holds them all.

    A key may have others beside these: those that plugins require of their callers.
    """

    ADMIN = "admin"
    CALL = "call"
    READ = "read"
    WEBHOOKS = "webhooks"


class Bounds(NamedTuple):
    """How many requests a key and its tenant may make; None is what the settings say."""

    key: str | None = None
    tenant: str | None = None


UNBOUNDED = Bounds()
"""What has no bounds of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who made a request. The tenant comes from the key and from nowhere else.

    Attributes:
        expires_at: of the token that came with it; None if it never does.
        bounds: on its requests.
        plugins, networks: which it may have to do with, and be used from; None is all.
    """

    tenant: str
    key_id: str
    key_name: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    bounds: Bounds = UNBOUNDED
    plugins: frozenset[str] | None = None
    networks: tuple[str, ...] | None = None

    def holds(self, scope: str) -> bool:
        """Tell whether the caller may do what takes ``scope``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


OF_PLUGIN = "plugin:"
"""What begins with this among the scopes of a caller is no right: it is a plugin of a key that may
have to do with some plugins only, and is handed on with the scopes to where calls are let in."""


def scopes_with(scopes: Iterable[str], plugins: Iterable[str] | None) -> frozenset[str]:
    """Return a key's scopes as they are handed on: with the plugins that it is for, if not all."""
    return frozenset((*scopes, *(OF_PLUGIN + name for name in plugins or ())))


def may_call(plugin: str, scopes: Collection[str]) -> bool:
    """Tell whether a key of these scopes may have to do with a plugin."""
    if OF_PLUGIN + plugin in scopes:
        return True
    return not any(scope.startswith(OF_PLUGIN) for scope in scopes)


def lacking(required: Iterable[str], scopes: Collection[str]) -> list[str]:
    """Return which of the ``required`` scopes are neither among a key's nor held by ``admin``."""
    if Scope.ADMIN in scopes:
        return []
    return [scope for scope in required if scope not in scopes]
