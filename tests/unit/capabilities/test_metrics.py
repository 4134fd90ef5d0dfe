"""wardian:plugin/metrics: numbers of plugins' own, bounded."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callings import calling, refusing
from wardian.capabilities.metrics import MAX_LABELS, MAX_VALUE_CHARS, Metrics
from wardian.telemetry import Telemetry
from wardian.telemetry.plugin_metrics import (
    MAX_SERIES,
    MAX_SERIES_OF_PLUGIN,
    MAX_SERIES_OF_TENANT,
    TooMany,
)

pytestmark = pytest.mark.anyio


def series(telemetry: Telemetry, metric: str) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["name"], sample.labels["labels"]): sample.value
        for family in text_string_to_metric_families(telemetry.render().decode())
        for sample in family.samples
        if sample.name == metric
    }


async def test_what_a_plugin_counts_is_added_up_by_name_and_labels() -> None:
    telemetry = Telemetry()
    metrics = Metrics(telemetry.of_plugins)

    await metrics.count(calling(), "rows.read", 2, [("kind", "a"), ("from", "b")])
    await metrics.count(calling(), "rows.read", 3, [("from", "b"), ("kind", "a")])
    await metrics.count(calling(), "rows.read", 1, [])

    assert series(telemetry, "wardian_plugin_counted_total") == {
        ("rows.read", "from=b,kind=a"): 5,
        ("rows.read", ""): 1,
    }


async def test_what_a_plugin_observes_is_a_histogram() -> None:
    telemetry = Telemetry()
    metrics = Metrics(telemetry.of_plugins)

    await metrics.observe(calling(), "seconds", 0.5, [])
    await metrics.observe(calling(), "seconds", -2.0, [])

    assert series(telemetry, "wardian_plugin_observed_count") == {("seconds", ""): 2}
    assert series(telemetry, "wardian_plugin_observed_sum") == {("seconds", ""): -1.5}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
async def test_what_is_no_number_is_refused(value: float) -> None:
    with refusing("invalid", "finite"):
        await Metrics(Telemetry().of_plugins).observe(calling(), "seconds", value, [])


@pytest.mark.parametrize("name", ["", "9", "a b", 'a"} 1\nb', "é", "x" * 65, "\x1b[2J"])
async def test_a_name_that_is_none_is_refused(name: str) -> None:
    metrics = Metrics(Telemetry().of_plugins)
    with refusing("invalid", "not the name of a metric"):
        await metrics.count(calling(), name, 1, [])
    with refusing("invalid", "not the name of a label"):
        await metrics.count(calling(), "rows", 1, [(name, "v")])


@pytest.mark.parametrize("value", ["x" * (MAX_VALUE_CHARS + 1), "a\nb", "\u202e"])
async def test_a_value_that_is_too_long_or_does_not_print_is_refused(value: str) -> None:
    with refusing("invalid", "has a value"):
        await Metrics(Telemetry().of_plugins).count(calling(), "rows", 1, [("kind", value)])


async def test_more_labels_than_go_are_refused() -> None:
    labels = [(f"l{number}", "v") for number in range(MAX_LABELS + 1)]
    with refusing("invalid", "too many"):
        await Metrics(Telemetry().of_plugins).count(calling(), "rows", 1, labels)


async def test_a_plugin_that_makes_up_names_gets_no_more_series() -> None:
    telemetry = Telemetry()
    metrics = Metrics(telemetry.of_plugins)
    for number in range(MAX_SERIES_OF_PLUGIN):
        await metrics.count(calling(), f"n{number}", 1, [])

    for number in range(10_000):
        with refusing("exhausted", "one series too many"):
            await metrics.count(calling(), f"more{number}", 1, [])

    await metrics.count(calling(), "n0", 1, [])
    found = series(telemetry, "wardian_plugin_counted_total")
    assert len(found) == MAX_SERIES_OF_PLUGIN
    assert found["n0", ""] == 2


def test_a_tenant_with_many_plugins_leaves_series_for_those_of_others() -> None:
    metrics = Telemetry().of_plugins
    for number in range(MAX_SERIES_OF_TENANT):
        metrics.count("greedy", f"p{number // MAX_SERIES_OF_PLUGIN}", f"n{number}", "", 1)

    with pytest.raises(TooMany):
        metrics.count("greedy", "late", "n", "", 1)
    metrics.count("modest", "late", "n", "", 1)


async def test_all_plugins_together_get_no_more_series_than_a_host_has() -> None:
    telemetry = Telemetry()
    metrics = Metrics(telemetry.of_plugins)
    for tenant in range(MAX_SERIES // MAX_SERIES_OF_PLUGIN):
        for number in range(MAX_SERIES_OF_PLUGIN):
            await metrics.count(calling(tenant=f"t{tenant}"), f"n{number}", 1, [])

    with refusing("exhausted"):
        await metrics.count(calling(tenant="late"), "n", 1, [])
