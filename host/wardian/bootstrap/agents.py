"""What asks agents, by the operator's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from wardian.agents.agents import Agents, AgentsParts
from wardian.agents.allowances import Allowances
from wardian.agents.asking import Asking, AskingParts
from wardian.agents.attempts import AttemptParts, Attempts
from wardian.agents.breakers import AgentBreakers
from wardian.agents.budget_book import AgentBudgets
from wardian.agents.budgets import BudgetNeeds
from wardian.agents.eligibility import Eligibility
from wardian.agents.kept import KeptAnswers
from wardian.agents.plain import PriorityRouter
from wardian.agents.records import AskRecords, RecordNeeds
from wardian.agents.registry import AgentRegistry, RegistryParts
from wardian.agents.views import HealthView
from wardian.bootstrap.agents_health import make_health
from wardian.runtime.host import HostParts
from wardian.settings import Settings


def make_agents(settings: Settings, parts: HostParts) -> Agents:
    lease = timedelta(seconds=settings.event_lease_seconds)
    budgets = AgentBudgets(parts.journal, BudgetNeeds(database=parts.database, lease=lease))
    candidates, allowances = _registry(parts, lambda: wellness.breakers), Allowances()
    wellness = make_health(settings, parts, candidates)
    trials = wellness.trials
    records = AskRecords(
        RecordNeeds(
            database=parts.database,
            tenants=parts.tenants,
            kept=settings.asks_kept,
            age=timedelta(days=settings.ask_days_kept),
            feedback=wellness.feedback.of,
        )
    )
    attempts = Attempts(
        AttemptParts(
            entrance=parts.entrance,
            candidates=candidates,
            breakers=wellness.health,
            trials=trials,
            budgets=budgets,
            allowances=allowances,
            answers=parts.chains.answers,
            later=records.later,
        )
    )
    asking = Asking(
        AskingParts(
            candidates=candidates,
            eligibility=Eligibility(parts.registry),
            router=PriorityRouter(),
            trials=trials,
            attempts=attempts,
            allowances=allowances,
            kept=KeptAnswers(
                attempts, parts.chains.answers, parts.calls, settings.agent_answers_seconds
            ),
            records=records,
        )
    )
    wellness.probe_with(attempts, allowances)
    return Agents(
        AgentsParts(
            asking=asking,
            budgets=budgets,
            records=records,
            registry=candidates,
            health=wellness.health,
            feedback=wellness.feedback,
            trials=trials,
        )
    )


def _registry(parts: HostParts, breakers: Callable[[], AgentBreakers]) -> AgentRegistry:
    """Make what knows agents; it asks ``breakers``, which are told whom it knows, how these are."""

    async def health(tenant: str) -> Mapping[str, HealthView]:
        return await breakers().all(tenant)

    return AgentRegistry(
        RegistryParts(
            database=parts.database, plugins=parts.registry, journal=parts.journal, health=health
        )
    )
