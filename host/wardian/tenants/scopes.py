"""What an API key may do, and who holds one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do. Each stands for itself; ``admin`` holds them all."""

    ADMIN = "admin"
    CALL = "call"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who made a request. The tenant comes from the key and from nowhere else."""

    tenant: str
    key_id: str
    key_name: str
    scopes: frozenset[Scope]

    def holds(self, scope: Scope) -> bool:
        """Tell whether the caller may do what takes ``scope``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes
