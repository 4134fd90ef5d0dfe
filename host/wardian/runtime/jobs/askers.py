"""Whose jobs somebody may have to do with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks about jobs.

    Attributes:
        name: of the keys, one of which must have asked for a job; None takes anybody's, and those
            for which there was no key.
        plugins: one of which a job must be a call of; None takes any.
    """

    name: str | None = None
    plugins: frozenset[str] | None = None

    def may_see(self, plugin: str, key_name: str | None) -> bool:
        """Tell whether a job of a plugin is theirs that a key of this name asked for, or none."""
        if self.plugins is not None and plugin not in self.plugins:
            return False
        return self.name is None or self.name == key_name


ANYBODY = Asker()
"""Who may see every job of a tenant."""
