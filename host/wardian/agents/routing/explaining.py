"""Decisions, as they are shown."""

from __future__ import annotations

from wardian.agents.decisions import Explanation, Judged
from wardian.agents.money import NANOS, amount
from wardian.agents.views import CandidateView, ExplanationView


def explanation_view(capability: str, explanation: Explanation) -> ExplanationView:
    """Show a decision with every candidate."""
    decision = explanation.decision
    return ExplanationView(
        capability=capability,
        chosen=None if decision is None else decision.chosen.agent,
        strategy=None if decision is None else decision.strategy,
        rule=None if decision is None else decision.rule,
        why_none=explanation.why_none,
        candidates=[_candidate(each) for each in explanation.judged],
    )


def _candidate(judged: Judged) -> CandidateView:
    candidate = judged.candidate
    return CandidateView(
        agent=candidate.agent,
        version=candidate.version,
        capability_version=candidate.capability_version,
        score=judged.score,
        parts=judged.parts,
        lost=judged.lost,
        cost=candidate.cost_nanos / NANOS,
        cost_most=amount(candidate.cost.of(candidate.units_max)),
        latency_ms=candidate.latency_ms,
        quality=candidate.quality,
        load=candidate.load,
        priority=candidate.priority,
    )
