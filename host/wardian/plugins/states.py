"""The life cycle: its states, and the one table of what may follow what (design, section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PluginState(StrEnum):
    """Where a plugin is in its life."""

    INSTALLED = "installed"
    ENABLED = "enabled"
    ACTIVE = "active"
    DEGRADED = "degraded"
    DISABLED = "disabled"
    QUARANTINED = "quarantined"
    UNINSTALLED = "uninstalled"


class Cause(StrEnum):
    """What the host goes by when it degrades a plugin; the same one makes it active again."""

    HEALTH = "health"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Move:
    """A change of state that the host makes by itself.

    Attributes:
        cause: what it goes by; a plugin that is degraded becomes active by the same cause only.
    """

    to: PluginState
    reason: str
    cause: Cause | None = None


_S = PluginState

TRANSITIONS: dict[PluginState, frozenset[PluginState]] = {
    _S.INSTALLED: frozenset({_S.ENABLED, _S.DISABLED, _S.UNINSTALLED}),
    _S.ENABLED: frozenset({_S.ACTIVE, _S.DISABLED, _S.QUARANTINED, _S.UNINSTALLED}),
    _S.ACTIVE: frozenset({_S.DEGRADED, _S.DISABLED, _S.QUARANTINED, _S.UNINSTALLED}),
    _S.DEGRADED: frozenset({_S.ACTIVE, _S.DISABLED, _S.QUARANTINED, _S.UNINSTALLED}),
    _S.DISABLED: frozenset({_S.ENABLED, _S.QUARANTINED, _S.UNINSTALLED}),
    _S.QUARANTINED: frozenset({_S.DISABLED, _S.UNINSTALLED}),
    _S.UNINSTALLED: frozenset(),
}

CALLABLE = frozenset({PluginState.ACTIVE, PluginState.DEGRADED})
"""The states in which a plugin takes calls."""

SWITCHED_ON = CALLABLE | {PluginState.ENABLED}
"""The states in which others may rely on a plugin: it takes calls, or will after its ``init``."""
