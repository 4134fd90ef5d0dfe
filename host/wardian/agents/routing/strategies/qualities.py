"""Each of a candidate's qualities from 0 to 1, where 1 is the best.

What has a scale of its own (quality, load, priority) keeps it. Cost and latency have none: the
least among those in question counts 1, and one that takes twice as much about a half. That is a
matter of ratios, so one agent that is out of all proportion does not make the others look alike:
not by being large, and not by being next to nothing, because to all of them is added a quarter of
what the middle one has. So agents can be told apart where most of them are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from wardian.agents.candidates import Candidate

LATENCY_LEAST_MS = 1.0
"""Of such differences nothing is to be felt."""

MIDDLE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Scale:
    """How values are compared of which less is better.

    Attributes:
        more: what is added to each.
        least: the least of all, with that; above 0.
    """

    more: float
    least: float

    def part(self, value: float) -> float:
        """Return 1 for the least of the values, and less in proportion."""
        return self.least / (value + self.more)


def scale_of(values: Sequence[float], least_more: float = 0.0) -> Scale:
    """Return the scale of values.

    Args:
        least_more: what is added at least.
    """
    ordered = sorted(values)
    free = bisect_right(ordered, 0.0)
    # The lower one of two, so that one of two that is out of proportion is not the middle.
    middle = ordered[(free + len(ordered) - 1) // 2] if free < len(ordered) else 0.0
    more = max(middle * MIDDLE_SHARE, least_more)
    least = ordered[0] + more
    # Where all is free, all are alike.
    return Scale(more, least) if least > 0.0 else Scale(1.0, 1.0)


def latencies_of(candidates: Sequence[Candidate]) -> list[float]:
    """Return the mean latencies in milliseconds; of those never asked the least of the others, as
    a guess that is wrong in their favour is found out by asking once."""
    known = [each.latency_ms for each in candidates if each.asked]
    if len(known) == len(candidates):
        return known
    least = min(known, default=LATENCY_LEAST_MS)
    return [each.latency_ms if each.asked else least for each in candidates]


def cost_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return 1 for the least cost, and less in proportion."""
    costs = [each.cost_nanos for each in candidates]
    scale = scale_of(costs)
    return [scale.part(cost) for cost in costs]


def latency_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return 1 for the least latency, and less in proportion."""
    latencies = latencies_of(candidates)
    scale = scale_of(latencies, LATENCY_LEAST_MS)
    return [scale.part(latency) for latency in latencies]


def load_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return how much of what each takes on is free."""
    return [1.0 - min(max(each.load, 0.0), 1.0) for each in candidates]


def quality_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return how good the answers are, with the benefit of the doubt."""
    return [each.worth for each in candidates]


def priority_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return the priorities."""
    return [each.priority / 100.0 for each in candidates]
