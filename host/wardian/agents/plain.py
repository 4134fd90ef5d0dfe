"""The plainest parts that agents can be asked with."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.agents.candidates import Candidate, Outcome
from wardian.agents.decisions import Decision, Explanation, Judged
from wardian.agents.money import nanos
from wardian.agents.ports import Request
from wardian.errors import AgentUnavailable, NotFound
from wardian.plugins import Installed
from wardian.plugins.versions import parse_range


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


class PriorityRouter:
    """Asks those of more priority first; implements `wardian.agents.ports.Router`."""

    def decide(self, request: Request, candidates: Sequence[Candidate]) -> Decision:
        """Choose among candidates."""
        explanation = self.explain(request, candidates)
        accepts = parse_range(request.criteria.version)
        if not any(each.capability_version in accepts for each in candidates):
            raise NotFound(f"No agent here offers {request.capability} in such a version.")
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
        "it has another version": candidate.capability_version not in parse_range(criteria.version),
        "it is excluded": candidate.agent in criteria.exclude,
        "it lacks a tag": not candidate.tags.issuperset(criteria.tags),
        "the input is too long": request.input_bytes > candidate.input_bytes_max,
        "it may cost more": ceiling is not None
        and candidate.cost.of(candidate.units_max) > nanos(ceiling),
        "it is busy": candidate.load >= 1,
        "it is not available": not candidate.is_available,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
