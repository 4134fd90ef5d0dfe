"""Which agents there are, what they declare, and what was seen of them.

Nobody registers an agent: one is there for as long as its plugin is installed, and it is known
from the first question of its tenant on. What is declared is read when a plugin changes; what is
measured is in memory, and agreed on with other hosts every `SYNC_SECONDS`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wardian.agents.candidates import Candidate, Outcome
from wardian.agents.registry.agent_views import NEVER_ASKED, agent_view, measured_view
from wardian.agents.registry.changes import AgentChange
from wardian.agents.registry.decay import Evidence, HalfLives
from wardian.agents.registry.declared import declared, is_agent
from wardian.agents.registry.loads import Loads
from wardian.agents.registry.measures import Measures
from wardian.agents.registry.merging import Version
from wardian.agents.registry.operating import Operating
from wardian.agents.registry.quality import judged, seen, tell
from wardian.agents.registry.rosters import Agent, Roster
from wardian.agents.views import AgentView, HealthView
from wardian.errors import NotFound, WardianError
from wardian.plugins import Registry
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.agents import AgentRepository

SYNC_SECONDS = 0.75
"""How often hosts write what they have seen, and read what others have; so they agree after twice
as long, and one that is killed has lost no more."""

GROWN_OLD_SECONDS = 60.0
"""How often it is looked at again how old all is that is known."""

AT_ONCE = 100
"""So many are looked at before others have their turn."""

HealthOfAll = Callable[[str], Awaitable[Mapping[str, HealthView]]]
"""Returns how well a tenant's agents are, by plugin id; without those that were never asked."""

_log = logging.getLogger("wardian.agents")


async def nothing_known(tenant: str) -> Mapping[str, HealthView]:
    """Return that every agent is as one that was never asked."""
    return {}


async def nothing_needed(tenant: str) -> None:
    """Have nothing else in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryParts:
    """What agents are known by.

    Attributes:
        beside: has what else a tenant's questions need in memory; a look at a dict where it is.
        now: seconds since 1970.
    """

    database: Database
    plugins: Registry
    journal: Journal
    lives: HalfLives = HalfLives()  # noqa: RUF009 -- frozen
    health: HealthOfAll = nothing_known
    beside: Callable[[str], Awaitable[None]] = nothing_needed
    now: Callable[[], float] = time.time


NOBODY = Roster()


class AgentRegistry:
    """The agents of every tenant; implements `wardian.agents.ports.Candidates`."""

    def __init__(self, parts: RegistryParts) -> None:
        self._parts = parts
        self._measures = Measures(parts.database, parts.lives, parts.now)
        self._loads = Loads(parts.database)
        self._operating = Operating(parts.journal)
        self._rosters: dict[str, Roster] = {}
        self._closed: dict[tuple[str, str], str] = {}
        self._reading, self._agreeing = asyncio.Lock(), asyncio.Lock()
        self._grown_old_at = parts.now()

    async def refresh(self, tenant: str) -> None:
        """Have what is known of a tenant's agents in memory.

        Raises:
            WardianError: the database did not answer.
        """
        installed = await self._parts.plugins.all(tenant)
        if self._roster(tenant).installed is not installed:
            async with self._reading:
                await self._read(tenant)
        await self._parts.beside(tenant)

    def of(self, tenant: str, capability: str) -> Sequence[Candidate]:
        """Return the candidates for a capability; one tuple until a plugin of them changes.

        Those that take no questions are among them, and say why.
        """
        return self._roster(tenant).offered.get(capability, ())

    def why_not(self, tenant: str, candidate: Candidate) -> str:
        """Return what has become of a chosen agent, if it is not to be asked any more."""
        return self._roster(tenant).why_not(candidate)

    def begin(self, tenant: str, candidate: Candidate) -> None:
        """Count a question that is under way."""
        self._loads.move((tenant, candidate.plugin_id), 1)
        self._show_load(tenant, candidate.plugin_id, candidate)

    def end(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Count one that was begun as ended, and learn from how."""
        self._loads.move((tenant, candidate.plugin_id), -1)
        self._show_load(tenant, candidate.plugin_id, candidate)
        self._learn(tenant, candidate, seen(outcome, self._parts.now()))

    def score(self, tenant: str, candidate: Candidate, score: float, weight: float) -> None:
        """Learn from a judgement of an answer, 0 to 1; see `wardian.agents.registry.quality`."""
        self._learn(tenant, candidate, judged(score, weight, self._parts.now()))

    def halvings(self, tenant: str, candidate: Candidate) -> float:
        """Return how often half of what is known of an agent has made room for what is newer."""
        return self._measures.of(tenant, _version(candidate)).halvings

    def know(self, tenant: str, candidate: Candidate) -> None:
        """Have a candidate that is in no list, the other version of a trial, be known by what was
        seen of it."""
        tell(candidate, self._measures.of(tenant, _version(candidate)))
        candidate.carry(self._loads.of((tenant, candidate.plugin_id)))

    def close(self, tenant: str, plugin_id: str, why: str) -> None:
        """Have no question put to an agent, and say why, for people; with an empty reason they are
        again. What its operator and its state say holds beside it."""
        if why:
            self._closed[tenant, plugin_id] = why
        else:
            self._closed.pop((tenant, plugin_id), None)
        self._show_availability(tenant, plugin_id)

    async def list(
        self, tenant: str, capability: str | None = None, tag: str | None = None
    ) -> list[AgentView]:
        """Return a tenant's agents by name; those that offer a capability, or have a tag."""
        await self.refresh(tenant)
        health = await self._parts.health(tenant)
        return [
            self._view(tenant, each, health)
            for each in self._roster(tenant).by_name()
            if capability is None or capability in {one.capability for one in each.candidates}
            if tag is None or tag in each.declared.tags
        ]

    async def get(self, tenant: str, name: str) -> AgentView:
        """Return one agent.

        Raises:
            NotFound: the tenant has none of this name.
        """
        await self.refresh(tenant)
        for each in self._roster(tenant).agents.values():
            if each.plugin.name == name:
                return self._view(tenant, each, await self._parts.health(tenant))
        raise NotFound(f"There is no agent {name[:80]!r}.")

    async def change(self, tenant: str, name: str, change: AgentChange, actor: str) -> AgentView:
        """Set something of an agent in place of what its manifest says, or have it be so again.

        Questions that are under way go by what was set when they were put.

        Raises:
            NotFound: the tenant has no agent of this name.
            InvalidArguments: what is set cannot be; with its path.
        """
        await self._operating.change(tenant, name, change, actor)
        return await self.get(tenant, name)

    def known(self) -> Iterator[tuple[str, Candidate]]:
        """Go through all candidates that are in memory, each with its tenant."""
        for tenant, roster in self._rosters.items():
            for candidate in roster.candidates():
                yield tenant, candidate

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Agree with other hosts on what was seen, while this is open; and write down the last."""
        await self._loads.begin()
        async with flushed(self.sync, seconds=SYNC_SECONDS, name="wardian-agents"):
            yield

    async def sync(self) -> None:
        """Write down what was seen here, and read what other hosts have seen.

        What the database does not take now it is given the next time.
        """
        async with self._agreeing:
            try:
                await self._agree()
            except WardianError as error:
                _log.warning("What is known of agents is not agreed on: %s", error)
            await self._grow_old()

    async def _agree(self) -> None:
        await self._tell_all(await self._measures.flush())
        if not self._parts.database.is_shared:
            return
        await self._tell_all(await self._measures.pull())
        for tenant, plugin_id in await self._loads.agree():
            self._show_load(tenant, plugin_id)

    async def _tell_all(self, found: Sequence[tuple[str, Version]]) -> None:
        for start in range(0, len(found), AT_ONCE):
            for tenant, version in found[start : start + AT_ONCE]:
                self._tell(tenant, version)
            await asyncio.sleep(0)

    def _roster(self, tenant: str) -> Roster:
        return self._rosters.get(tenant, NOBODY)

    async def _read(self, tenant: str) -> None:
        roster, installed = self._roster(tenant), await self._parts.plugins.all(tenant)
        # What was read before a change is not what holds after it.
        while roster.installed is not installed:
            await self._measures.load(tenant)
            async with self._parts.database.reading() as connection:
                rows = await AgentRepository(connection, tenant).all()
            agents = [each for each in installed if is_agent(each)]
            found = {each.id: declared(each, rows.get(each.id)) for each in agents}
            former, roster = self._roster(tenant), self._roster(tenant).changed(installed, found)
            self._take(tenant, former, roster)
            installed = await self._parts.plugins.all(tenant)

    def _take(self, tenant: str, former: Roster, roster: Roster) -> None:
        self._rosters[tenant] = roster
        self._measures.keep(tenant, roster.agents)
        for gone in former.agents.keys() - roster.agents.keys():
            self._closed.pop((tenant, gone), None)
        for plugin_id, agent in roster.agents.items():
            if agent.candidates is not former.of(plugin_id):
                for candidate in agent.candidates:
                    self.know(tenant, candidate)
                self._show_availability(tenant, plugin_id)

    def _view(self, tenant: str, agent: Agent, health: Mapping[str, HealthView]) -> AgentView:
        measured = [
            measured_view(each, self._measures.of(tenant, _version(each)))
            for each in agent.candidates
        ]
        plugin_id = agent.plugin.id
        return agent_view(
            agent.plugin,
            agent.declared,
            measured,
            health.get(plugin_id, NEVER_ASKED),
            self._loads.of((tenant, plugin_id)),
        )

    def _show_load(self, tenant: str, plugin_id: str, beside: Candidate | None = None) -> None:
        load = self._loads.of((tenant, plugin_id))
        for candidate in self._roster(tenant).of(plugin_id):
            candidate.carry(load)
        if beside is not None:
            beside.carry(load)

    def _show_availability(self, tenant: str, plugin_id: str) -> None:
        agent = self._roster(tenant).agents.get(plugin_id)
        if agent is not None:
            why = agent.declared.withheld or self._closed.get((tenant, plugin_id), "")
            for candidate in agent.candidates:
                candidate.is_available, candidate.unavailable = not why, why

    def _learn(self, tenant: str, candidate: Candidate, evidence: Evidence | None) -> None:
        if evidence is not None:
            version = _version(candidate)
            self._measures.learn(tenant, version, evidence)
            self._tell(tenant, version, candidate)

    def _tell(self, tenant: str, version: Version, beside: Candidate | None = None) -> None:
        evidence = self._measures.of(tenant, version)
        (plugin_id, capability), number = version
        for candidate in self._roster(tenant).of(plugin_id):
            if candidate.capability == capability and candidate.version == number:
                tell(candidate, evidence)
                beside = None if candidate is beside else beside
        # One of a list before a change, or of a trial, is still looked at by who has it.
        if beside is not None:
            tell(beside, evidence)

    async def _grow_old(self) -> None:
        if self._parts.now() - self._grown_old_at < GROWN_OLD_SECONDS:
            return
        self._grown_old_at = self._parts.now()
        await self._tell_all([(tenant, _version(each)) for tenant, each in self.known()])


def _version(candidate: Candidate) -> Version:
    return (candidate.plugin_id, candidate.capability), candidate.version
