"""Trials as operators see them."""

from __future__ import annotations

from collections.abc import Mapping

from wardian.agents.money import NANOS
from wardian.agents.quality.confidence import Comparison, Scores, compare
from wardian.agents.registry.agent_views import within
from wardian.agents.views import ArmView, TrialView
from wardian.storage.agent_trials import ACTIVE, OTHER, ArmSums, TrialRow


def trial_view(agent: str, row: TrialRow, arms: Mapping[str, ArmSums]) -> TrialView:
    """Return how a trial stands, by what came of its arms."""
    of_active, of_other = arms.get(ACTIVE, ArmSums()), arms.get(OTHER, ArmSums())
    active, other = _arm(row.active_version, of_active), _arm(row.other_version, of_other)
    found = compare(_scores(of_active), _scores(of_other), row.confidence)
    return TrialView(
        agent=agent,
        active=active,
        other=other,
        share=row.share,
        confidence=row.confidence,
        other_is_better=found.probability,
        verdict=_verdict(active, other, found, row.confidence),
        decided=found.is_decided,
        since=row.since,
        ends=row.ends,
        ended_at=row.ended_at,
        why_ended=row.why,
    )


def _verdict(active: ArmView, other: ArmView, found: Comparison, confidence: float) -> str:
    """Return a trial's verdict, as a sentence."""
    if active.mean is None or other.mean is None:
        return "Nothing is known yet of one of them."
    means = f"{other.version} has a mean score of {other.mean:.2f}, {active.version}"
    means = f"{means} of {active.mean:.2f}"
    if not found.is_decided:
        return f"That is not enough to tell them apart with {confidence:.4g} confidence: {means}."
    better, worse = (other, active) if found.is_other else (active, other)
    return (
        f"{better.version} is better than {worse.version}, with {confidence:.4g} confidence: "
        f"{means}."
    )


def _arm(version: str, sums: ArmSums) -> ArmView:
    scores, answered = _scores(sums), sums.answered
    good = min(max(scores.total, 0.0), max(scores.weight, 0.0))
    low, high = within(1.0 + good, 1.0 + max(scores.weight, 0.0) - good)
    return ArmView(
        version=version,
        asked=sums.asked,
        mean=scores.mean,
        low=low,
        high=high,
        latency_ms=sums.latency_ms / answered if answered else None,
        cost=sums.cost_nanos / NANOS / answered if answered else None,
    )


def _scores(sums: ArmSums) -> Scores:
    return Scores(sums.weight, sums.total)
