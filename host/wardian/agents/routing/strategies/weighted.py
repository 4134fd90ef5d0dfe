"""The strategy `weighted`: the mean of all qualities, by the weights that the asker gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wardian.agents.candidates import Candidate
from wardian.agents.criteria import Weights
from wardian.agents.ports import Request
from wardian.agents.routing.strategies.qualities import (
    LATENCY_LEAST_MS,
    cost_parts,
    latencies_of,
    latency_parts,
    load_parts,
    priority_parts,
    quality_parts,
)
from wardian.agents.routing.strategies.strategy import Turns


class Weighted:
    """Asks whose qualities are the best together; weights that are all 0 leave it to priority."""

    name = "weighted"

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return the weighted means of the parts.

        It is `parts` written out in one pass, because it is on the way of each question; a test
        holds the two together.
        """
        cost, latency, quality, load, priority = _shares(request.criteria.weights)
        # A weight by the least value, so that a part needs one division and no product more.
        costs, cost_of = _costs(candidates, cost)
        latencies, latency_of = _latencies(candidates, latency)
        priority_of = priority / 100.0
        if costs is None and latencies is None:
            return [
                cost_of / each.cost_nanos
                + latency_of / each.latency_ms
                + quality * each.worth
                + load * each.free
                + priority_of * each.priority
                for each in candidates
            ]
        costs = costs or [each.cost_nanos for each in candidates]
        latencies = latencies or [each.latency_ms for each in candidates]
        return [
            cost_of / price
            + latency_of / took
            + quality * each.worth
            + load * each.free
            + priority_of * each.priority
            for each, price, took in zip(candidates, costs, latencies, strict=True)
        ]

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return all five qualities."""
        columns = zip(
            cost_parts(candidates),
            latency_parts(candidates),
            quality_parts(candidates),
            load_parts(candidates),
            priority_parts(candidates),
            strict=True,
        )
        names = ("cost", "latency", "quality", "load", "priority")
        return [dict(zip(names, parts, strict=True)) for parts in columns]


_Divisors = list[float] | None
"""None where they are what candidates have, which takes a third less time than to go by a list."""


def _costs(candidates: Sequence[Candidate], weight: float) -> tuple[_Divisors, float]:
    """Return by what to divide a number for each one's part of the cost, and the number."""
    costs = [each.cost_nanos for each in candidates]
    least = min(costs)
    if least > 0.0:
        return None, weight * least
    return [math.inf if each > 0.0 else 1.0 for each in costs], weight


def _latencies(candidates: Sequence[Candidate], weight: float) -> tuple[_Divisors, float]:
    """Return by what to divide a number for each one's part of the latency, and the number."""
    known = [each.latency_ms for each in candidates if each.asked]
    is_all = len(known) == len(candidates)
    least = min(known, default=LATENCY_LEAST_MS)
    if is_all and least >= LATENCY_LEAST_MS:
        return None, weight * least
    latencies = known if is_all else latencies_of(candidates)
    least = max(least, LATENCY_LEAST_MS)
    return [max(each, least) for each in latencies], weight * least


def _shares(weights: Weights) -> tuple[float, float, float, float, float]:
    """Return the weights so that they are 1 together."""
    total = weights.cost + weights.latency + weights.quality + weights.load + weights.priority
    by = 1.0 / total if total > 0.0 else 0.0
    if by > 1e300:  # of weights so small that their inverse is no number, none counts
        by = 0.0
    return (
        weights.cost * by,
        weights.latency * by,
        weights.quality * by,
        weights.load * by,
        weights.priority * by,
    )
