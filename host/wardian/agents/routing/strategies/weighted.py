"""The strategy `weighted`: the mean of all qualities, by the weights that the asker gives them."""

from __future__ import annotations

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
    scale_of,
)
from wardian.agents.routing.strategies.strategy import Turns

KNOWN_BY = 8.0
"""Evidence that an agent's quality is known by well enough not to be looked at."""


class Weighted:
    """Asks whose qualities are the best together; weights that are all 0 leave it to priority.

    One question in `LOOK_EVERY` looks at those of whose quality little is known, or little any
    more, as if it were perfect: who would be the best then, and would not be heard of else.
    """

    name = "weighted"

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return the weighted means of the parts.

        It is `parts` written out in one pass, because it is on the way of each question; a test
        holds the two together.
        """
        cost, latency, quality, load, priority = _shares(request.criteria.weights)
        costs = scale_of([each.cost_nanos for each in candidates])
        latencies = latencies_of(candidates)
        times = scale_of(latencies, LATENCY_LEAST_MS)
        # A weight by the least value, so that a part needs one division and no product more.
        cost_of, cost_more = cost * costs.least, costs.more
        latency_of, latency_more = latency * times.least, times.more
        priority_of = priority / 100.0
        found = [
            cost_of / (each.cost_nanos + cost_more)
            + latency_of / (took + latency_more)
            + quality * each.worth
            + load * each.free
            + priority_of * each.priority
            for each, took in zip(candidates, latencies, strict=True)
        ]
        return _looked_at(found, candidates, quality) if turns.is_look else found

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


def _looked_at(
    scores: Sequence[float], candidates: Sequence[Candidate], quality: float
) -> Sequence[float]:
    """Return what those would be worth of whose quality little is known, if it were perfect."""
    return [
        score + quality * (1.0 - each.worth) if each.alpha + each.beta - 2.0 < KNOWN_BY else score
        for score, each in zip(scores, candidates, strict=True)
    ]


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
