"""Plugins whose calls keep failing are degraded, and active again once they do not.

Only faults count: calls that were stopped, trapped or lost. An error that a plugin answers is an
answer, and a caller who lowers a limit gets what was asked for. Looked at are a plugin's last
calls, from its first fault on: of a plugin without faults nothing is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wardian.errors import CallError, GuestError, WorkerLost
from wardian.plugins import Installed, PluginState
from wardian.plugins.states import Cause, Move

_CALLS = Cause.CALLS  # looked up once, because this is on the way of every call

Settle = Callable[[Installed, Move], Awaitable[object]]
"""Makes a change of state that the host decided on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPolicy:
    """When calls fail too often.

    Attributes:
        fault_rate_max: the share of faults that a plugin may have; 1 never degrades it. Half of it
            makes it active again: what is at the border must not go back and forth.
        calls: how many of the last calls are looked at.
        calls_min: fewer say nothing.
    """

    fault_rate_max: float = 0.5
    calls: int = 50
    calls_min: int = 20


class Traffic:
    """Looks at the calls of plugins that have had a fault.

    What it knows is in memory, and of this host alone; the state it sets is in the database.
    """

    def __init__(self, policy: TrafficPolicy, settle: Settle) -> None:
        self._policy = policy
        self._settle = settle
        self._all = (1 << policy.calls) - 1
        self._windows: dict[_Key, _Window] = {}

    def watches(self, plugin: Installed) -> bool:
        """Tell whether `ended` wants to hear of calls of a plugin that went well."""
        if self._windows and _key(plugin) in self._windows:
            return True
        return plugin.degraded_by is _CALLS

    async def ended(self, plugin: Installed, error: CallError | None, *, lowered: bool) -> None:
        """Note how a call ended; ``lowered`` tells that its caller lowered a limit."""
        is_fault = error is not None and not isinstance(error, GuestError)
        if is_fault and (lowered or (isinstance(error, WorkerLost) and not error.by_call)):
            return
        if not is_fault and not self.watches(plugin):
            return
        window = self._windows.setdefault(_key(plugin), _Window())
        window.faults = (window.faults << 1 | is_fault) & self._all
        window.calls = min(window.calls + 1, self._policy.calls)
        move = self._move(plugin, window)
        if move is not None:
            window.decided_for = plugin
            await self._settle(plugin, move)
        elif not window.faults and plugin.degraded_by is not Cause.CALLS:
            self._windows.pop(_key(plugin), None)

    def forget(self, tenant: str, name: str) -> None:
        """Begin anew with a plugin."""
        for key in [key for key in self._windows if key[:2] == (tenant, name)]:
            del self._windows[key]

    def _move(self, plugin: Installed, window: _Window) -> Move | None:
        # One decision for what a plugin is now: calls that ended beside the one that made the
        # difference would each ask for the same.
        if window.calls < self._policy.calls_min or window.decided_for is plugin:
            return None
        faults = window.faults.bit_count()
        rate, most = faults / window.calls, self._policy.fault_rate_max
        if plugin.state is PluginState.ACTIVE and rate > most:
            reason = f"{faults} of its last {window.calls} calls failed: more than {most:.0%}"
            return Move(PluginState.DEGRADED, reason, Cause.CALLS)
        if plugin.degraded_by is Cause.CALLS and rate <= most / 2:
            reason = (
                f"{faults} of its last {window.calls} calls failed: no more than {most / 2:.0%}"
            )
            return Move(PluginState.ACTIVE, reason, Cause.CALLS)
        return None


@dataclass(slots=True)
class _Window:
    """A plugin's last calls: a bit for each, set for a fault, the newest the lowest.

    Attributes:
        decided_for: what the plugin was when a change of it was asked for.
    """

    faults: int = 0
    calls: int = 0
    decided_for: Installed | None = None


_Key = tuple[str, str, str]
"""A tenant, a plugin's name, and its package: two versions may be called at once."""


def _key(plugin: Installed) -> _Key:
    return plugin.tenant, plugin.name, plugin.package_digest
