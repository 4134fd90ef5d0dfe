"""Which of two versions is better, by whether they answer and by scores from 0 to 1, and how sure
that is.

A *verdict* may be asked for after every question, and a trial may end with the first that says yes.
A test that is made for one look would be wrong far more often than it says then. So two versions
are told apart by evidence that holds at all times at once. It says how much likelier what was seen
is under means that were learned on the way, each version's own, than under the one common mean that
fits best (Wasserman, Ramdas and Balakrishnan, *Universal inference*, 2020; Robbins, *Statistical
methods related to the law of the iterated logarithm*, 1970). However often one looks, evidence
between two that are alike ever comes to ``1 / missed`` in no more than a share ``missed`` of all
trials. That holds for whatever is from 0 to 1, as nothing of a mean is spread wider than noughts
and ones are, and for scores that count less than 1.

Whether there is an answer, and what askers say of it, are two series: an answer that nobody judged
says nothing of how good it is, and taken together the many such would drown the scores. Each may
miss half of what the verdict may. A version is better that is better in one of them and not worse
in the other.

The *probability* is another thing: how likely it is that one is better, by what is there now, to
one who thought all means equally likely before. It is for people to see a trial move, and nothing
is decided by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scores:
    """One series of what came of one version.

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

    @property
    def parts(self) -> tuple[float, float]:
        """How much of the weight is good, and how much bad; what rounding leaves is borne."""
        weight = max(self.weight, 0.0)
        good = min(max(self.total, 0.0), weight)
        return good, weight - good


@dataclass(frozen=True, slots=True)
class Arm:
    """What came of one version.

    Attributes:
        answers: of the questions put to it, each 1 if it was answered.
        judged: what askers said of its answers.
    """

    answers: Scores = Scores()
    judged: Scores = Scores()


@dataclass(frozen=True, slots=True)
class Comparison:
    """How another version stands beside the present one.

    Attributes:
        probability: that the other is better, as it looks now.
        is_decided: whether one of them is better, with the confidence asked for.
        is_other: whether it is the other that is, where that is decided.
        is_torn: whether each is better than the other in one series, with that confidence.
    """

    probability: float
    is_decided: bool = False
    is_other: bool = False
    is_torn: bool = False


def compare(present: Arm, other: Arm, confidence: float) -> Comparison:
    """Compare two versions; see the module for what ``confidence`` is."""
    probability = probability_better(other, present)
    missed = (1.0 - confidence) / 2.0
    found = {
        _better(present.answers, other.answers, missed),
        _better(present.judged, other.judged, missed),
    }
    if {-1, 1} <= found:
        return Comparison(probability, is_torn=True)
    return Comparison(probability, is_decided=found != {0}, is_other=1 in found)


def evidence(one: Scores, other: Scores) -> float:
    """Return the logarithm of how much likelier two series are with means of their own, which all
    were equally likely before, than with the common mean that fits them best."""
    (good, bad), (other_good, other_bad) = one.parts, other.parts
    both_good, both_bad = good + other_good, bad + other_bad
    apart = _log_beta(1.0 + good, 1.0 + bad) + _log_beta(1.0 + other_good, 1.0 + other_bad)
    weight = both_good + both_bad
    return apart - _log_power(both_good, weight) - _log_power(both_bad, weight)


def probability_better(one: Arm, than: Arm) -> float:
    """Return how likely it is that a question to one comes to more than to another: that there is
    an answer, and what it is worth where answers of both were judged."""
    is_judged = one.judged.weight > 0.0 and than.judged.weight > 0.0
    (mean, variance), (other_mean, other_variance) = _worth(one, is_judged), _worth(than, is_judged)
    spread = math.sqrt(variance + other_variance)
    return 0.5 * (1.0 + math.erf((mean - other_mean) / (spread * math.sqrt(2.0))))


def _better(present: Scores, other: Scores, missed: float) -> int:
    """Return 1 where the other one is better, -1 where the present one is, 0 where it is open."""
    first, second = present.mean, other.mean
    if first is None or second is None or evidence(present, other) < -math.log(missed):
        return 0
    return 1 if second > first else -1


def _worth(arm: Arm, is_judged: bool) -> tuple[float, float]:
    """Return mean and variance of what a question to a version comes to."""
    rate, spread = _belief(arm.answers)
    if not is_judged:
        return rate, spread
    score, score_spread = _belief(arm.judged)
    return rate * score, rate**2 * score_spread + score**2 * spread + spread * score_spread


def _belief(scores: Scores) -> tuple[float, float]:
    """Return mean and variance of a Beta distribution: the widest that scores of a mean can give,
    because none spread more than those that are all 0 or 1."""
    good, bad = scores.parts
    alpha, beta = 1.0 + good, 1.0 + bad
    total = alpha + beta
    return alpha / total, alpha * beta / (total * total * (total + 1.0))


def _log_beta(alpha: float, beta: float) -> float:
    return math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)


def _log_power(part: float, whole: float) -> float:
    """Return the logarithm of ``(part / whole) ** part``."""
    return part * math.log(part / whole) if part > 0.0 else 0.0
