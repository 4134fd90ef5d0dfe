"""The plainest parts that agents can be asked with."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.agents.candidates import Candidate, Outcome
from wardian.agents.decisions import Decision, Explanation, Judged
from wardian.agents.money import CostModel, nanos
from wardian.agents.ports import Request
from wardian.errors import AgentUnavailable, NotFound
from wardian.plugins import Installed, Registry
from wardian.plugins.agents import Agent


class AlwaysAdmits:
    """Keeps questions from nobody; implements `wardian.agents.ports.Breakers`."""

    def admit(self, tenant: str, candidate: Candidate) -> bool:
        """Let it be asked."""
        return True

    def ended(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Learn nothing."""


class NoTrials:
    """Has every agent's active version answer; implements `wardian.agents.ports.Trials`."""

    def arm(self, tenant: str, chosen: Candidate, key: str) -> Candidate:
        """Return what was chosen."""
        return chosen

    async def installed(self, tenant: str, candidate: Candidate) -> Installed:
        """Return nothing, as no other version is ever chosen."""
        raise NotFound(f"No version of {candidate.agent} is tried beside its active one.")


class InstalledAgents:
    """Agents as they are installed; implements `wardian.agents.ports.Candidates`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._seen: dict[str, list[Installed]] = {}
        self._known: dict[tuple[str, str], list[Candidate]] = {}

    async def refresh(self, tenant: str) -> None:
        """Have a tenant's agents in memory."""
        installed = await self._registry.all(tenant)
        if self._seen.get(tenant) is installed:
            return
        self._seen[tenant] = installed
        known = {
            (each.plugin_id, each.version, each.capability): each
            for (of, _), candidates in self._known.items()
            if of == tenant
            for each in candidates
        }
        for key in [key for key in self._known if key[0] == tenant]:
            del self._known[key]
        for plugin in installed:
            for candidate in _candidates(plugin):
                found = known.get((plugin.id, plugin.version, candidate.capability), candidate)
                self._known.setdefault((tenant, candidate.capability), []).append(found)

    def of(self, tenant: str, capability: str) -> Sequence[Candidate]:
        """Return the candidates for a capability."""
        return self._known.get((tenant, capability), ())

    def begin(self, tenant: str, candidate: Candidate) -> None:
        """Count a question that is under way."""
        candidate.in_flight += 1

    def end(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Count one that was begun as ended."""
        candidate.in_flight -= 1

    def score(self, tenant: str, candidate: Candidate, score: float, weight: float) -> None:
        """Learn nothing."""


def _candidates(plugin: Installed) -> list[Candidate]:
    manifest = plugin.manifest
    agent = manifest.agent or Agent()
    if not plugin.is_callable or manifest.category != "ai_agent":
        return []
    cost = CostModel(
        per_call=nanos(agent.cost.per_call),
        per_unit=nanos(agent.cost.per_unit),
        unit=agent.cost.unit,
    )
    return [
        Candidate(
            agent=plugin.name,
            version=plugin.version,
            plugin_id=plugin.id,
            capability=name,
            capability_version=version or plugin.version,
            priority=agent.priority,
            tags=frozenset(manifest.tags),
            cost=cost,
            units_max=agent.limits.units,
            concurrent_max=agent.limits.concurrent,
            input_bytes_max=agent.limits.input_bytes,
            cost_nanos=cost.of(1),
        )
        for name, _, version in (offered.partition("@") for offered in manifest.capabilities)
    ]


class PriorityRouter:
    """Asks those of more priority first; implements `wardian.agents.ports.Router`."""

    def decide(self, request: Request, candidates: Sequence[Candidate]) -> Decision:
        """Choose among candidates."""
        explanation = self.explain(request, candidates)
        if not candidates:
            raise NotFound(f"No agent here offers {request.capability}.")
        if explanation.decision is None:
            raise AgentUnavailable(explanation.why_none)
        return explanation.decision

    def explain(self, request: Request, candidates: Sequence[Candidate]) -> Explanation:
        """Say how each candidate fares."""
        lost = [(each, _lost(request, each)) for each in candidates]
        ranked = sorted(
            (each for each, why in lost if not why), key=lambda each: (-each.priority, each.agent)
        )
        decision = Decision(tuple(ranked), "priority") if ranked else None
        why_none = "; ".join(f"{each.agent}: {why}" for each, why in lost if why)
        judged = tuple(Judged(each, None, {}, why) for each, why in lost)
        return Explanation(decision, judged, why_none if decision is None else "")


def _lost(request: Request, candidate: Candidate) -> str:
    criteria = request.criteria
    ceiling = criteria.ceilings.cost
    reasons = {
        "it is not among those asked for": criteria.agents
        and candidate.agent not in criteria.agents,
        "it is excluded": candidate.agent in criteria.exclude,
        "it lacks a tag": not candidate.tags.issuperset(criteria.tags),
        "the input is too long": request.input_bytes > candidate.input_bytes_max,
        "it may cost more": ceiling is not None
        and candidate.cost.of(candidate.units_max) > nanos(ceiling),
        "it is busy": candidate.load >= 1,
        "it is not available": not candidate.is_available,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
