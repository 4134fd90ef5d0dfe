"""When a trial is decided: as soon as it is plain which version is better, and then for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from wardian.agents.quality.running_trials import RunningTrial
from wardian.agents.quality.trial_views import better_arm
from wardian.runtime.journal import HOST, Journal
from wardian.storage import Database
from wardian.storage.agent_trials import OTHER, TrialRepository


class Deciding:
    """Writes down for which version a trial is decided.

    The first time counts. Evidence that held once holds, though what comes later may look
    otherwise: what a verdict misses is how often two alike are told apart at any time at all.
    """

    def __init__(self, database: Database, journal: Journal, now: Callable[[], datetime]) -> None:
        self._database = database
        self._journal = journal
        self._now = now

    async def look(self, trial: RunningTrial) -> None:
        """Look which version is better, if this host has written anything since it last looked.

        Raises:
            WardianError: the database did not answer; then it is looked again.
        """
        row, written = trial.row, trial.written
        if trial.looked == written or row.better is not None:
            return
        async with self._database.reading() as connection:
            arms = await TrialRepository(connection, trial.tenant).arms(row.plugin_id)
        better = better_arm(row, arms)
        if better is not None:
            await self._decide(trial, better)
        trial.looked = written

    async def _decide(self, trial: RunningTrial, better: str) -> None:
        row = trial.row
        async with self._journal.change(trial.tenant, HOST) as change:
            repository = TrialRepository(change.connection, trial.tenant)
            if await repository.decide(row, better, self._now()):
                detail = {
                    "active": row.active_version,
                    "other": row.other_version,
                    "better": row.other_version if better == OTHER else row.active_version,
                    "confidence": row.confidence,
                }
                await change.note_trial("trial-decided", trial.agent, detail)
            found = await repository.find(row.plugin_id)
        if found is not None and found.id == row.id:
            trial.row = found
