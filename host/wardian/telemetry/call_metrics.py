"""What is counted of calls, looked up once for each function."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric

from wardian.policy.distribution import SECONDS, Distribution
from wardian.policy.usage import Usage
from wardian.telemetry.catalogue import BYTES, CALL_FUEL, CALL_MEMORY, CALL_SECONDS, CALLS
from wardian.telemetry.labels import Names
from wardian.telemetry.series import Labels, buckets, counter, histogram


class CallSeries:
    """What is counted of one function's calls at one level."""

    __slots__ = ("_memory", "fuel", "labels", "outcomes", "seconds")

    def __init__(self, labels: Labels, memory: Distribution) -> None:
        self.labels = labels
        self.outcomes: dict[str, int] = {}
        self.seconds = Distribution(SECONDS)
        self.fuel = 0
        self._memory = memory

    def ended(self, outcome: str, usage: Usage, trace_id: str | None = None) -> None:
        """Count one call. ``outcome`` is ``ok`` or an error's type."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.seconds.observe(usage.wall_seconds, trace_id)
        self.fuel += usage.fuel
        self._memory.observe(usage.memory_bytes)


class CallMetrics:
    """What is counted of the calls of one host."""

    def __init__(self, names: Names) -> None:
        self._names = names
        # By what a call is of; what shares its labels with others is looked up each time.
        self._known: dict[Labels, CallSeries] = {}
        self._series: dict[Labels, CallSeries] = {}
        self._memory: dict[Labels, Distribution] = {}

    def of(self, tenant: str, plugin: str, function: str, level: str) -> CallSeries:
        """Return what is counted of a function's calls."""
        called = (tenant, plugin, function, level)
        return self._known.get(called) or self._looked_up(called)

    def _looked_up(self, called: tuple[str, str, str, str]) -> CallSeries:
        labels = (*self._names.function(*called[:3]), called[3])
        found = self._series.get(labels)
        if found is None:
            memory = self._memory.setdefault(labels[:2], Distribution(BYTES))
            found = self._series[labels] = CallSeries(labels, memory)
        if labels == called:
            self._known[called] = found
        return found

    def families(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        calls, fuel = counter(CALLS), counter(CALL_FUEL)
        seconds, memory = histogram(CALL_SECONDS), histogram(CALL_MEMORY)
        for labels, series in self._series.items():
            for outcome, count in series.outcomes.items():
                calls.add_metric((*labels, outcome), count)
            fuel.add_metric(labels, series.fuel)
            seconds.add_metric(labels, buckets(series.seconds), series.seconds.total)
        for whose, distribution in self._memory.items():
            memory.add_metric(whose, buckets(distribution), distribution.total)
        return calls, seconds, fuel, memory
