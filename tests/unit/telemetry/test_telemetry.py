"""Prometheus metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from fakes import FakeExecutor
from wardian.storage.rows import SurveyRow
from wardian.telemetry import Telemetry
from wardian.telemetry.metrics import MAX_PLUGINS

LABELS = ("tenant", "plugin", "interface", "state", "event", "outcome", "status", "le")


def plugin(name: str, state: str, health_status: str) -> SurveyRow:
    return SurveyRow(tenant="default", name=name, state=state, health_status=health_status)


def samples(telemetry: Telemetry) -> dict[tuple[str, tuple[str, ...]], float]:
    return samples_of(telemetry.render())


def samples_of(rendered: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (
            sample.name,
            tuple(sample.labels[name] for name in LABELS if name in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(rendered.decode())
        for sample in family.samples
    }


def test_calls_are_counted_by_plugin_and_outcome() -> None:
    telemetry = Telemetry()

    telemetry.call_ended("default", "counter", "ok", 0.002)
    telemetry.call_ended("default", "counter", "ok", 0.3)
    telemetry.call_ended("default", "counter", "trap", 0.1)
    telemetry.host_call_ended("kv", "denied")

    found = samples(telemetry)
    assert found["wardian_calls_total", ("default", "counter", "ok")] == 2
    assert found["wardian_calls_total", ("default", "counter", "trap")] == 1
    assert found["wardian_call_seconds_count", ("default", "counter")] == 3
    assert found["wardian_host_calls_total", ("kv", "denied")] == 1


def test_workers_are_asked_each_time() -> None:
    telemetry = Telemetry()
    telemetry.watch_workers(FakeExecutor({}).workers)

    found = samples(telemetry)

    assert found["wardian_workers", ("idle",)] == 1
    assert found["wardian_calls_queued", ()] == 0


def test_states_and_health_of_plugins_are_those_of_the_moment() -> None:
    telemetry = Telemetry()
    telemetry.render([plugin("counter", "active", "healthy")])
    rendered = telemetry.render([plugin("counter", "degraded", "unhealthy")])

    found = samples_of(rendered)
    assert found["wardian_plugin_state", ("default", "counter", "degraded")] == 1
    assert found["wardian_plugin_health", ("default", "counter", "unhealthy")] == 1
    assert ("wardian_plugin_state", ("default", "counter", "active")) not in found


def test_plugins_without_a_label_of_their_own_are_counted_together() -> None:
    rendered = Telemetry().render(
        plugin(f"plugin-{number}", "active", "unknown") for number in range(MAX_PLUGINS + 5)
    )

    assert samples_of(rendered)["wardian_plugin_state", ("other", "other", "active")] == 5


def test_two_hosts_in_one_process_do_not_share_metrics() -> None:
    first, second = Telemetry(), Telemetry()
    first.call_ended("default", "counter", "ok", 0.1)

    assert ("wardian_calls_total", ("default", "counter", "ok")) not in samples(second)


def test_the_number_of_labels_is_bounded() -> None:
    telemetry = Telemetry()
    for number in range(MAX_PLUGINS + 5):
        telemetry.call_ended("default", f"plugin-{number}", "ok", 0.1)

    found = samples(telemetry)
    assert found["wardian_calls_total", ("other", "other", "ok")] == 5
