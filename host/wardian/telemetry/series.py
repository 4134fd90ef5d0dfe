"""Counts and distributions that cost a call next to nothing.

Plain integers, because all of a host's counting is done by its event loop's thread: what
`prometheus_client` counts with takes a lock each time, and a call would pay for it five times.
"""

from __future__ import annotations

from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    HistogramMetricFamily,
    Metric,
)

from wardian.policy.distribution import Distribution
from wardian.telemetry.catalogue import Described

Labels = tuple[str, ...]


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
            found.add_metric(labels, buckets(value), value.total)
        return found


def counter(described: Described) -> CounterMetricFamily:
    """Make a counter without a value."""
    return CounterMetricFamily(described.name, described.text, labels=described.labels)


def histogram(described: Described) -> HistogramMetricFamily:
    """Make a histogram without a value."""
    return HistogramMetricFamily(described.name, described.text, labels=described.labels)


def buckets(
    distribution: Distribution,
) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    """Return what Prometheus has of a distribution: how many values are within each bound."""
    bounds = [*map(str, distribution.bounds), "+Inf"]
    found: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    for place, (bound, count) in enumerate(zip(bounds, distribution.cumulated(), strict=True)):
        example = distribution.examples.get(place)
        if example is None:
            found.append((bound, count))
        else:
            trace_id, value = example
            found.append((bound, count, Exemplar({"trace_id": trace_id}, value)))
    return found
