"""Trials as operators see them."""

from __future__ import annotations

from collections.abc import Mapping

from wardian.agents.confidence import Scores, compare, interval
from wardian.agents.money import NANOS
from wardian.agents.views import ArmView, TrialView
from wardian.storage.agent_trials import ACTIVE, OTHER, ArmSums, TrialRow


def trial_view(agent: str, row: TrialRow, arms: Mapping[str, ArmSums]) -> TrialView:
    """Return how a trial stands, by what came of its arms."""
    active, other = arms.get(ACTIVE, ArmSums()), arms.get(OTHER, ArmSums())
    found = compare(_scores(active), _scores(other), row.confidence)
    return TrialView(
        agent=agent,
        active=_arm(row.active_version, active),
        other=_arm(row.other_version, other),
        share=row.share,
        confidence=row.confidence,
        other_is_better=found.probability,
        verdict=found.verdict,
        decided=found.is_decided,
        since=row.since,
        ends=row.ends,
        ended_at=row.ended_at,
        why_ended=row.why,
    )


def _arm(version: str, sums: ArmSums) -> ArmView:
    found = interval(_scores(sums))
    answered = sums.answered
    return ArmView(
        version=version,
        asked=sums.asked,
        mean=found.mean,
        low=found.low,
        high=found.high,
        latency_ms=sums.latency_ms / answered if answered else None,
        cost=sums.cost_nanos / NANOS / answered if answered else None,
    )


def _scores(sums: ArmSums) -> Scores:
    return Scores(sums.weight, sums.total, sums.squares)
