"""Trials as operators see them."""

from __future__ import annotations

from collections.abc import Mapping

from wardian.agents.money import NANOS
from wardian.agents.quality.confidence import Arm, Comparison, Scores, compare
from wardian.agents.registry.agent_views import within
from wardian.agents.views import ArmView, TrialView
from wardian.storage.agent_trials import ACTIVE, OTHER, ArmSums, TrialRow


def trial_view(agent: str, row: TrialRow, arms: Mapping[str, ArmSums]) -> TrialView:
    """Return how a trial stands, by what came of its arms."""
    of_active, of_other = arms.get(ACTIVE, ArmSums()), arms.get(OTHER, ArmSums())
    active, other = _arm(row.active_version, of_active), _arm(row.other_version, of_other)
    found = compare(_series(of_active), _series(of_other), row.confidence)
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
    if not (active.asked and other.asked):
        return "Nothing is known yet of one of them."
    seen = f"{_seen(other)}; {_seen(active)}"
    if found.is_torn:
        return (
            "One of them answers more often, and the other's answers are judged better, with "
            f"{confidence:.4g} confidence: {seen}. Which counts more is yours to say."
        )
    if not found.is_decided:
        return f"That is not enough to tell them apart with {confidence:.4g} confidence: {seen}."
    better, worse = (other, active) if found.is_other else (active, other)
    return (
        f"{better.version} is better than {worse.version}, with {confidence:.4g} confidence: "
        f"{seen}."
    )


def _seen(arm: ArmView) -> str:
    answered = f"{arm.version} answered {arm.answered} of {arm.asked}"
    return answered if arm.mean is None else f"{answered}, with a mean score of {arm.mean:.2f}"


def _arm(version: str, sums: ArmSums) -> ArmView:
    judged, answered = _series(sums).judged, sums.answered
    good, bad = judged.parts
    low, high = within(1.0 + good, 1.0 + bad)
    return ArmView(
        version=version,
        asked=sums.asked,
        answered=answered,
        mean=judged.mean,
        low=low,
        high=high,
        latency_ms=sums.latency_ms / answered if answered else None,
        cost=sums.cost_nanos / NANOS / answered if answered else None,
    )


def _series(sums: ArmSums) -> Arm:
    return Arm(Scores(sums.asked, sums.answered), Scores(sums.weight, sums.total))
