"""Trials as they are written down: which there are, and what came of each version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from wardian.agents.quality.running_trials import RunningTrial
from wardian.agents.quality.trial_views import trial_view
from wardian.agents.views import TrialView
from wardian.errors import Conflict, NotFound
from wardian.plugins import Installed
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.agent_trials import TrialRepository, TrialRow, running


class TrialBook:
    """Writes trials down, and reads them."""

    def __init__(self, database: Database, journal: Journal, now: Callable[[], datetime]) -> None:
        self._database = database
        self._journal = journal
        self._now = now

    @property
    def is_shared(self) -> bool:
        """Whether other hosts write, too."""
        return self._database.is_shared

    async def running(self) -> Mapping[tuple[str, str], tuple[str, TrialRow]]:
        """Return the trials that run, by tenant and plugin id, each with the plugin's name."""
        async with self._database.reading() as connection:
            return await running(connection)

    async def begin(self, tenant: str, name: str, row: TrialRow, actor: str) -> None:
        """Begin a trial.

        Raises:
            Conflict: another runs, or the plugin was changed meanwhile.
        """
        async with self._journal.change(tenant, actor) as change:
            found = await change.plugins.find(name)
            if found is None or found.package_digest != row.active_package:
                raise Conflict(f"{name} was changed meanwhile. Look at it, and try again.")
            repository = TrialRepository(change.connection, tenant)
            before = await repository.find(row.plugin_id)
            if before is not None and before.ended_at is None:
                raise Conflict(
                    f"{name} {before.other_version} is tried beside {before.active_version} since "
                    f"{before.since:%Y-%m-%d %H:%M} UTC. Stop that first."
                )
            await repository.begin(row)
            detail = {
                "active": row.active_version,
                "other": row.other_version,
                "share": row.share,
                "confidence": row.confidence,
            }
            await change.note_trial("trial-started", name, detail)

    async def end(self, tenant: str, name: str, row: TrialRow, why: str, actor: str) -> bool:
        """End one; return whether it ran until now."""
        view = await self.view(tenant, name, row)
        async with self._journal.change(tenant, actor) as change:
            repository = TrialRepository(change.connection, tenant)
            is_ended = await repository.end(row, self._now(), why)
            if is_ended:
                detail = {
                    "active": row.active_version,
                    "other": row.other_version,
                    "reason": why,
                    "verdict": view.verdict,
                }
                await change.note_trial("trial-ended", name, detail)
        return is_ended

    async def write(self, trial: RunningTrial) -> None:
        """Add what came of a trial here and is not written down yet."""
        if not trial.has_news:
            return
        pending = trial.taken()
        try:
            async with self._database.transaction() as connection:
                repository = TrialRepository(connection, trial.tenant)
                for arm, sums in pending.items():
                    await repository.add(trial.row, arm, sums)
        except BaseException:
            trial.put_back(pending)
            raise
        trial.written += 1

    async def last(self, tenant: str, present: Installed) -> TrialRow:
        """Return the trial of a plugin that runs, or the last that did.

        Raises:
            NotFound: there was none.
        """
        async with self._database.reading() as connection:
            row = await TrialRepository(connection, tenant).find(present.id)
        if row is None:
            raise NotFound(f"No versions of {present.name} were tried beside each other.")
        return row

    async def view(self, tenant: str, name: str, row: TrialRow) -> TrialView:
        """Show one."""
        async with self._database.reading() as connection:
            arms = await TrialRepository(connection, tenant).arms(row.plugin_id)
        return trial_view(name, row, arms)
