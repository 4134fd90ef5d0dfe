"""What asks agents, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.agents.agents import Agents, AgentsParts
from wardian.agents.allowances import Allowances
from wardian.agents.asking import Asking, AskingParts
from wardian.agents.attempts import AttemptParts, Attempts
from wardian.agents.budget_book import AgentBudgets
from wardian.agents.budgets import BudgetNeeds
from wardian.agents.eligibility import Eligibility
from wardian.agents.from_plugins import PluginQuestions
from wardian.agents.kept import KeptAnswers
from wardian.agents.plain import AlwaysAdmits, InstalledAgents, NoTrials, PriorityRouter
from wardian.agents.records import AskRecords, RecordNeeds
from wardian.runtime.host import HostParts
from wardian.settings import Settings


def make_agents(settings: Settings, parts: HostParts) -> Agents:
    lease = timedelta(seconds=settings.event_lease_seconds)
    budgets = AgentBudgets(parts.journal, BudgetNeeds(database=parts.database, lease=lease))
    records = AskRecords(
        RecordNeeds(
            database=parts.database,
            tenants=parts.tenants,
            kept=settings.asks_kept,
            age=timedelta(days=settings.ask_days_kept),
        )
    )
    candidates, trials, allowances = InstalledAgents(parts.registry), NoTrials(), Allowances()
    attempts = Attempts(
        AttemptParts(
            entrance=parts.entrance,
            candidates=candidates,
            breakers=AlwaysAdmits(),
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
    parts.asks.connect(PluginQuestions(asking, depth_max=settings.chain_depth_max))
    return Agents(AgentsParts(asking=asking, budgets=budgets, records=records))
