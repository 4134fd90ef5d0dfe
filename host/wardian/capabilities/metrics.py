"""``wardian:plugin/metrics``: numbers for the operator's monitoring.

They come out of ``/metrics`` as ``wardian_plugin_counted_total`` and ``wardian_plugin_observed``,
with the names and labels that the plugin gave as values of labels: a plugin adds no metric of its
own name, and can take nobody else's.
"""

from __future__ import annotations

import math
import re

from wardian.capabilities.base import CallContext, Refused
from wardian.telemetry.plugin_metrics import MAX_SERIES_OF_PLUGIN, PluginMetrics, TooMany

MAX_LABELS = 8
MAX_VALUE_CHARS = 64

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class Metrics:
    """Needs no permission. Names and label sets are bounded for each plugin."""

    def __init__(self, metrics: PluginMetrics) -> None:
        self._metrics = metrics

    async def count(
        self, call: CallContext, name: str, by: int, labels: list[tuple[str, str]]
    ) -> None:
        """Add ``by`` to the counter ``name``."""
        facts, shown = call.facts, _shown(name, labels)
        try:
            self._metrics.count(facts.tenant, facts.plugin, name, shown, by)
        except TooMany:
            raise _no_room(name) from None

    async def observe(
        self, call: CallContext, name: str, value: float, labels: list[tuple[str, str]]
    ) -> None:
        """Record one observation of ``name``."""
        facts, shown = call.facts, _shown(name, labels)
        if not math.isfinite(value):
            raise Refused("invalid", f"{value} is no value to observe: it must be finite.")
        try:
            self._metrics.observe(facts.tenant, facts.plugin, name, shown, value)
        except TooMany:
            raise _no_room(name) from None


def _no_room(name: str) -> Refused:
    return Refused(
        "exhausted",
        f"{name!r} with these labels would be one series too many: a plugin has at most "
        f"{MAX_SERIES_OF_PLUGIN}, and those of a host together are bounded, too.",
    )


def _shown(name: str, labels: list[tuple[str, str]]) -> str:
    """Write labels as one text, in the order of their names.

    Raises:
        Refused: a name or a value is none.
    """
    if not _NAME.fullmatch(name):
        raise Refused("invalid", f"{name[:80]!r} is not the name of a metric, such as rows.read.")
    if len(labels) > MAX_LABELS:
        raise Refused("invalid", f"{len(labels)} labels are too many; at most {MAX_LABELS} go.")
    for label, value in labels:
        if not _NAME.fullmatch(label):
            raise Refused("invalid", f"{label[:80]!r} is not the name of a label, such as kind.")
        if len(value) > MAX_VALUE_CHARS or not value.isprintable():
            raise Refused(
                "invalid",
                f"The label {label!r} has a value that is longer than {MAX_VALUE_CHARS} "
                "characters, or has some that do not print.",
            )
    return ",".join(f"{label}={value}" for label, value in sorted(labels))
