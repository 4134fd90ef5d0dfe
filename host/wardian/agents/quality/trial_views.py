"""Trials as operators see them."""

from __future__ import annotations

from collections.abc import Mapping

from wardian.agents.money import NANOS
from wardian.agents.quality.confidence import Arm, Comparison, Scores, compare
from wardian.agents.registry.agent_views import within
from wardian.agents.views import ArmView, TrialView
from wardian.storage.agent_trials import ACTIVE, OTHER, ArmSums, TrialRow


def trial_view(agent: str, row: TrialRow, arms: Mapping[str, ArmSums]) -> TrialView:
    """Return how a trial stands, by what came of its arms.

    Once it is decided it stays so, whatever comes later: the evidence holds that decided it.
    """
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
        verdict=_verdict(row, active, other, found),
        decided=row.decided_at is not None,
        decided_at=row.decided_at,
        better={ACTIVE: row.active_version, OTHER: row.other_version}.get(row.better or ""),
        since=row.since,
        ends=row.ends,
        ended_at=row.ended_at,
        why_ended=row.why,
    )


def better_arm(row: TrialRow, arms: Mapping[str, ArmSums]) -> str | None:
    """Return which arm is better, by what came of both; None as long as that is open."""
    active, other = (_series(arms.get(arm, ArmSums())) for arm in (ACTIVE, OTHER))
    found = compare(active, other, row.confidence)
    if not found.is_decided:
        return None
    return OTHER if found.is_other else ACTIVE


def _verdict(row: TrialRow, active: ArmView, other: ArmView, found: Comparison) -> str:
    """Return a trial's verdict, as a sentence."""
    confidence = row.confidence
    if row.better is not None:
        better, worse = (other, active) if row.better == OTHER else (active, other)
        return (
            f"{better.version} is better than {worse.version}, with {confidence:.4g} confidence: "
            f"{_seen(other)}; {_seen(active)}."
        )
    if not (active.asked and other.asked):
        return "Nothing is known yet of one of them."
    seen = f"{_seen(other)}; {_seen(active)}"
    if found.is_torn:
        return (
            "One of them answers more often, and the other's answers are judged better, with "
            f"{confidence:.4g} confidence: {seen}. Which counts more is yours to say."
        )
    return f"That is not enough to tell them apart with {confidence:.4g} confidence: {seen}."


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
