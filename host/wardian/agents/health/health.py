"""How well agents are: whoever hears how questions to them end, behind one door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.health.breakers import AgentBreakers
from wardian.agents.health.probes import Probes
from wardian.agents.money import amount
from wardian.agents.quality.trials import AgentTrials
from wardian.agents.registry.agent_views import NEVER_ASKED
from wardian.agents.registry.declared import is_agent
from wardian.agents.views import HealthView
from wardian.errors import NotFound
from wardian.plugins import Registry
from wardian.telemetry.agent_metrics import AgentMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthParts:
    """Who hears how questions end."""

    breakers: AgentBreakers
    trials: AgentTrials
    metrics: AgentMetrics
    registry: Registry


class AgentHealth:
    """Keeps questions from agents that do not answer; implements `wardian.agents.ports.Breakers`.

    Attributes:
        probes: asks agents that nobody asks; None before there is something to ask them with.
    """

    def __init__(self, parts: HealthParts) -> None:
        self._parts = parts
        self.probes: Probes | None = None

    def admit(self, tenant: str, candidate: Candidate) -> bool:
        """Tell whether a question may be put to an agent now.

        Every True is followed by `ended`.
        """
        return self._parts.breakers.admit(tenant, candidate)

    def ended(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Learn how it ended."""
        self._parts.breakers.ended(tenant, candidate, outcome)
        self._parts.trials.ended(tenant, candidate, outcome)
        if self.probes is not None and not outcome.is_probe:
            self.probes.heard(tenant, candidate, outcome)
        if outcome.ending is Ending.NOT_BEGUN:
            return
        ending = "probe" if outcome.is_probe else outcome.ending.value
        cost = amount(outcome.cost_nanos)
        seconds = outcome.latency_ms / 1_000
        self._parts.metrics.asked(tenant, candidate.agent, ending, seconds, cost)

    async def find(self, tenant: str, name: str) -> HealthView:
        """Return how well an agent is.

        Raises:
            NotFound: no such agent.
        """
        plugin = await self._parts.registry.get(tenant, name)
        if not is_agent(plugin):
            raise NotFound(f"{name} is no agent.")
        return await self._parts.breakers.find(tenant, plugin.id)

    async def all(self, tenant: str) -> dict[str, HealthView]:
        """Return how well the tenant's agents are, by name."""
        known = await self._parts.breakers.all(tenant)
        return {
            plugin.name: known.get(plugin.id, NEVER_ASKED)
            for plugin in await self._parts.registry.all(tenant)
            if is_agent(plugin)
        }

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look after agents while this is open."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._parts.breakers.kept())
            await stack.enter_async_context(self._parts.trials.kept())
            if self.probes is not None:
                await stack.enter_async_context(self.probes.kept())
            yield
