"""Trials: two versions of an agent answer by turns, until it is plain which is better.

The active version and a kept one are both called as plugins are, each with the grants that it has
or would have. Which of them a question goes to is a hash of the question's id, so it is the same
for whoever asks that again. What came of each is summed in memory and written down every second;
the verdict is of the sums of all hosts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wardian.agents.candidates import Candidate, Outcome
from wardian.agents.quality.deciding import Deciding
from wardian.agents.quality.pairs import Beside, Pairs
from wardian.agents.quality.running_trials import Know, RunningTrial
from wardian.agents.quality.trial_book import TrialBook
from wardian.agents.quality.trial_terms import check_answers, check_terms
from wardian.agents.registry.declared import is_agent
from wardian.agents.views import TrialView
from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, NotFound, WardianError
from wardian.events import Event, Events
from wardian.plugins import Installed, Registry
from wardian.plugins.trust import Trust
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import HOST, Journal
from wardian.storage import Database
from wardian.storage.agent_feedback import AnsweredRow
from wardian.storage.agent_trials import TrialRow
from wardian.storage.rows import now

TEND_SECONDS = 1.0

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
        self._pairs = Pairs(parts.registry, parts.trust, parts.beside)
        self._book = TrialBook(parts.database, parts.journal, parts.now)
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
        return await self._pairs.other(trial, present) or present

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
        await self._book.begin(tenant, name, row, actor)
        self._is_outdated = True
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
        row = await self._book.last(tenant, present)
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
        return await self._book.view(tenant, name, await self._book.last(tenant, present))

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
            if self._is_outdated or self._book.is_shared:
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
        self._is_outdated = False  # before, because another may begin while it is read
        try:
            rows = await self._book.running()
        except BaseException:
            self._is_outdated = True
            raise
        for key, (name, row) in rows.items():
            there = self._running.get(key)
            if there is None or there.row.id != row.id:
                self._running[key] = RunningTrial(key[0], name, row, self._parts.know)
            elif row.better is not None:
                there.row = row  # another host may have decided it
        for key in self._running.keys() - rows.keys():
            await self._book.write(self._running.pop(key))

    async def _tend(self, trial: RunningTrial) -> None:
        if not trial.over:
            await self._pairs.prepare(trial)
        await self._book.write(trial)
        await self._deciding.look(trial)
        if trial.row.ends and trial.row.better is not None and not trial.over:
            trial.over = "It is decided"
        if trial.over:
            await self._end(trial.tenant, trial.agent, trial.row, trial.over, HOST)

    async def _flush_of(self, tenant: str, present: Installed) -> None:
        trial = self._running.get((tenant, present.id))
        if trial is not None:
            await self._book.write(trial)
            await self._deciding.look(trial)

    async def _end(self, tenant: str, name: str, row: TrialRow, why: str, actor: str) -> bool:
        is_ended = await self._book.end(tenant, name, row, why, actor)
        there = self._running.get((tenant, row.plugin_id))
        if there is not None and there.row.id == row.id:
            del self._running[tenant, row.plugin_id]
        return is_ended

    async def _agent(self, tenant: str, name: str) -> Installed:
        present = await self._parts.registry.get(tenant, name)
        if not is_agent(present):
            raise NotFound(f"{name} is no agent.")
        return present

    def _hear(self, event: Event) -> None:
        if event.topic in _CHANGES:
            self._is_outdated = True
