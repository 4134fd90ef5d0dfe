"""Each of a candidate's qualities from 0 to 1, where 1 is the best.

What has a scale of its own (quality, load, priority) keeps it. Cost and latency have none: the
least among those in question counts 1, and one that takes twice as much a half. That is a matter
of ratios, so one agent that is out of all proportion does not make the others look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from wardian.agents.candidates import Candidate

LATENCY_LEAST_MS = 1.0
"""Below it one is not faster than another."""

costs_of = attrgetter("cost_nanos")


def latencies_of(candidates: Sequence[Candidate]) -> list[float]:
    """Return the mean latencies in milliseconds; of those never asked the least of the others, as
    a guess that is wrong in their favour is found out by asking once."""
    known = [each.latency_ms for each in candidates if each.asked]
    if len(known) == len(candidates):
        return known
    least = min(known, default=LATENCY_LEAST_MS)
    return [each.latency_ms if each.asked else least for each in candidates]


def cost_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return 1 for the least cost, and less in proportion; of what is free all else counts 0."""
    costs = [each.cost_nanos for each in candidates]
    least = min(costs)
    return [least / cost if cost > 0.0 else 1.0 for cost in costs]


def latency_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return 1 for the least latency, and less in proportion."""
    latencies = latencies_of(candidates)
    least = max(min(latencies), LATENCY_LEAST_MS)
    return [least / latency if latency > least else 1.0 for latency in latencies]


def load_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return how much of what each takes on is free."""
    return [1.0 - min(max(each.load, 0.0), 1.0) for each in candidates]


def quality_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return how good the answers are, with the benefit of the doubt."""
    return [each.worth for each in candidates]


def priority_parts(candidates: Sequence[Candidate]) -> list[float]:
    """Return the priorities."""
    return [each.priority / 100.0 for each in candidates]
