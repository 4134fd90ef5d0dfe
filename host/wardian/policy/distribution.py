"""How values are spread: counted between bounds, one after the other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Bounds for how long something takes that is a call or a part of one."""

_NONE: Mapping[int, tuple[str, float]] = MappingProxyType({})


class Distribution:
    """How often values lay between bounds, and their sum.

    Attributes:
        bounds: the upper ones, ascending; above the last there is one more place.
        counts: how many values are in each place.
        total: their sum.
        examples: the last value of a place that was traced, with its trace.
    """

    __slots__ = ("bounds", "counts", "examples", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.examples: Mapping[int, tuple[str, float]] = _NONE

    def observe(self, value: float, trace_id: str | None = None) -> None:
        """Count a value; one at a bound is within it. ``trace_id`` is where it can be looked at, if
        it was traced."""
        place = bisect_left(self.bounds, value)
        self.counts[place] += 1
        self.total += value
        if trace_id is not None:
            self.examples = {**self.examples, place: (trace_id, value)}

    def cumulated(self) -> list[int]:
        """Return how many values are within each bound, and of all."""
        return list(accumulate(self.counts))
