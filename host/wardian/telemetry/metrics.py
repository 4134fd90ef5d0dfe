"""Prometheus metrics of one host, in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wardian.storage.rows import SurveyRow
from wardian.telemetry.lines import Lines

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
MAX_PLUGINS = 1000
"""How many plugins get labels of their own; the rest share one, so memory stays bounded."""

_REST = "other"


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


class Telemetry:
    """Counters and histograms of one host.

    Attributes:
        lines: what its plugins log.
    """

    def __init__(self) -> None:
        self.lines = Lines()
        self._registry = CollectorRegistry()
        self._plugins: set[tuple[str, str]] = set()
        # Looking a metric up by its labels costs more than counting does.
        self._known: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        labels = ("tenant", "plugin")
        self._calls = Counter(
            "wardian_calls",
            "Calls of plugin functions, by how they ended ('ok' or an error's type).",
            (*labels, "outcome"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "wardian_call_seconds",
            "Wall-clock time of calls.",
            labels,
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._host_calls = Counter(
            "wardian_host_calls",
            "Host functions called by plugins, by interface and answer.",
            ("interface", "outcome"),
            registry=self._registry,
        )
        self._recordings = Counter(
            "wardian_recordings",
            "Calls that were to be recorded: 'kept', or why not.",
            ("outcome",),
            registry=self._registry,
        )
        self._leaks = Counter(
            "wardian_leaks_stopped",
            "Credentials kept out of what plugins write, by where they were.",
            ("sink",),
            registry=self._registry,
        )

        self._drops = Counter(
            "wardian_events_dropped",
            "Events that a plugin could not publish, or did not receive, by the reason.",
            (*labels, "reason"),
            registry=self._registry,
        )
        self._deliveries = Counter(
            "wardian_event_deliveries",
            "Events given to plugins, by what became of them.",
            (*labels, "outcome"),
            registry=self._registry,
        )
        self._webhooks = Counter(
            "wardian_webhook_deliveries",
            "Events posted to endpoints of host apps, by what became of them.",
            ("tenant", "outcome"),
            registry=self._registry,
        )
        self._scheduled = Counter(
            "wardian_schedule_runs",
            "Runs of plugins' schedules, by how they ended, and ticks that were 'missed'.",
            (*labels, "outcome"),
            registry=self._registry,
        )
        self._hooks = Counter(
            "wardian_webhook_requests",
            "Requests to webhooks, by what became of them.",
            (*labels, "outcome"),
            registry=self._registry,
        )
        self._key_refusals = Counter(
            "wardian_key_refusals",
            "API keys that were refused, by the reason; 'guessing' were not looked at.",
            ("reason",),
            registry=self._registry,
        )
        self._limited = Counter(
            "wardian_rate_limited",
            "Requests refused because there were too many, by whose bound it was.",
            ("tenant", "whose"),
            registry=self._registry,
        )
        self._now = _Plugins()
        self._registry.register(self._now)

    def call_ended(self, tenant: str, plugin: str, outcome: str, seconds: float) -> None:
        """Count one call. ``outcome`` is ``ok`` or an error's type."""
        found = self._known.get((tenant, plugin, outcome))
        if found is None:
            bounded = self._bounded(tenant, plugin)
            found = self._calls.labels(*bounded, outcome), self._seconds.labels(*bounded)
            if bounded == (tenant, plugin):
                self._known[tenant, plugin, outcome] = found
        calls, times = found
        calls.inc()
        times.observe(seconds)

    def key_refused(self, reason: str) -> None:
        """Count one API key that was refused."""
        self._key_refusals.labels(reason).inc()

    def rate_limited(self, tenant: str, whose: str) -> None:
        """Count one request that was refused by the bound of its ``key`` or its ``tenant``."""
        self._limited.labels(tenant, whose).inc()

    def host_call_ended(self, interface: str, outcome: str) -> None:
        """Count one host call. ``outcome`` is ``ok`` or the case of the refusal."""
        self._host_calls.labels(interface, outcome).inc()

    def recording_ended(self, outcome: str, count: int = 1) -> None:
        """Count calls that were recorded. ``outcome`` is ``kept``, or why they are not."""
        self._recordings.labels(outcome).inc(count)

    def schedule_ended(self, tenant: str, plugin: str, outcome: str, count: int = 1) -> None:
        """Count runs of a schedule. ``outcome`` is how they ended, or ``missed`` for none."""
        self._scheduled.labels(*self._bounded(tenant, plugin), outcome).inc(count)

    def event_dropped(self, tenant: str, plugin: str, reason: str) -> None:
        """Count an event that a plugin could not publish, or did not receive."""
        self._drops.labels(*self._bounded(tenant, plugin), reason).inc()

    def event_delivered(self, tenant: str, plugin: str, outcome: str) -> None:
        """Count a delivery. ``outcome`` is one of `wardian.events.Outcome`."""
        self._deliveries.labels(*self._bounded(tenant, plugin), outcome).inc()

    def webhook_settled(self, tenant: str, outcome: str) -> None:
        """Count an event for an endpoint. ``outcome`` is one of `wardian.events.Outcome`, or why it
        was dropped."""
        self._webhooks.labels(tenant, outcome).inc()

    def webhook_received(self, tenant: str, plugin: str, outcome: str) -> None:
        """Count a request to a webhook; without a plugin where there is none for it."""
        whose = self._bounded(tenant, plugin) if plugin else ("", "")
        self._hooks.labels(*whose, outcome).inc()

    def leak_stopped(self, sink: str) -> None:
        """Count one credential kept out. ``sink`` is a host function, or a part of a call."""
        self._leaks.labels(sink).inc()

    def watch_workers(self, count: Callable[[], WorkerCounts]) -> None:
        """Report what ``count`` says of the workers, each time the metrics are rendered."""
        self._registry.register(_Workers(count))

    def watch_egress(self, count: Callable[[], EgressCounts]) -> None:
        """Report what ``count`` says of plugins' requests, each time the metrics are rendered."""
        self._registry.register(_Egress(count))

    def render(self, plugins: Iterable[SurveyRow] = ()) -> bytes:
        """Return all metrics in Prometheus's text format, with how ``plugins`` do now."""
        self._now.show((*self._bounded(each.tenant, each.name), each) for each in plugins)
        return generate_latest(self._registry)

    def _bounded(self, tenant: str, plugin: str) -> tuple[str, str]:
        key = (tenant, plugin)
        if key not in self._plugins:
            if len(self._plugins) >= MAX_PLUGINS:
                return _REST, _REST
            self._plugins.add(key)
        return key


class _Plugins(Collector):
    """Where plugins are in their lives and how they feel, as last shown."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str, str], int] = {}
        self._healths: dict[tuple[str, str, str], int] = {}

    def show(self, plugins: Iterable[tuple[str, str, SurveyRow]]) -> None:
        states: dict[tuple[str, str, str], int] = {}
        healths: dict[tuple[str, str, str], int] = {}
        for tenant, plugin, found in plugins:
            # More than one only under the label of those that have none of their own.
            state, health = (tenant, plugin, found.state), (tenant, plugin, found.health_status)
            states[state] = states.get(state, 0) + 1
            healths[health] = healths.get(health, 0) + 1
        self._states, self._healths = states, healths

    def collect(self) -> Iterable[Metric]:
        labels = ("tenant", "plugin")
        yield _counted(
            GaugeMetricFamily(
                "wardian_plugin_state",
                "Installed plugins, by the state that they are in.",
                labels=(*labels, "state"),
            ),
            self._states,
        )
        yield _counted(
            GaugeMetricFamily(
                "wardian_plugin_health",
                "Installed plugins, by what their last health check found.",
                labels=(*labels, "status"),
            ),
            self._healths,
        )


def _counted(
    family: GaugeMetricFamily, counts: Mapping[tuple[str, str, str], int]
) -> GaugeMetricFamily:
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family


class _Workers(Collector):
    def __init__(self, count: Callable[[], WorkerCounts]) -> None:
        self._count = count

    def collect(self) -> Iterable[Metric]:
        counts = self._count()
        now = GaugeMetricFamily(
            "wardian_workers", "Worker processes, by what they do now.", labels=("state",)
        )
        now.add_metric(("idle",), counts.idle)
        now.add_metric(("busy",), counts.busy)
        yield now
        yield GaugeMetricFamily(
            "wardian_calls_queued", "Calls that wait for a worker.", value=counts.queued
        )
        ever = CounterMetricFamily(
            "wardian_workers_events", "Workers started and lost so far.", labels=("event",)
        )
        ever.add_metric(("spawned",), counts.spawned)
        ever.add_metric(("lost",), counts.lost)
        yield ever


class _Egress(Collector):
    def __init__(self, count: Callable[[], EgressCounts]) -> None:
        self._count = count

    def collect(self) -> Iterable[Metric]:
        counts = self._count()
        requests = GaugeMetricFamily(
            "wardian_http_requests", "HTTP requests of plugins, now.", labels=("state",)
        )
        requests.add_metric(("running",), counts.running)
        requests.add_metric(("waiting",), counts.waiting)
        yield requests
        yield GaugeMetricFamily(
            "wardian_http_sockets", "Connections for them, idle ones too.", value=counts.sockets
        )
        yield GaugeMetricFamily(
            "wardian_http_held_bytes",
            "What is in memory of responses that are being read.",
            value=counts.held_bytes,
        )
