"""What plugins count and observe themselves, as many series of it as there is room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import Metric

from wardian.telemetry.catalogue import PLUGIN_COUNTED, PLUGIN_OBSERVED
from wardian.telemetry.labels import REST, Names
from wardian.telemetry.series import Counts, Distributions, Labels

MAX_SERIES = 2_000
"""How many series all plugins of a host have together, the counts and the observations."""

MAX_SERIES_OF_TENANT = 500
MAX_SERIES_OF_PLUGIN = 50


class TooMany(Exception):
    """There is no room for another series."""


class PluginMetrics:
    """The numbers of plugins' own, each with its plugin's labels."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._series: set[Labels] = set()
        self._series_of: Counter[Labels] = Counter()
        self._counted = Counts(PLUGIN_COUNTED)
        self._observed = Distributions(PLUGIN_OBSERVED)

    def count(self, tenant: str, plugin: str, name: str, labels: str, by: int) -> None:
        """Add to a counter. ``labels`` are those that the plugin gave, as one text.

        Raises:
            TooMany: there is no room for it.
        """
        self._counted.add(self._room(tenant, plugin, name, labels), by)

    def observe(self, tenant: str, plugin: str, name: str, labels: str, value: float) -> None:
        """Record a value, which is a number and finite.

        Raises:
            TooMany: there is no room for it.
        """
        self._observed.of(self._room(tenant, plugin, name, labels)).observe(value)

    def families(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        return self._counted.family(), self._observed.family()

    def _room(self, tenant: str, plugin: str, name: str, labels: str) -> Labels:
        whose = self._names.plugin(tenant, plugin)
        if whose == (REST, REST):
            return (*whose, REST, "")
        series = (*whose, name, labels)
        if series not in self._series:
            if not self._has_room(whose):
                raise TooMany
            self._series.add(series)
            self._series_of[whose] += 1
            self._series_of[whose[:1]] += 1
        return series

    def _has_room(self, whose: Labels) -> bool:
        return (
            len(self._series) < MAX_SERIES
            and self._series_of[whose[:1]] < MAX_SERIES_OF_TENANT
            and self._series_of[whose] < MAX_SERIES_OF_PLUGIN
        )
