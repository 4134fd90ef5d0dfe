"""The numbers of one host, for Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from wardian import __version__
from wardian.policy.distribution import Distribution
from wardian.storage.rows import SurveyRow
from wardian.telemetry import catalogue
from wardian.telemetry.agent_metrics import AgentMetrics
from wardian.telemetry.call_metrics import CallMetrics
from wardian.telemetry.held import HeldLines
from wardian.telemetry.labels import Names
from wardian.telemetry.lines import Lines
from wardian.telemetry.plugin_metrics import PluginMetrics
from wardian.telemetry.series import Counts, Distributions, counter
from wardian.telemetry.served import ServedRequests
from wardian.telemetry.tracing import Tracing
from wardian.telemetry.watched import (
    EgressCounts,
    WorkerCounts,
    egress_families,
    gauge,
    plugin_families,
    worker_families,
)

Families = Callable[[], Iterable[Metric]]


class Telemetry:
    """What is counted on one host; from its event loop's thread alone.

    Attributes:
        lines: what its plugins log.
        tracing: makes the spans of what it does.
        access: the log's lines about requests; to be flushed at the end.
        calls: what is counted of calls.
        served: what is counted of requests to the API.
        of_plugins: what plugins count themselves.
        agents: what is counted of questions to agents.
    """

    def __init__(self) -> None:
        self.lines = Lines()
        self.tracing = Tracing()
        self.access = HeldLines(logging.getLogger("wardian.access"), "%s %s %d in %.1f ms")
        self._names = Names()
        self.calls = CallMetrics(self._names)
        self.served = ServedRequests()
        self.of_plugins = PluginMetrics(self._names)
        self.agents = AgentMetrics(self._names)
        self._lags = Distributions(catalogue.DELIVERY_LAG)
        self._process = ProcessCollector(registry=CollectorRegistry())
        self._counts: list[Counts] = []
        self._watched: list[Families] = []
        self._host_calls = self._counter(catalogue.HOST_CALLS)
        self._recordings = self._counter(catalogue.RECORDINGS)
        self._leaks = self._counter(catalogue.LEAKS)
        self._drops = self._counter(catalogue.EVENTS_DROPPED)
        self._deliveries = self._counter(catalogue.EVENT_DELIVERIES)
        self._webhooks = self._counter(catalogue.WEBHOOK_DELIVERIES)
        self._scheduled = self._counter(catalogue.SCHEDULE_RUNS)
        self._hooks = self._counter(catalogue.HOOK_REQUESTS)
        self._lines_dropped = self._counter(catalogue.LINES_DROPPED)
        self._key_refusals = self._counter(catalogue.KEY_REFUSALS)
        self._limited = self._counter(catalogue.RATE_LIMITED)

    def host_call_ended(self, interface: str, outcome: str) -> None:
        """Count one host call. ``outcome`` is ``ok`` or the case of the refusal."""
        self._host_calls.add((interface, outcome))

    def recording_ended(self, outcome: str, count: int = 1) -> None:
        """Count calls that were recorded. ``outcome`` is ``kept``, or why they are not."""
        self._recordings.add((outcome,), count)

    def schedule_ended(self, tenant: str, plugin: str, outcome: str, count: int = 1) -> None:
        """Count runs of a schedule. ``outcome`` is how they ended, or ``missed`` for none."""
        self._scheduled.add((*self._names.plugin(tenant, plugin), outcome), count)

    def event_dropped(self, tenant: str, plugin: str, reason: str) -> None:
        """Count an event that a plugin could not publish, or did not receive."""
        self._drops.add((*self._names.plugin(tenant, plugin), reason))

    def event_delivered(self, tenant: str, plugin: str, outcome: str) -> None:
        """Count a delivery. ``outcome`` is one of `wardian.events.Outcome`."""
        self._deliveries.add((*self._names.plugin(tenant, plugin), outcome))

    def webhook_settled(self, tenant: str, outcome: str) -> None:
        """Count an event for an endpoint. ``outcome`` is one of `wardian.events.Outcome`, or why it
        was dropped."""
        self._webhooks.add((self._names.tenant(tenant), outcome))

    def delivery_lagged(self, receiver: str, seconds: float) -> None:
        """Note how old an event was when a ``plugin`` or an ``endpoint`` was done with it."""
        self._lags.of((receiver,)).observe(seconds)

    def webhook_received(self, tenant: str, plugin: str, outcome: str) -> None:
        """Count a request to a webhook; without a plugin where there is none for it."""
        whose = self._names.plugin(tenant, plugin) if plugin else ("", "")
        self._hooks.add((*whose, outcome))

    def key_refused(self, reason: str) -> None:
        """Count one API key that was refused."""
        self._key_refusals.add((reason,))

    def rate_limited(self, tenant: str, whose: str) -> None:
        """Count one request that was refused by the bound of its ``key`` or its ``tenant``."""
        self._limited.add((self._names.tenant(tenant), whose))

    def leak_stopped(self, sink: str) -> None:
        """Count one credential kept out. ``sink`` is a host function, or a part of a call."""
        self._leaks.add((sink,))

    def lines_dropped(self, count: int) -> None:
        """Count lines that a follower of the log was too slow for."""
        self._lines_dropped.add((), count)

    def watch_workers(self, count: Callable[[], WorkerCounts], waits: Distribution) -> None:
        """Report what ``count`` says of the workers, each time the metrics are rendered."""
        self._watched.append(lambda: worker_families(count(), waits))

    def watch_egress(self, count: Callable[[], EgressCounts]) -> None:
        """Report what ``count`` says of plugins' requests, each time the metrics are rendered."""
        self._watched.append(lambda: egress_families(count))

    def render(self, plugins: Iterable[SurveyRow] = ()) -> bytes:
        """Return all metrics in Prometheus's text format, with how ``plugins`` do now."""
        return generate_latest(_Collected(list(self.families(plugins))))

    async def exposition(self, plugins: Iterable[SurveyRow], accept: str) -> tuple[bytes, str]:
        """Return all metrics, with how ``plugins`` do now, and what type of text that is.

        ``accept`` is what the client takes, as HTTP has it: OpenMetrics, with exemplars, or
        Prometheus's own text format, which is also for those that do not say.
        """
        encode, content_type = choose_encoder(accept)
        found = _Collected(list(self.families(plugins)))
        # Of a host with many plugins this is a megabyte of text, and calls are not to wait for it.
        return await asyncio.to_thread(encode, found), content_type

    def families(self, plugins: Iterable[SurveyRow] = ()) -> Iterator[Metric]:
        """Return every metric as it is now."""
        build = gauge(catalogue.BUILD)
        build.add_metric((__version__,), 1)
        yield build
        spans = counter(catalogue.SPANS_DROPPED)
        spans.add_metric((), self.tracing.dropped)
        yield spans
        yield from self.calls.families()
        yield from (counts.family() for counts in self._counts)
        yield self._lags.family()
        yield from self.served.families()
        yield from self.of_plugins.families()
        yield from self.agents.families()
        for watched in self._watched:
            yield from watched()
        yield from plugin_families(self._names, plugins)
        yield from self._process.collect()

    def _counter(self, described: catalogue.Described) -> Counts:
        counts = Counts(described)
        self._counts.append(counts)
        return counts


class _Collected(Collector):
    """Metrics that were collected before they are written."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
