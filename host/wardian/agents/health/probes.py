"""Probes: the host asks an agent by itself, while nobody else does, to know whether it is well.

An agent has a probe if its manifest says so. It is asked when nobody has asked it, on any host, for
as long as the manifest says, by whichever host is first; and as soon as the agent's breaker lets
somebody try it. What it costs is the tenant's to pay, as of any question, so it is held against the
budgets. It tells how fast the agent is and whether it answers at all; of how good it is, nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from wardian.agents.asking.attempt import Attempt
from wardian.agents.asking.attempts import Attempts
from wardian.agents.budgets.allowances import Allowances
from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.health.breakers import AgentBreakers
from wardian.agents.ports import Candidates
from wardian.agents.questions import Question
from wardian.errors import WardianError
from wardian.plugins import Installed, Registry
from wardian.plugins.agents import AgentProbe
from wardian.storage import Database
from wardian.storage.agent_breakers import BreakerRepository, BreakerRow
from wardian.storage.rows import now
from wardian.tenants import Tenants

LOOK_SECONDS = 1.0
"""How often it is looked for agents that are to be asked; where there are none it costs nothing."""

AT_ONCE = 2

_log = logging.getLogger("wardian.agents")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbesParts:
    """What agents are probed with.

    Attributes:
        now: the wall clock.
    """

    database: Database
    registry: Registry
    tenants: Tenants
    candidates: Candidates
    breakers: AgentBreakers
    attempts: Attempts
    allowances: Allowances
    now: Callable[[], datetime] = now


@dataclass(slots=True)
class _Known:
    """What this host knows of one agent that has a probe.

    Attributes:
        heard_at: when somebody's question to it last ended here.
        written_at: what of that other hosts know.
        look_at: when it is to be looked at next.
        turn: the larger, the later it was probed last.
    """

    heard_at: datetime | None = None
    written_at: datetime | None = None
    look_at: datetime | None = None
    turn: int = 0


_Key = tuple[str, str]


class Probes:
    """Asks agents that nobody asks."""

    def __init__(self, parts: ProbesParts, *, is_on: bool = True) -> None:
        """Unless ``is_on``, nobody is asked."""
        self._parts = parts
        self._is_on = is_on
        self._known: dict[_Key, _Known] = {}
        self._running: dict[_Key, asyncio.Task[None]] = {}
        self._turns = count(1)
        self._turn_of: dict[str, int] = {}

    def heard(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Note that somebody asked an agent, which is as good as a probe."""
        known = self._known.get((tenant, candidate.plugin_id))
        if known is None or candidate.is_trial:
            return
        if outcome.ending not in (Ending.CANCELLED, Ending.NOT_BEGUN):
            known.heard_at = self._parts.now()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Ask agents on schedule while this is open."""
        if not self._is_on:
            yield
            return
        task = asyncio.create_task(self._run(), name="wardian-agent-probes")
        try:
            yield
        finally:
            ending = [task, *self._running.values()]
            for each in ending:
                each.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def run_due(self) -> None:
        """Ask those that are to be asked by now, and return when that is done."""
        await self._begin_due()
        while self._running:
            await asyncio.wait(self._running.values())
            await self._begin_due()

    async def _run(self) -> None:
        while True:
            await self._begin_due()
            await asyncio.sleep(LOOK_SECONDS)

    async def _begin_due(self) -> None:
        try:
            there = [each async for each in self._probed()]
            # Those who take long must not keep others from their turn: who had one last is last.
            for plugin, probe in sorted(there, key=self._turn):
                await self._look(plugin, probe)
            keys = {_key(plugin) for plugin, _ in there}
            for gone in self._known.keys() - keys:
                del self._known[gone]
            for tenant in self._turn_of.keys() - {tenant for tenant, _ in keys}:
                del self._turn_of[tenant]
        except Exception as error:  # noqa: BLE001 -- whoever stops looking finds nobody well again
            is_told = isinstance(error, WardianError)
            _log.warning("Agents are probed later: %s", error, exc_info=not is_told)

    async def _probed(self) -> AsyncIterator[tuple[Installed, AgentProbe]]:
        """Go through the agents that have a probe, and can be called."""
        for tenant in await self._parts.tenants.list():
            for plugin in await self._parts.registry.all(tenant.name):
                agent = plugin.manifest.agent
                if agent is not None and agent.probe is not None and plugin.is_callable:
                    yield plugin, agent.probe

    def _turn(self, probed: tuple[Installed, AgentProbe]) -> tuple[int, int]:
        key = _key(probed[0])
        known = self._known.get(key)
        return self._turn_of.get(key[0], 0), 0 if known is None else known.turn

    async def _look(self, plugin: Installed, probe: AgentProbe) -> None:
        key = _key(plugin)
        known = self._known.setdefault(key, _Known())
        if key in self._running or len(self._running) >= AT_ONCE:
            return
        is_tried = self._parts.breakers.may_try(*key)
        if not is_tried and self._parts.breakers.unavailable(*key):
            return
        candidate = await self._candidate(plugin, probe)
        if candidate is not None and not candidate.is_available:
            return  # its operator has paused it
        if is_tried or await self._is_due(key, known, timedelta(seconds=probe.seconds)):
            self._start(key, plugin, probe)

    async def _is_due(self, key: _Key, known: _Known, every: timedelta) -> bool:
        """Tell whether an agent is to be asked now, and by this host."""
        at = self._parts.now()
        await self._tell_heard(key, known, every)
        if _is_before(at, known.look_at) or _is_before(at, _later(known.heard_at, every)):
            return False
        look_at = await self._due(key, at, every)
        known.look_at = look_at or at + every
        return look_at is None

    async def _tell_heard(self, key: _Key, known: _Known, every: timedelta) -> None:
        """Have other hosts know that an agent is asked here: now and then, because it costs."""
        heard = known.heard_at
        if heard is None or _is_before(heard, _later(known.written_at, every / 2)):
            return
        async with self._parts.database.transaction() as connection:
            await BreakerRepository(connection, key[0]).heard(key[1], heard)
        known.written_at = heard

    async def _due(self, key: _Key, at: datetime, every: timedelta) -> datetime | None:
        """Return when an agent is to be asked next; None if it is now, and by this host."""
        async with self._parts.database.transaction() as connection:
            repository = BreakerRepository(connection, key[0])
            if await repository.begin_probe(key[1], at - every, at):
                return None
            row = await repository.find(key[1]) or BreakerRow(plugin_id=key[1])
        last = max(each for each in (row.heard_at, row.probed_at, at - every) if each is not None)
        # A clock that was set back must not put it off for longer than that.
        return min(last, at) + every

    def _start(self, key: _Key, plugin: Installed, probe: AgentProbe) -> None:
        self._turn_of[key[0]] = self._known[key].turn = next(self._turns)
        task = asyncio.create_task(
            self._probe(key, plugin, probe), name=f"wardian-agent-probe {plugin.name}"
        )
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _probe(self, key: _Key, plugin: Installed, probe: AgentProbe) -> None:
        try:
            said = await self._ask(plugin, probe)
            async with self._parts.database.transaction() as connection:
                repository = BreakerRepository(connection, plugin.tenant)
                await repository.end_probe(plugin.id, said, self._parts.now())
        except Exception as error:  # noqa: BLE001 -- one agent's must not end the others'
            is_told = isinstance(error, WardianError)
            _log.warning("%s was not probed: %s", plugin.name, error, exc_info=not is_told)

    async def _candidate(self, plugin: Installed, probe: AgentProbe) -> Candidate | None:
        candidates = self._parts.candidates
        await candidates.refresh(plugin.tenant)
        found = candidates.of(plugin.tenant, probe.capability)
        return next((each for each in found if each.plugin_id == plugin.id), None)

    async def _ask(self, plugin: Installed, probe: AgentProbe) -> str:
        """Ask an agent; return what is wrong, as a sentence, or nothing."""
        candidate = await self._candidate(plugin, probe)
        if candidate is None:
            return "It was changed meanwhile."
        question = Question(
            tenant=plugin.tenant, capability=probe.capability, input=probe.input, is_probe=True
        )
        attempt = await self._parts.attempts.make(
            question, Attempt(candidate), self._parts.allowances.of(question), None
        )
        ending = attempt.ending or Ending.CANCELLED
        if ending is Ending.ANSWERED:
            return ""
        return f"It was {_SAID[ending]}: {attempt.reason.removesuffix('.')}."


_SAID = {
    Ending.REFUSED: "asked, and refused to answer",
    Ending.FAILED: "asked, and failed",
    Ending.TIMED_OUT: "asked, and took too long",
    Ending.CANCELLED: "asked, and not waited for",
    Ending.NOT_BEGUN: "not asked",
}


def _key(plugin: Installed) -> _Key:
    return plugin.tenant, plugin.id


def _later(moment: datetime | None, by: timedelta) -> datetime | None:
    return None if moment is None else moment + by


def _is_before(moment: datetime, other: datetime | None) -> bool:
    return other is not None and moment < other
