"""The life cycle: its states, and the one table of what may follow what (design, section 8)."""

from __future__ import annotations

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
