"""Trials: two versions of an agent answer by turns, until it is plain which is better.

The active version and a kept one are both called as plugins are, each with the grants that it has
or would have. Which of them a question goes to is a hash of the question's id, so it is the same
for whoever asks that again. What came of each is summed in memory and written down every second;
the verdict is of the sums of all hosts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wardian.agents.candidates import Candidate, Outcome
from wardian.agents.quality.deciding import Deciding
from wardian.agents.quality.running_trials import Know, RunningTrial
from wardian.agents.quality.trial_terms import check_answers, check_terms
from wardian.agents.quality.trial_views import trial_view
from wardian.agents.registry.declared import is_agent
from wardian.agents.views import TrialView
from wardian.crypto.identifiers import new_id
from wardian.errors import (
    CompileExceeded,
    Conflict,
    InvalidComponent,
    NotFound,
    Revoked,
    SignatureInvalid,
    WardianError,
)
from wardian.events import Event, Events
from wardian.plugins import Installed, Registry
from wardian.plugins.trust import Trust
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import HOST, Journal
from wardian.storage import Database
from wardian.storage.agent_feedback import AnsweredRow
from wardian.storage.agent_trials import TrialRepository, TrialRow, running
from wardian.storage.rows import now

TEND_SECONDS = 1.0

Beside = Callable[[str, str, str], Awaitable[Installed]]
"""Returns a tenant's plugin as it would be at a kept version; see `Upgrader.beside`."""

_FINAL = (NotFound, Conflict, SignatureInvalid, Revoked, InvalidComponent, CompileExceeded)
"""Why two versions do not go together, and will not by waiting."""

_CHANGES = frozenset({"agent.trial-started", "agent.trial-ended"})
_log = logging.getLogger("wardian.agents")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialsParts:
    """What trials are made with.

    Attributes:
        know: has a candidate of the other version be known by what was seen of it.
        is_well: tells whether an agent's breaker is closed; while it is not the active version
            answers, because it is that which is tried then.
    """

    database: Database
    events: Events
    journal: Journal
    registry: Registry
    trust: Trust
    beside: Beside
    know: Know
    is_well: Callable[[str, str], bool]
    now: Callable[[], datetime] = now


class AgentTrials:
    """The trials of every tenant; implements `wardian.agents.ports.Trials`."""

    def __init__(self, parts: TrialsParts) -> None:
        self._parts = parts
        self._running: dict[tuple[str, str], RunningTrial] = {}
        self._deciding = Deciding(parts.database, parts.journal, parts.now)
        self._is_outdated = True
        self._turn = asyncio.Lock()
        parts.events.subscribe("agent.*", self._hear)

    # -- what questions meet --

    def arm(self, tenant: str, chosen: Candidate, key: str) -> Candidate:
        """Return which version of a chosen agent answers: itself where there is no trial."""
        trial = self._running.get((tenant, chosen.plugin_id))
        if trial is None or not self._parts.is_well(tenant, chosen.plugin_id):
            return chosen
        return trial.arm(chosen, key)

    async def installed(self, tenant: str, candidate: Candidate) -> Installed:
        """Return the other version of an agent as it is called; the active one where the trial has
        ended since the other was chosen, or the two do not go together any more.

        Raises:
            NotFound: the agent is not installed any more.
            Conflict: it takes no calls.
        """
        present = await self._parts.registry.get(tenant, candidate.agent)
        if not present.is_callable:
            raise Conflict(f"{candidate.agent} is {present.state}.")
        trial = self._running.get((tenant, candidate.plugin_id))
        if trial is None or trial.row.other_version != candidate.version:
            return present
        if present is not trial.present:
            await self._prepare(trial)
        other = None if trial.over else trial.other
        if other is None or not await self._is_trusted(trial, other):
            return present
        return other

    async def _is_trusted(self, trial: RunningTrial, other: Installed) -> bool:
        try:
            await self._parts.trust.check_load(other)
        except WardianError as error:
            # Found out by the call it would set the agent aside; here it ends the trial.
            trial.over = error.message.removesuffix(".")
            return False
        return True

    def ended(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Learn how a question ended."""
        trial = self._running.get((tenant, candidate.plugin_id))
        if trial is not None:
            trial.ended(candidate, outcome)

    def scored(self, tenant: str, answered: AnsweredRow, score: float, weight: float) -> None:
        """Learn what somebody thinks of an answer, if it was given since the trial began."""
        trial = self._running.get((tenant, answered.plugin_id))
        if trial is not None and answered.at >= trial.row.since:
            trial.scored(answered.version, answered.capability, score, weight)

    # -- what operators do --

    async def start(  # noqa: PLR0913 -- a trial has this many terms, each with a default
        self,
        tenant: str,
        name: str,
        version: str,
        *,
        share: float = 0.5,
        confidence: float = 0.95,
        ends: bool = False,
        actor: str = HOST,
    ) -> TrialView:
        """Have a kept version of an agent answer beside the active one.

        Args:
            share: of questions that go to ``version``.
            confidence: with which it is decided; see `wardian.agents.quality.trial_terms`.
            ends: whether the trial ends by itself once it is decided.

        Raises:
            NotFound: no such agent, or no such version of it.
            Conflict: one runs already; the agent takes no calls; stored data was migrated between
                the versions; or the version fits what is configured or installed no more.
            SignatureInvalid, Revoked: it may not run any more.
            InvalidArguments: no share, no confidence, or a version that answers nothing of what
                the active one does.
        """
        check_terms(share, confidence)
        present = await self._agent(tenant, name)
        if not present.is_callable:
            raise Conflict(f"{name} is {present.state}, and asked nothing.")
        other = await self._parts.beside(tenant, name, version)
        check_answers(present, other)
        row = TrialRow(
            id=new_id(),
            plugin_id=present.id,
            active_version=present.version,
            active_package=present.package_digest,
            other_version=other.version,
            other_package=other.package_digest,
            share=float(share),
            confidence=float(confidence),
            ends=ends,
            since=self._parts.now(),
            by=actor[:200],
        )
        await self._begin(tenant, name, row, actor)
        await self.tend()
        return await self.status(tenant, name)

    async def stop(
        self, tenant: str, name: str, *, why: str = "It was stopped", actor: str = HOST
    ) -> TrialView:
        """End a trial; what came of it stays to be looked at.

        Raises:
            NotFound: no such agent, or it has no trial that runs.
        """
        present = await self._agent(tenant, name)
        await self._flush_of(tenant, present)  # the verdict that is written down is of all
        row = await self._row(tenant, present)
        if row.ended_at is not None or not await self._end(tenant, name, row, why, actor):
            raise NotFound(f"No trial of {name} is running.")
        return await self.status(tenant, name)

    async def status(self, tenant: str, name: str) -> TrialView:
        """Return how the trial of an agent stands, also one that has ended.

        Raises:
            NotFound: no such agent, or there was none.
        """
        present = await self._agent(tenant, name)
        await self._flush_of(tenant, present)
        return await self._view(tenant, name, await self._row(tenant, present))

    # -- what goes on meanwhile --

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Run trials while this is open."""
        await self.tend()
        async with flushed(self.tend, seconds=TEND_SECONDS, name="wardian-agent-trials"):
            yield

    async def tend(self) -> None:
        """Hear which trials there are, write down what came of them, and end those that are over.

        What goes wrong is done the next time, and logged.
        """
        async with self._turn:
            if self._is_outdated or self._parts.database.is_shared:
                await self._put_off(self._read())
            for trial in list(self._running.values()):
                await self._put_off(self._tend(trial))

    async def _put_off(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something; if that fails, it is done the next time, and the others' all the same."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 -- a trial that nobody ends would go on for ever
            is_told = isinstance(error, WardianError)
            _log.warning("Trials are looked after later: %s", error, exc_info=not is_told)

    async def _read(self) -> None:
        async with self._parts.database.reading() as connection:
            self._is_outdated = False
            rows = await running(connection)
        for key, (name, row) in rows.items():
            there = self._running.get(key)
            if there is None or there.row.id != row.id:
                self._running[key] = RunningTrial(key[0], name, row, self._parts.know)
            elif row.better is not None:
                there.row = row  # another host may have decided it
        for key in self._running.keys() - rows.keys():
            await self._flush(self._running.pop(key))

    async def _tend(self, trial: RunningTrial) -> None:
        if not trial.over:
            await self._prepare(trial)
        await self._flush(trial)
        await self._deciding.look(trial)
        if trial.row.ends and trial.row.better is not None and not trial.over:
            trial.over = "It is decided"
        if trial.over:
            await self._end(trial.tenant, trial.agent, trial.row, trial.over, HOST)

    async def _prepare(self, trial: RunningTrial) -> None:
        """Have both versions be as the plugin is now; where they cannot be, the trial is over."""
        row, agent = trial.row, trial.agent
        try:
            present = await self._parts.registry.get(trial.tenant, agent)
            if present is trial.present:
                return
            if (present.id, present.package_digest) != (row.plugin_id, row.active_package):
                trial.over = f"{agent} is {present.version} now"
                return
            other = await self._parts.beside(trial.tenant, agent, row.other_package)
        except _FINAL as error:
            trial.over = error.message.removesuffix(".")
        except WardianError as error:
            _log.warning("The trial of %s waits: %s", agent, error)
            trial.present = trial.other = None
        else:
            trial.use(present, other)

    async def _flush_of(self, tenant: str, present: Installed) -> None:
        trial = self._running.get((tenant, present.id))
        if trial is not None:
            await self._flush(trial)
            await self._deciding.look(trial)

    async def _flush(self, trial: RunningTrial) -> None:
        if not trial.has_news:
            return
        pending = trial.taken()
        try:
            async with self._parts.database.transaction() as connection:
                repository = TrialRepository(connection, trial.tenant)
                for arm, sums in pending.items():
                    await repository.add(trial.row, arm, sums)
        except BaseException:
            trial.put_back(pending)
            raise
        trial.written += 1

    async def _begin(self, tenant: str, name: str, row: TrialRow, actor: str) -> None:
        async with self._parts.journal.change(tenant, actor) as change:
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
        self._is_outdated = True

    async def _end(self, tenant: str, name: str, row: TrialRow, why: str, actor: str) -> bool:
        view = await self._view(tenant, name, row)
        async with self._parts.journal.change(tenant, actor) as change:
            repository = TrialRepository(change.connection, tenant)
            is_ended = await repository.end(row, self._parts.now(), why)
            if is_ended:
                detail = {
                    "active": row.active_version,
                    "other": row.other_version,
                    "reason": why,
                    "verdict": view.verdict,
                }
                await change.note_trial("trial-ended", name, detail)
        there = self._running.get((tenant, row.plugin_id))
        if there is not None and there.row.id == row.id:
            del self._running[tenant, row.plugin_id]
        return is_ended

    async def _view(self, tenant: str, name: str, row: TrialRow) -> TrialView:
        async with self._parts.database.reading() as connection:
            arms = await TrialRepository(connection, tenant).arms(row.plugin_id)
        return trial_view(name, row, arms)

    async def _agent(self, tenant: str, name: str) -> Installed:
        present = await self._parts.registry.get(tenant, name)
        if not is_agent(present):
            raise NotFound(f"{name} is no agent.")
        return present

    async def _row(self, tenant: str, present: Installed) -> TrialRow:
        async with self._parts.database.reading() as connection:
            row = await TrialRepository(connection, tenant).find(present.id)
        if row is None:
            raise NotFound(f"No versions of {present.name} were tried beside each other.")
        return row

    def _hear(self, event: Event) -> None:
        if event.topic in _CHANGES:
            self._is_outdated = True
