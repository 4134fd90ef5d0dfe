"""What is counted of questions to agents, and how well these are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric

from wardian.telemetry import catalogue
from wardian.telemetry.labels import Names
from wardian.telemetry.series import Counts, Distributions
from wardian.telemetry.watched import gauge

States = Callable[[], Iterable[tuple[str, str, str]]]
"""Tells tenant, agent and the state of its circuit breaker, of each that is known."""

Qualities = Callable[[], Iterable[tuple[str, str, str, float]]]
"""Tells tenant, agent, capability and how good its answers are, of each that is known."""

STATES = ("closed", "open", "half-open")


class AgentMetrics:
    """Counts what one host's agents are asked."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._asks = Counts(catalogue.AGENT_ASKS)
        self._seconds = Distributions(catalogue.AGENT_SECONDS)
        self._cost = Counts(catalogue.AGENT_COST)
        self._scores = Counts(catalogue.AGENT_FEEDBACK)
        self._states: States = tuple
        self._qualities: Qualities = tuple

    def asked(self, tenant: str, agent: str, ending: str, seconds: float, cost: float) -> None:
        """Count one question to one agent.

        Args:
            ending: one of `wardian.agents.candidates.Ending`, or ``probe``.
            cost: of the currency's unit.
        """
        whose = self._names.plugin(tenant, agent)
        self._asks.add((*whose, ending))
        if ending == "answered":
            self._seconds.of(whose).observe(seconds)
        if cost:
            self._cost.add(whose, cost)

    def judged(self, tenant: str, agent: str) -> None:
        """Count one piece of feedback."""
        self._scores.add(self._names.plugin(tenant, agent))

    def watch_states(self, states: States) -> None:
        """Report what this says, each time the metrics are rendered."""
        self._states = states

    def watch_qualities(self, qualities: Qualities) -> None:
        """Report what this says, each time the metrics are rendered."""
        self._qualities = qualities

    def families(self) -> Iterator[Metric]:
        """Return every metric as it is now."""
        yield self._asks.family()
        yield self._seconds.family()
        yield self._cost.family()
        yield self._scores.family()
        yield self._breakers()
        yield self._quality()

    def _breakers(self) -> Metric:
        """Count breakers by state: more than one only under the label that the rest share."""
        counts: dict[tuple[str, str, str], int] = {}
        for tenant, agent, state in self._states():
            whose = self._names.plugin(tenant, agent)
            for each in STATES:
                key = whose[0], whose[1], each
                counts[key] = counts.get(key, 0) + (each == state)
        found = gauge(catalogue.AGENT_BREAKERS)
        for labels, count in counts.items():
            found.add_metric(labels, count)
        return found

    def _quality(self) -> Metric:
        """Tell of each agent how good its answers are; of those that share a label, the mean."""
        sums: dict[tuple[str, str, str], tuple[float, int]] = {}
        for tenant, agent, capability, quality in self._qualities():
            labels = self._names.function(tenant, agent, capability)
            total, count = sums.get(labels, (0.0, 0))
            sums[labels] = total + quality, count + 1
        found = gauge(catalogue.AGENT_QUALITY)
        for labels, (total, count) in sums.items():
            found.add_metric(labels, total / count)
        return found
