"""What is asked for each time the metrics are rendered: plugins, workers and egress, now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from wardian.policy.distribution import Distribution
from wardian.storage.rows import SurveyRow
from wardian.telemetry.catalogue import (
    CALLS_QUEUED,
    EGRESS_HELD,
    EGRESS_REQUESTS,
    EGRESS_SOCKETS,
    PLUGIN_HEALTH,
    PLUGIN_STATE,
    QUEUE_WAIT,
    WORKERS,
    WORKERS_LOST,
    WORKERS_SPAWNED,
    Described,
)
from wardian.telemetry.labels import Names
from wardian.telemetry.series import buckets, histogram


class WorkerCounts(Protocol):
    """What the executor tells of its workers."""

    @property
    def idle(self) -> int: ...
    @property
    def busy(self) -> int: ...
    @property
    def queued(self) -> int: ...
    @property
    def spawned(self) -> int: ...
    @property
    def lost(self) -> int: ...


class EgressCounts(Protocol):
    """What the egress broker tells of its requests."""

    @property
    def sockets(self) -> int: ...
    @property
    def running(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def held_bytes(self) -> int: ...


def plugin_families(names: Names, plugins: Iterable[SurveyRow]) -> Iterable[Metric]:
    """Tell where plugins are in their lives, and how they feel."""
    states: dict[tuple[str, str, str], int] = {}
    healths: dict[tuple[str, str, str], int] = {}
    for found in plugins:
        # More than one only under the label of those that have none of their own.
        whose = names.plugin(found.tenant, found.name)
        state, health = (*whose, found.state), (*whose, found.health_status)
        states[state] = states.get(state, 0) + 1
        healths[health] = healths.get(health, 0) + 1
    return _counted(PLUGIN_STATE, states), _counted(PLUGIN_HEALTH, healths)


def worker_families(counts: WorkerCounts, waits: Distribution) -> Iterable[Metric]:
    """Tell what workers do, and how long calls wait for one."""
    now = gauge(WORKERS)
    now.add_metric(("idle",), counts.idle)
    now.add_metric(("busy",), counts.busy)
    waited = histogram(QUEUE_WAIT)
    waited.add_metric((), buckets(waits), waits.total)
    return (
        now,
        GaugeMetricFamily(CALLS_QUEUED.name, CALLS_QUEUED.text, value=counts.queued),
        waited,
        CounterMetricFamily(WORKERS_SPAWNED.name, WORKERS_SPAWNED.text, value=counts.spawned),
        CounterMetricFamily(WORKERS_LOST.name, WORKERS_LOST.text, value=counts.lost),
    )


def egress_families(count: Callable[[], EgressCounts]) -> Iterable[Metric]:
    """Tell what plugins' requests do."""
    counts = count()
    requests = gauge(EGRESS_REQUESTS)
    requests.add_metric(("running",), counts.running)
    requests.add_metric(("waiting",), counts.waiting)
    return (
        requests,
        GaugeMetricFamily(EGRESS_SOCKETS.name, EGRESS_SOCKETS.text, value=counts.sockets),
        GaugeMetricFamily(EGRESS_HELD.name, EGRESS_HELD.text, value=counts.held_bytes),
    )


def gauge(described: Described) -> GaugeMetricFamily:
    """Make a gauge without a value."""
    return GaugeMetricFamily(described.name, described.text, labels=described.labels)


def _counted(described: Described, counts: Mapping[tuple[str, str, str], int]) -> GaugeMetricFamily:
    family = gauge(described)
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family
