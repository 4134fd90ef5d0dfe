"""Counts and distributions that cost a call next to nothing.

Plain integers, because all of a host's counting is done by its event loop's thread: what
`prometheus_client` counts with takes a lock each time, and a call would pay for it five times.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    HistogramMetricFamily,
    Metric,
)

from wardian.telemetry.catalogue import Described

Labels = tuple[str, ...]


class Distribution:
    """How often values lay between bounds, and their sum."""

    __slots__ = ("_bounds", "_exemplars", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """``bounds`` are the upper ones, ascending; above the last there is one more."""
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self._exemplars: dict[int, tuple[str, float]] | None = None

    def observe(self, value: float, trace_id: str | None = None) -> None:
        """Count a value; ``trace_id`` is where it can be looked at, if it was traced."""
        place = bisect_left(self._bounds, value)
        self.counts[place] += 1
        self.total += value
        if trace_id is not None:
            if self._exemplars is None:
                self._exemplars = {}
            self._exemplars[place] = trace_id, value

    def buckets(self) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
        """Return what Prometheus has of it: how many values are no larger than each bound."""
        seen, found = 0, []
        for place, count in enumerate(self.counts):
            seen += count
            bound = str(self._bounds[place]) if place < len(self._bounds) else "+Inf"
            found.append(self._bucket(place, bound, seen))
        return found

    def _bucket(
        self, place: int, bound: str, seen: int
    ) -> tuple[str, float] | tuple[str, float, Exemplar]:
        exemplar = (self._exemplars or {}).get(place)
        if exemplar is None:
            return bound, seen
        trace_id, value = exemplar
        return bound, seen, Exemplar({"trace_id": trace_id}, value)


class Counts:
    """One counter, by its labels. Whoever adds to it bounds the labels."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self._values: dict[Labels, float] = {}

    def add(self, labels: Labels, by: float = 1) -> None:
        """Add to the count of ``labels``, in the order of their names."""
        self._values[labels] = self._values.get(labels, 0) + by

    def family(self) -> Metric:
        """Return the counter as it is now."""
        found = counter(self._described)
        for labels, value in self._values.items():
            found.add_metric(labels, value)
        return found


class Distributions:
    """One histogram, by its labels. Whoever adds to it bounds the labels."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self._values: dict[Labels, Distribution] = {}

    def of(self, labels: Labels) -> Distribution:
        """Return the distribution of ``labels``, in the order of their names."""
        found = self._values.get(labels)
        if found is None:
            found = self._values[labels] = Distribution(self._described.bounds)
        return found

    def family(self) -> Metric:
        """Return the histogram as it is now."""
        found = histogram(self._described)
        for labels, value in self._values.items():
            found.add_metric(labels, value.buckets(), value.total)
        return found


def counter(described: Described) -> CounterMetricFamily:
    """Make a counter without a value."""
    return CounterMetricFamily(described.name, described.text, labels=described.labels)


def histogram(described: Described) -> HistogramMetricFamily:
    """Make a histogram without a value."""
    return HistogramMetricFamily(described.name, described.text, labels=described.labels)
