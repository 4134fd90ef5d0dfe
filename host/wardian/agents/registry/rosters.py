"""The agents of one tenant, as its plugins were at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wardian.agents.candidates import Candidate
from wardian.agents.registry.declared import Declared
from wardian.plugins import Installed


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent.

    Attributes:
        candidates: one for each capability that it offers.
    """

    plugin: Installed
    declared: Declared
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """Those that are there.

    Attributes:
        installed: the list of plugins that they were read from.
        agents: by plugin id.
        offered: candidates by capability.
    """

    installed: Sequence[Installed] = ()
    agents: Mapping[str, Agent] = field(default_factory=dict)
    offered: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)

    def of(self, plugin_id: str) -> tuple[Candidate, ...]:
        """Return the candidates of one agent; none of one that is not there."""
        agent = self.agents.get(plugin_id)
        return () if agent is None else agent.candidates

    def why_not(self, candidate: Candidate) -> str:
        """Return why an agent is not to be asked that was chosen before; empty if it is."""
        agent = self.agents.get(candidate.plugin_id)
        if agent is None:
            return "it is not installed any more"
        if all(each.capability != candidate.capability for each in agent.candidates):
            return f"{agent.plugin.version} does not answer for {candidate.capability}"
        return agent.declared.withheld

    def by_name(self) -> list[Agent]:
        """Return the agents in order."""
        return sorted(self.agents.values(), key=lambda each: each.plugin.name)

    def candidates(self) -> Iterator[Candidate]:
        """Go through all candidates."""
        for agent in self.agents.values():
            yield from agent.candidates

    def changed(self, installed: Sequence[Installed], found: Mapping[str, Declared]) -> Roster:
        """Return who is there now.

        An agent that is as it was keeps its candidates, and a capability whose candidates are
        the same keeps its tuple, because strategies remember what they made of it. One that is
        otherwise has new ones: whoever asks it now goes by what was declared when it was chosen.
        """
        agents: dict[str, Agent] = {}
        for plugin in installed:
            declared = found.get(plugin.id)
            if declared is not None:
                former = self.agents.get(plugin.id)
                is_same = former is not None and former.declared == declared
                candidates = former.candidates if former and is_same else declared.candidates()
                agents[plugin.id] = Agent(plugin, declared, candidates)
        return Roster(installed, agents, self._offered(agents))

    def _offered(self, agents: Mapping[str, Agent]) -> dict[str, tuple[Candidate, ...]]:
        lists: dict[str, list[Candidate]] = {}
        for agent in sorted(agents.values(), key=lambda each: each.plugin.name):
            for candidate in agent.candidates:
                lists.setdefault(candidate.capability, []).append(candidate)
        offered: dict[str, tuple[Candidate, ...]] = {}
        for capability, each in lists.items():
            former, found = self.offered.get(capability), tuple(each)
            offered[capability] = former if former is not None and former == found else found
        return offered
