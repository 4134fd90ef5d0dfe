"""What an API key may do, and who holds one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do. Each stands for itself; ``admin`` holds them all.

    A key may have others beside these: those that plugins require of their callers.
    """

    ADMIN = "admin"
    CALL = "call"
    READ = "read"
    WEBHOOKS = "webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who made a request. The tenant comes from the key and from nowhere else."""

    tenant: str
    key_id: str
    key_name: str
    scopes: frozenset[str]

    def holds(self, scope: str) -> bool:
        """Tell whether the caller may do what takes ``scope``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def lacking(required: Iterable[str], scopes: Collection[str]) -> list[str]:
    """Return which of the ``required`` scopes are neither among a key's nor held by ``admin``."""
    if Scope.ADMIN in scopes:
        return []
    return [scope for scope in required if scope not in scopes]
