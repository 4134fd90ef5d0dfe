"""What looks after agents' health and quality, by the operator's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wardian.agents.asking.ask_rows import AskRows
from wardian.agents.asking.attempts import Attempts
from wardian.agents.budgets.allowances import Allowances
from wardian.agents.health.breaker import BreakerLimits
from wardian.agents.health.breaker_rows import BreakerRowsParts
from wardian.agents.health.breakers import AgentBreakers
from wardian.agents.health.health import AgentHealth, HealthParts
from wardian.agents.health.probes import Probes, ProbesParts
from wardian.agents.quality.feedback import AgentFeedback, FeedbackParts
from wardian.agents.quality.trials import AgentTrials, TrialsParts
from wardian.agents.registry.registry import AgentRegistry
from wardian.agents.routing.rule_book import RuleBook
from wardian.agents.views import HealthView
from wardian.bootstrap.agent_registry import half_lives, make_agent_registry
from wardian.runtime.host import HostParts
from wardian.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wellness:
    """What was made of it."""

    registry: AgentRegistry
    breakers: AgentBreakers
    trials: AgentTrials
    feedback: AgentFeedback
    health: AgentHealth
    parts: HostParts
    settings: Settings

    def probe_with(self, attempts: Attempts, allowances: Allowances) -> None:
        """Have agents asked on schedule, now that there is something to ask them with."""
        self.health.probes = Probes(
            ProbesParts(
                database=self.parts.database,
                registry=self.parts.registry,
                tenants=self.parts.tenants,
                candidates=self.registry,
                breakers=self.breakers,
                attempts=attempts,
                allowances=allowances,
            ),
            is_on=self.settings.agent_probes,
        )


def make_health(
    settings: Settings, parts: HostParts, rules: RuleBook, ask_rows: AskRows
) -> Wellness:
    async def health_of_all(tenant: str) -> Mapping[str, HealthView]:
        return await breakers.all(tenant)

    registry = make_agent_registry(settings, parts, rules, health_of_all)
    breakers = AgentBreakers(
        BreakerRowsParts(
            database=parts.database,
            events=parts.events,
            journal=parts.journal,
            registry=parts.registry,
            tenants=parts.tenants,
            changed=registry.close,
        ),
        breaker_limits(settings),
    )
    parts.telemetry.agents.watch_states(breakers.states)
    parts.telemetry.agents.watch_qualities(
        lambda: (
            (tenant, each.agent, each.capability, each.quality) for tenant, each in registry.known()
        )
    )
    trials = AgentTrials(
        TrialsParts(
            database=parts.database,
            events=parts.events,
            journal=parts.journal,
            registry=parts.registry,
            trust=parts.trust,
            beside=parts.upgrader.beside,
            know=registry.know,
            is_well=breakers.is_closed,
        )
    )
    health = AgentHealth(
        HealthParts(
            breakers=breakers,
            trials=trials,
            metrics=parts.telemetry.agents,
            registry=parts.registry,
        )
    )
    feedback = AgentFeedback(
        FeedbackParts(
            database=parts.database,
            rows=ask_rows,
            candidates=registry,
            trials=trials,
            metrics=parts.telemetry.agents,
            kept=settings.agent_feedback_kept,
            lives=half_lives(settings),
        )
    )
    return Wellness(
        breakers=breakers,
        trials=trials,
        feedback=feedback,
        health=health,
        registry=registry,
        parts=parts,
        settings=settings,
    )


def breaker_limits(settings: Settings) -> BreakerLimits:
    return BreakerLimits(
        failures_in_row=settings.agent_failures_max,
        failure_rate=settings.agent_failure_rate_max,
        open_seconds=settings.agent_open_seconds,
        open_seconds_max=max(settings.agent_open_seconds, settings.agent_open_seconds_max),
    )
