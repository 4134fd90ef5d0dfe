"""Agents as people see them."""

from __future__ import annotations

import math

from wardian.agents.candidates import Candidate
from wardian.agents.money import amount
from wardian.agents.registry.decay import Evidence
from wardian.agents.registry.declared import Declared
from wardian.agents.registry.quality import TIMED_LEAST, estimated, expected_nanos
from wardian.agents.views import AgentView, CostView, HealthView, LimitsView, MeasuredView
from wardian.plugins import Installed

NEVER_ASKED = HealthView(
    state="closed",
    reason="",
    failures=0,
    since=None,
    open_until=None,
    last_probe_at=None,
    last_probe="",
)
"""How an agent is of which nothing is known."""

_CASES_19_OF_20 = 1.959964


def agent_view(
    plugin: Installed,
    agent: Declared,
    measured: list[MeasuredView],
    health: HealthView,
    in_flight: int,
) -> AgentView:
    """Return an agent as people see it."""
    return AgentView(
        name=agent.name,
        version=agent.version,
        state=plugin.state.value,
        description=plugin.manifest.description,
        priority=agent.priority,
        tags=sorted(agent.tags),
        cost=CostView(
            per_call=amount(agent.cost.per_call),
            per_unit=amount(agent.cost.per_unit),
            unit=agent.cost.unit,
        ),
        limits=LimitsView(
            units=agent.limits.units,
            concurrent=agent.limits.concurrent,
            input_bytes=agent.limits.input_bytes,
        ),
        paused=agent.paused,
        overridden=list(agent.overridden),
        in_flight=in_flight,
        health=health,
        measured=measured,
    )


def measured_view(candidate: Candidate, evidence: Evidence) -> MeasuredView:
    """Return what was measured of an agent for one capability."""
    found = estimated(evidence)
    low, high = within(found.alpha, found.beta)
    answered = found.units is not None
    return MeasuredView(
        capability=candidate.capability,
        capability_version=candidate.capability_version,
        quality=found.quality,
        quality_low=low,
        quality_high=high,
        latency_ms=found.latency_ms if evidence.timed >= TIMED_LEAST else None,
        cost=amount(round(expected_nanos(candidate, found.units))) if answered else None,
        success_rate=found.success_rate,
        asked=evidence.asked,
    )


def within(alpha: float, beta: float) -> tuple[float, float]:
    """Return between which two a quantity is in 19 cases of 20 that has this Beta distribution.

    On the scale of ``asin(sqrt(x))`` its spread is much the same wherever its mean is, and near to
    normal. The ends are at most 0.03 from the exact ones, the more so the less is known.
    """
    total = alpha + beta
    middle = math.asin(math.sqrt(alpha / total))
    around = _CASES_19_OF_20 / (2.0 * math.sqrt(total + 1.0))
    low, high = max(middle - around, 0.0), min(middle + around, math.pi / 2.0)
    return math.sin(low) ** 2, math.sin(high) ** 2
