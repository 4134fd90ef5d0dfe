"""The two versions of a trial: each as it is called, for as long as they go together."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from wardian.agents.quality.running_trials import RunningTrial
from wardian.errors import (
    CompileExceeded,
    Conflict,
    InvalidComponent,
    NotFound,
    Revoked,
    SignatureInvalid,
    WardianError,
)
from wardian.plugins import Installed, Registry
from wardian.plugins.trust import Trust

Beside = Callable[[str, str, str], Awaitable[Installed]]
"""Returns a tenant's plugin as it would be at a kept version; see `Upgrader.beside`."""

_FINAL = (NotFound, Conflict, SignatureInvalid, Revoked, InvalidComponent, CompileExceeded)
"""Why two versions do not go together, and will not by waiting."""

_log = logging.getLogger("wardian.agents")


class Pairs:
    """Finds both versions of a trial; where they cannot be had, the trial is over."""

    def __init__(self, registry: Registry, trust: Trust, beside: Beside) -> None:
        self._registry = registry
        self._trust = trust
        self._beside = beside

    async def other(self, trial: RunningTrial, present: Installed) -> Installed | None:
        """Return the other version of the plugin that is ``present``; None if it may not answer."""
        if present is not trial.present:
            await self.prepare(trial)
        other = None if trial.over else trial.other
        if other is None or not await self._is_trusted(trial, other):
            return None
        return other

    async def prepare(self, trial: RunningTrial) -> None:
        """Have both versions be as the plugin is now; where they cannot be, the trial is over."""
        row, agent = trial.row, trial.agent
        try:
            present = await self._registry.get(trial.tenant, agent)
            if present is trial.present:
                return
            if (present.id, present.package_digest) != (row.plugin_id, row.active_package):
                trial.over = f"{agent} is {present.version} now"
                return
            other = await self._beside(trial.tenant, agent, row.other_package)
        except _FINAL as error:
            trial.over = error.message.removesuffix(".")
        except WardianError as error:
            _log.warning("The trial of %s waits: %s", agent, error)
            trial.present = trial.other = None
        else:
            trial.use(present, other)

    async def _is_trusted(self, trial: RunningTrial, other: Installed) -> bool:
        try:
            await self._trust.check_load(other)
        except WardianError as error:
            # Found out by the call it would set the agent aside; here it ends the trial.
            trial.over = error.message.removesuffix(".")
            return False
        return True
