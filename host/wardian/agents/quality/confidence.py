"""Which of two versions is better, by sums of scores from 0 to 1, and how sure that is.

A *verdict* may be asked for after every score, and a trial may end with the first that says yes.
A test that is made for one look would be wrong far more often than it says then. So the means are
bounded by a confidence sequence, which holds at all times at once: Robbins' normal mixture, for
scores that are from 0 to 1 and therefore sub-Gaussian with a variance of no more than a quarter,
however they are distributed (Howard et al., *Time-uniform, nonparametric, nonasymptotic confidence
sequences*, 2021). However often one looks, the worse version is called the better one in no more
than a share of ``1 - confidence`` of all trials. The price is about half as many scores again.

The *probability* is another thing: how likely it is that one is better, by what is there now, to
one who thought all means equally likely before. It is for people to see a trial move, and nothing
is decided by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SCORE_VARIANCE_MAX = 0.25
"""Of anything that is from 0 to 1: half of it 0, and half 1."""

TUNED_FOR = 100.0
"""After so many scores the bounds are as close as they can be; before and after nearly so."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What came of one version.

    Attributes:
        weight: of all scores together; each counts 1 at most.
        total: of the scores by their weights.
    """

    weight: float = 0.0
    total: float = 0.0

    @property
    def mean(self) -> float | None:
        """The mean; None where there is no score."""
        return min(max(self.total / self.weight, 0.0), 1.0) if self.weight > 0.0 else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How another version stands beside the present one.

    Attributes:
        probability: that the other is better, as it looks now.
        is_decided: whether one of them is better, with the confidence asked for.
        is_other: whether it is the other that is, where that is decided.
    """

    probability: float
    is_decided: bool
    is_other: bool


def compare(present: Scores, other: Scores, confidence: float) -> Comparison:
    """Compare two versions; see the module for what ``confidence`` is."""
    probability = probability_better(other, present)
    first, second = present.mean, other.mean
    if first is None or second is None:
        return Comparison(probability, is_decided=False, is_other=False)
    missed = (1.0 - confidence) / 2.0
    apart = around(present.weight, missed) + around(other.weight, missed)
    return Comparison(probability, abs(second - first) > apart, second > first)


def around(weight: float, missed: float) -> float:
    """Return how far from the mean of scores their true mean ever is, but for a share ``missed``
    of all series of scores."""
    seen = SCORE_VARIANCE_MAX * weight
    mixed = SCORE_VARIANCE_MAX * TUNED_FOR / _doubled_log(missed)
    return math.sqrt((seen + mixed) * math.log((seen + mixed) / (mixed * missed**2))) / weight


def probability_better(one: Scores, than: Scores) -> float:
    """Return how likely it is that the true mean of one is above that of another."""
    (mean, variance), (other_mean, other_variance) = _belief(one), _belief(than)
    spread = math.sqrt(variance + other_variance)
    return 0.5 * (1.0 + math.erf((mean - other_mean) / (spread * math.sqrt(2.0))))


def _belief(scores: Scores) -> tuple[float, float]:
    """Return mean and variance of a Beta distribution: the widest that scores of a mean can give,
    because none spread more than those that are all 0 or 1."""
    weight = max(scores.weight, 0.0)
    good = min(max(scores.total, 0.0), weight)
    alpha, beta = 1.0 + good, 1.0 + weight - good
    total = alpha + beta
    return alpha / total, alpha * beta / (total * total * (total + 1.0))


def _doubled_log(missed: float) -> float:
    """Return what the mixture's variance is divided by to be tightest at `TUNED_FOR` (equation 14
    of the same, to first order)."""
    logarithm = -2.0 * math.log(missed)
    return logarithm + math.log(1.0 + logarithm)
