"""Prometheus metrics."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from fakes import FakeExecutor
from wardian.egress.broker import EgressCounts
from wardian.policy.distribution import Distribution
from wardian.policy.usage import Usage
from wardian.storage.rows import SurveyRow
from wardian.telemetry import Telemetry
from wardian.telemetry.catalogue import METRICS
from wardian.telemetry.labels import (
    MAX_FUNCTIONS,
    MAX_FUNCTIONS_OF_PLUGIN,
    MAX_FUNCTIONS_OF_TENANT,
    MAX_PLUGINS,
    MAX_PLUGINS_OF_TENANT,
)
from wardian.telemetry.series import buckets

LABELS = (
    "tenant",
    "plugin",
    "function",
    "level",
    "interface",
    "state",
    "outcome",
    "status",
    "le",
)


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


def called(
    telemetry: Telemetry,
    outcome: str,
    seconds: float = 0.1,
    *,
    plugin: str = "counter",
    **more: str,
) -> None:
    series = telemetry.calls.of(
        more.get("tenant", "default"), plugin, more.get("function", "run"), "restricted"
    )
    series.ended(outcome, Usage(wall_seconds=seconds, fuel=100, memory_bytes=70_000))


def test_calls_are_counted_by_plugin_function_level_and_outcome() -> None:
    telemetry = Telemetry()

    called(telemetry, "ok", 0.002)
    called(telemetry, "ok", 0.3)
    called(telemetry, "trap", 0.1)
    telemetry.host_call_ended("kv", "denied")

    found = samples(telemetry)
    of_function = ("default", "counter", "run", "restricted")
    assert found["wardian_calls_total", (*of_function, "ok")] == 2
    assert found["wardian_calls_total", (*of_function, "trap")] == 1
    assert found["wardian_call_seconds_count", of_function] == 3
    assert found["wardian_call_seconds_bucket", (*of_function, "0.0025")] == 1
    assert found["wardian_call_seconds_bucket", (*of_function, "+Inf")] == 3
    assert found["wardian_call_fuel_total", of_function] == 300
    assert found["wardian_call_memory_bytes_sum", ("default", "counter")] == 210_000
    assert found["wardian_host_calls_total", ("kv", "denied")] == 1


def test_workers_are_asked_each_time() -> None:
    telemetry = Telemetry()
    executor = FakeExecutor({})
    telemetry.watch_workers(executor.workers, executor.waits)
    executor.waits.observe(0.02)

    found = samples(telemetry)

    assert found["wardian_workers", ("idle",)] == 1
    assert found["wardian_calls_queued", ()] == 0
    assert found["wardian_queue_wait_seconds_count", ()] == 1


def test_a_value_at_a_bound_is_within_it() -> None:
    found = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        found.observe(value)

    assert buckets(found) == [("1.0", 2), ("2.0", 4), ("+Inf", 5)]
    assert found.total == 14.0


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
        plugin(f"plugin-{number}", "active", "unknown")
        for number in range(MAX_PLUGINS_OF_TENANT + 5)
    )

    assert samples_of(rendered)["wardian_plugin_state", ("other", "other", "active")] == 5


def test_two_hosts_in_one_process_do_not_share_metrics() -> None:
    first, second = Telemetry(), Telemetry()
    called(first, "ok")

    assert "wardian_calls_total" not in {name for name, _ in samples(second)}


def test_the_number_of_plugins_with_labels_is_bounded() -> None:
    telemetry = Telemetry()
    for number in range(MAX_PLUGINS + 5):
        called(telemetry, "ok", plugin=f"plugin-{number}", tenant=f"t{number}")

    found = samples(telemetry)
    assert found["wardian_calls_total", ("other", "other", "other", "restricted", "ok")] == 5


def test_one_tenant_does_not_take_the_labels_of_others() -> None:
    telemetry = Telemetry()
    for number in range(MAX_PLUGINS):
        called(telemetry, "ok", plugin=f"plugin-{number}", tenant="greedy")
    called(telemetry, "ok", tenant="modest")

    found = samples(telemetry)
    others = ("other", "other", "other", "restricted", "ok")
    assert found["wardian_calls_total", others] == MAX_PLUGINS - MAX_PLUGINS_OF_TENANT
    assert found["wardian_calls_total", ("modest", "counter", "run", "restricted", "ok")] == 1


def test_a_plugin_with_ten_thousand_functions_costs_no_more_than_one_with_fifty() -> None:
    telemetry = Telemetry()
    for number in range(10_000):
        called(telemetry, "ok", function=f"f{number}")

    found = samples(telemetry)
    counted = [labels for name, labels in found if name == "wardian_calls_total"]
    assert len(counted) == MAX_FUNCTIONS_OF_PLUGIN + 1
    rest = ("default", "counter", "other", "restricted", "ok")
    assert found["wardian_calls_total", rest] == 10_000 - MAX_FUNCTIONS_OF_PLUGIN
    assert found["wardian_call_seconds_count", rest[:-1]] == 10_000 - MAX_FUNCTIONS_OF_PLUGIN


def test_all_plugins_together_have_no_more_functions_with_labels_than_a_host_has() -> None:
    telemetry = Telemetry()
    for plugin in range(MAX_FUNCTIONS // MAX_FUNCTIONS_OF_PLUGIN + 1):
        for number in range(MAX_FUNCTIONS_OF_PLUGIN):
            called(telemetry, "ok", plugin="p", tenant=f"t{plugin}", function=f"f{number}")

    counted = [labels for name, labels in samples(telemetry) if name == "wardian_calls_total"]
    assert len(counted) == MAX_FUNCTIONS + 1


def test_a_tenant_with_many_functions_leaves_labels_for_those_of_others() -> None:
    telemetry = Telemetry()
    for number in range(MAX_FUNCTIONS):
        plugin = f"p{number // MAX_FUNCTIONS_OF_PLUGIN}"
        called(telemetry, "ok", plugin=plugin, tenant="greedy", function=f"f{number}")
    called(telemetry, "ok", tenant="modest")

    found = samples(telemetry)
    own = [
        labels
        for name, labels in found
        if name == "wardian_calls_total" and labels[0] == "greedy" and labels[2] != "other"
    ]
    assert len(own) == MAX_FUNCTIONS_OF_TENANT
    assert found["wardian_calls_total", ("modest", "counter", "run", "restricted", "ok")] == 1


def test_a_name_of_a_megabyte_is_no_label() -> None:
    telemetry = Telemetry()
    called(telemetry, "ok", function="f" * 1_000_000)

    assert len(telemetry.render()) < 100_000


def test_names_that_look_like_the_format_stay_within_their_label() -> None:
    telemetry = Telemetry()
    forged = 'f"} 1\nwardian_calls_total{plugin="victim'
    called(telemetry, "ok", function=forged)

    counted = [labels for name, labels in samples(telemetry) if name == "wardian_calls_total"]
    assert counted == [("default", "counter", forged, "restricted", "ok")]


def test_requests_are_counted_by_route_and_never_by_what_a_client_makes_up() -> None:
    telemetry = Telemetry()
    telemetry.served.ended("GET", "/api/v1/plugins/{name}", 404, 0.01)
    for number in range(1_000):
        telemetry.served.ended(f"METHOD{number}", None, 405, 0.01)

    counted = {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(telemetry.render().decode())
        for sample in family.samples
        if sample.name == "wardian_http_server_requests_total"
    }
    assert counted == {
        ("GET", "/api/v1/plugins/{name}", "404"): 1,
        ("other", "unmatched", "405"): 1_000,
    }


@pytest.mark.anyio
async def test_openmetrics_has_exemplars_for_those_who_ask_for_it() -> None:
    telemetry = Telemetry()
    series = telemetry.calls.of("default", "counter", "run", "restricted")
    series.ended("ok", Usage(wall_seconds=0.002), "ab" * 16)

    plain, plain_type = await telemetry.exposition([], "text/plain")
    text, media_type = await telemetry.exposition([], "application/openmetrics-text;version=1.0.0")

    assert plain_type.startswith("text/plain")
    assert b"trace_id" not in plain
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    (exemplar,) = [
        sample.exemplar
        for family in openmetrics(text.decode())
        for sample in family.samples
        if sample.exemplar
    ]
    assert (exemplar.labels, exemplar.value) == ({"trace_id": "ab" * 16}, 0.002)


def test_every_metric_is_in_the_catalogue_as_it_is_shown() -> None:
    telemetry = Telemetry()
    executor = FakeExecutor({})
    telemetry.watch_workers(executor.workers, executor.waits)
    telemetry.watch_egress(lambda: EgressCounts(0, 0, 0, 0))

    shown = {
        (family.name, family.type, family.documentation)
        for family in telemetry.families()
        if not family.name.startswith("process_")
    }

    assert shown == {(each.name, each.kind.value, each.text) for each in METRICS}
