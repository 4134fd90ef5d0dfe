"""Strategies that go by one thing that is known of candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wardian.agents.candidates import Candidate
from wardian.agents.money import NANOS
from wardian.agents.ports import Request
from wardian.agents.routing.strategies.qualities import cost_parts, latency_parts, load_parts
from wardian.agents.routing.strategies.strategy import Turns


class Cheapest:
    """Asks whoever may be expected to cost least: by its cost model, and the units that its
    answers took up to now."""

    name = "cheapest"

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return the costs in the currency, below 0."""
        return [0.0 - each.cost_nanos / NANOS for each in candidates]

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return the cost alone."""
        return [{"cost": each} for each in cost_parts(candidates)]


class Fastest:
    """Asks whoever took the least time up to now.

    One that was never asked is asked first, and one question in `LOOK_EVERY` is put to the one that
    was not asked for longest: what was slow once would otherwise be slow for ever, because
    nobody asks it any more.
    """

    name = "fastest"

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return the mean latencies, below 0."""
        if turns.is_look:
            taken = turns.taken
            return [0.0 - taken.get(each, 0) for each in candidates]
        return [0.0 - each.latency_ms if each.asked else 0.0 for each in candidates]

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return the latency alone."""
        return [{"latency": each} for each in latency_parts(candidates)]


class BestQuality:
    """Asks whose answers are the best, as far as is known.

    Who is known less is taken to be better than its mean, by a part of a standard deviation that
    grows with the logarithm of the questions: with each judgement there is less of that, and nobody
    is passed over for ever because its first answers were judged badly (an upper confidence bound,
    as of Kaufmann et al., *On Bayesian upper confidence bounds for bandit problems*, 2012; with
    half of the logarithm, because more than that asks others more often than it pays).
    """

    name = "best-quality"

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return the means of the qualities, with what they may be better."""
        sqrt = math.sqrt
        doubt = sqrt(math.log(turns.number + 3.0) / 2.0)
        found: list[float] = []
        for each in candidates:
            good, bad = each.alpha, each.beta
            total = good + bad
            found.append((good + doubt * sqrt(good * bad / (total + 1.0))) / total)
        return found

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return the quality alone, as it is known."""
        return [{"quality": each.alpha / (each.alpha + each.beta)} for each in candidates]


class LeastLoaded:
    """Asks who has least to do, by what it takes on at once."""

    name = "least-loaded"

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return the loads, below 0."""
        return [0.0 - each.load for each in candidates]

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return what is free."""
        return [{"load": each} for each in load_parts(candidates)]


class RoundRobin:
    """Asks who was not asked for longest: each the same number of times, whatever they are like.

    Somebody who could not be asked for a while does not catch up.
    """

    name = "round-robin"

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return how long ago each had its turn."""
        now, taken = turns.number, turns.taken
        return [float(now - taken.get(each, -1)) for each in candidates]

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return nothing: no quality counts."""
        return [{} for _ in candidates]
