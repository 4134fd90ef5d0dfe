"""The strategy `weighted`: the mean of all qualities, by the weights that the asker gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wardian.agents.candidates import Candidate
from wardian.agents.criteria import Weights
from wardian.agents.ports import Request
from wardian.agents.strategies.qualities import (
    BENEFIT,
    LATENCY_LEAST_MS,
    cost_parts,
    latencies_of,
    latency_parts,
    load_parts,
    priority_parts,
    quality_parts,
)
from wardian.agents.strategies.strategy import Turns


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
        weights = request.criteria.weights
        cost, latency, quality, load, priority = _shares(weights)
        # A weight by its least value, so that a part needs one division and no product more.
        least_cost = min([each.cost_nanos for each in candidates])
        latencies = latencies_of(candidates)
        least = max(min(latencies), LATENCY_LEAST_MS)
        cost_of, latency_of, priority_of = cost * least_cost, latency * least, priority / 100.0
        found: list[float] = []
        for each, took in zip(candidates, latencies, strict=True):
            good, costs = each.alpha + BENEFIT, each.cost_nanos
            busy = each.in_flight / each.concurrent_max
            found.append(
                (cost_of / costs if costs > 0.0 else cost)
                + (latency_of / took if took > least else latency)
                + quality * good / (good + each.beta)
                + (load - load * busy if busy < 1.0 else 0.0)
                + priority_of * each.priority
            )
        return found

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
