"""What an outcome and a score say of an agent: how much each weighs.

The quality of an agent is the mean of a Beta distribution over good and bad evidence, each with the
prior of 1, so one of which nothing is known has 0.5. A score from an asker counts whole: 0.8 is 0.8
good and 0.2 bad. That a question was answered says little of the answer, and counts a quarter of
a score of `PRESUMED`: scores, where there are any, are what quality is made of, and one whom nobody
judges is taken for no better than that. No answer is as bad as an answer can be.
"""

from __future__ import annotations

from dataclasses import dataclass

from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.registry.decay import Evidence
from wardian.plugins.agents import UNITS_MAX

PRESUMED = 0.75
"""The score that an answer is taken to have of which nobody has said anything."""

ANSWERED_WEIGHT = 0.25
REFUSED_WEIGHT = 0.25
"""It may be the question's fault, and who asks nonsense shall not ruin an agent."""
FAILED_WEIGHT = 1.0

SCORE_WEIGHT_MAX = 10.0
"""One judgement counts no more than so many answers."""

LATENCY_PRIOR_MS = 1_000.0
LATENCY_PRIOR_WEIGHT = 0.02
"""So small that the first answer counts, and enough that an agent whose answers were slow a few
half-lives ago is not held for slow for ever. One that was faster than the prior stays so: nothing
makes it slower but an answer."""

TIMED_LEAST = 1e-200
"""Two sums that have decayed together have their ratio up to here, which is two weeks."""

LATENCY_MAX_MS = 86_400_000.0

TYPICAL_UNITS = 1_000
"""What a question is taken to use of an agent that was never asked."""

INHERITED_SHARE = 0.25
INHERITED_MAX = 10.0
"""A new version begins with a quarter of what is known of the one before it, and no more than ten
outcomes: it is most likely much the same, and a score of its own outcomes can tell otherwise."""

_WEIGHTS = {
    Ending.ANSWERED: (ANSWERED_WEIGHT * PRESUMED, ANSWERED_WEIGHT * (1.0 - PRESUMED)),
    Ending.REFUSED: (0.0, REFUSED_WEIGHT),
    Ending.FAILED: (0.0, FAILED_WEIGHT),
    Ending.TIMED_OUT: (0.0, FAILED_WEIGHT),
}


def seen(outcome: Outcome, moment: float) -> Evidence | None:
    """Return what an outcome says of an agent; None if it says nothing of it.

    Whatever numbers it has, NaN too, the evidence has those that can be.
    """
    weights = _WEIGHTS.get(outcome.ending)
    if weights is None and not outcome.is_outrun:
        return None
    evidence = Evidence(moment)
    is_answer = outcome.ending is Ending.ANSWERED
    share = 1.0 if is_answer else min(max(outcome.share, 0.0), 1.0)
    # Failures are left out, because an agent that traps at once is not a fast one.
    is_timed = is_answer or outcome.is_outrun or outcome.ending is Ending.TIMED_OUT
    if is_timed and outcome.latency_ms >= 0.0:
        evidence.timed = share
        evidence.latency_ms = share * min(outcome.latency_ms, LATENCY_MAX_MS)
    if outcome.is_probe or weights is None:
        return evidence
    evidence.good, evidence.bad = (share * weight for weight in weights)
    evidence.answered, evidence.failed = (1.0, 0.0) if is_answer else (0.0, 1.0)
    if is_answer and outcome.units > 0:
        evidence.units = float(min(outcome.units, UNITS_MAX))
    evidence.asked = 1
    return evidence


def judged(score: float, weight: float, moment: float) -> Evidence | None:
    """Return what a score says; None if it is not from 0 to 1, or has no weight.

    A weight below 0 takes back what was said before with the same above it.
    """
    if not 0.0 <= score <= 1.0 or not abs(weight) > 0.0:  # NaN is neither
        return None
    weight = min(max(weight, -SCORE_WEIGHT_MAX), SCORE_WEIGHT_MAX)
    return Evidence(moment, good=score * weight, bad=(1.0 - score) * weight)


def inherited(former: Evidence) -> Evidence:
    """Return what a new version begins with, of what is known of the former one."""
    total = max(former.answered + former.failed, former.good + former.bad, former.timed, 0.0)
    share = INHERITED_SHARE
    if total * share > INHERITED_MAX:
        share = INHERITED_MAX / total
    return former.part(share)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What evidence comes to.

    Attributes:
        alpha, beta: of the Beta distribution of the quality.
        units: that an answer takes; None if there was none.
        latency_ms: the prior counts in it, where it is less.
        success_rate: None if nothing was asked.
    """

    alpha: float
    beta: float
    units: float | None
    latency_ms: float
    success_rate: float | None

    @property
    def quality(self) -> float:
        """The mean of the distribution."""
        return self.alpha / (self.alpha + self.beta)


LEAST = 1e-9
"""Sums below it are what rounding, or taking back, has left."""


def estimated(evidence: Evidence) -> Estimate:
    """Return what evidence comes to, as of its moment."""
    outcomes = evidence.answered + evidence.failed
    return Estimate(
        alpha=1.0 + max(evidence.good, 0.0),
        beta=1.0 + max(evidence.bad, 0.0),
        units=evidence.units / evidence.answered if evidence.answered > LEAST else None,
        latency_ms=_latency_ms(evidence),
        success_rate=evidence.answered / outcomes if outcomes > LEAST else None,
    )


def _latency_ms(evidence: Evidence) -> float:
    if evidence.timed < TIMED_LEAST:
        return LATENCY_PRIOR_MS
    prior = LATENCY_PRIOR_MS * LATENCY_PRIOR_WEIGHT
    return min(
        evidence.latency_ms / evidence.timed,
        (evidence.latency_ms + prior) / (evidence.timed + LATENCY_PRIOR_WEIGHT),
    )


def tell(candidate: Candidate, evidence: Evidence) -> None:
    """Have a candidate be known by evidence, as of its moment."""
    found = estimated(evidence)
    candidate.judge(found.alpha, found.beta)
    candidate.quality = found.quality
    candidate.latency_ms = found.latency_ms
    candidate.asked = evidence.asked
    candidate.cost_nanos = expected_nanos(candidate, found.units)


def expected_nanos(candidate: Candidate, units: float | None) -> float:
    """Return what a question may be expected to cost, by the cost model as it is now."""
    if units is None:
        units = float(min(TYPICAL_UNITS, candidate.units_max))
    return candidate.cost.per_call + candidate.cost.per_unit * min(units, candidate.units_max)
