"""Who the agents are, and what is known of them, by the operator's settings."""

from __future__ import annotations

from wardian.agents.registry.decay import HalfLives
from wardian.agents.registry.registry import (
    AgentRegistry,
    HealthOfAll,
    RegistryParts,
    nothing_known,
)
from wardian.agents.routing.rule_book import RuleBook, RuleBookParts
from wardian.runtime.host import HostParts
from wardian.settings import Settings


def make_agent_registry(
    settings: Settings, parts: HostParts, rules: RuleBook, health: HealthOfAll = nothing_known
) -> AgentRegistry:
    return AgentRegistry(
        RegistryParts(
            database=parts.database,
            plugins=parts.registry,
            journal=parts.journal,
            lives=half_lives(settings),
            health=health,
            beside=rules.refresh,
        )
    )


def make_rule_book(parts: HostParts) -> RuleBook:
    return RuleBook(RuleBookParts(parts.database, parts.events, parts.journal, parts.registry))


def half_lives(settings: Settings) -> HalfLives:
    return HalfLives(
        quality=settings.agent_half_life_hours * 3_600.0,
        latency=settings.agent_latency_half_life_seconds,
    )
