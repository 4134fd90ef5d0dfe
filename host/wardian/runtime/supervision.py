"""Crash loops: a plugin whose calls keep costing their workers rests, and then is set aside.

A worker that dies fails one call, and another takes its place in milliseconds. So a plugin that
crashes every time could keep the host starting processes. Crashes count while they come in a row:
a call that leaves its worker alive ends the row. The first goes unpunished, because a process may
be killed for reasons of its machine; after each further one the plugin's next calls wait a while
that doubles; and at ``crashes_max`` the plugin is quarantined, with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from wardian.errors import Overloaded, WorkerLost
from wardian.plugins import Installed

FIRST_REST_SECONDS = 0.1
REST_SECONDS_MAX = 5.0
RESTING_CALLS_MAX = 64

Quarantine = Callable[[Installed, str], Awaitable[object]]
"""Sets a plugin aside, for a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPolicy:
    """When crashes are a loop.

    Attributes:
        crashes_max: so many in a row, …
        window_seconds: … the last of them no later than this after the first.
    """

    crashes_max: int = 5
    window_seconds: float = 600.0


class Supervisor:
    """Counts the crashes of plugins in a row.

    What it knows is in memory, and of this host alone; a quarantine is in the database.
    """

    def __init__(self, policy: CrashPolicy, quarantine: Quarantine) -> None:
        self._policy = policy
        self._quarantine = quarantine
        self._rows: dict[_Key, _Row] = {}

    def rests(self, plugin: Installed) -> bool:
        """Tell whether the plugin's next call has to wait."""
        row = self._rows.get(_key(plugin)) if self._rows else None
        return row is not None and row.rests_until > monotonic()

    async def rested(self, plugin: Installed) -> None:
        """Wait for the end of a rest, if another does not begin meanwhile.

        Raises:
            Overloaded: too many calls of it wait already.
        """
        row = self._rows.get(_key(plugin))
        if row is None:
            return
        if row.resting >= RESTING_CALLS_MAX:
            raise Overloaded(
                f"{plugin.name} has cost its workers {row.crashes} calls in a row and rests; "
                f"{row.resting} calls of it wait already. Try again later.",
                retry_after_seconds=max(0.0, row.rests_until - monotonic()),
            )
        row.resting += 1
        try:
            await asyncio.sleep(max(0.0, row.rests_until - monotonic()))
        finally:
            row.resting -= 1

    def survived(self, plugin: Installed) -> None:
        """Note that a call ended and its worker lives: a row of crashes is over."""
        if self._rows:
            self._rows.pop(_key(plugin), None)

    def forget(self, tenant: str, name: str) -> None:
        """Begin anew with a plugin."""
        for key in [key for key in self._rows if key[:2] == (tenant, name)]:
            del self._rows[key]

    async def lost(self, plugin: Installed, error: WorkerLost) -> None:
        """Count a call that cost its worker; quarantine the plugin when it is one too many."""
        if not error.by_call:
            return
        now = monotonic()
        row = self._rows.get(_key(plugin))
        if row is None or now - row.began > self._policy.window_seconds:
            row = self._rows[_key(plugin)] = _Row(now)
        row.crashes += 1
        if row.crashes >= self._policy.crashes_max:
            self._rows.pop(_key(plugin), None)
            reason = f"{row.crashes} calls in a row cost their workers; the last: {error.message}"
            await self._quarantine(plugin, reason)
        elif row.crashes > 1:
            rest = FIRST_REST_SECONDS * 2 ** (row.crashes - 2)
            row.rests_until = now + min(rest, REST_SECONDS_MAX)


_Key = tuple[str, str, str]
"""A tenant, a plugin's name, and its package: two versions may be called at once."""


def _key(plugin: Installed) -> _Key:
    return plugin.tenant, plugin.name, plugin.package_digest


@dataclass(slots=True)
class _Row:
    """Crashes without a call between them that went well.

    Attributes:
        resting: calls that wait.
    """

    began: float
    crashes: int = 0
    rests_until: float = 0.0
    resting: int = 0
