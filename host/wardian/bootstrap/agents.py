"""What asks agents, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.agents.agents import Agents, AgentsParts
from wardian.agents.asking.ask_rows import AskRows
from wardian.agents.asking.asking import Asking, AskingParts
from wardian.agents.asking.attempts import AttemptParts, Attempts
from wardian.agents.asking.eligibility import Eligibility
from wardian.agents.asking.from_plugins import PluginQuestions
from wardian.agents.asking.jottings import Jottings
from wardian.agents.asking.kept import KeptAnswers
from wardian.agents.asking.records import AskRecords, RecordNeeds
from wardian.agents.budgets.allowances import Allowances
from wardian.agents.budgets.books import BudgetNeeds
from wardian.agents.budgets.budget_book import AgentBudgets
from wardian.agents.routing.router import AIStrategyRouter
from wardian.bootstrap.agent_registry import make_rule_book
from wardian.bootstrap.agents_health import make_health
from wardian.runtime.host import HostParts
from wardian.settings import Settings

JOTTINGS = "asks"
"""The folder of questions that are not yet rows."""


def make_agents(settings: Settings, parts: HostParts) -> Agents:
    lease = timedelta(seconds=settings.event_lease_seconds)
    ask_rows = AskRows(parts.database, Jottings(settings.data_dir / JOTTINGS))
    budgets = AgentBudgets(
        parts.journal,
        BudgetNeeds(
            database=parts.database,
            lease=lease,
            is_alone=settings.database_url is None,  # in the folder that this host has claimed
            events=parts.events,
        ),
    )
    rules, allowances = make_rule_book(parts), Allowances()
    wellness = make_health(settings, parts, rules, ask_rows)
    registry, trials = wellness.registry, wellness.trials
    records = AskRecords(
        RecordNeeds(
            database=parts.database,
            rows=ask_rows,
            tenants=parts.tenants,
            kept=settings.asks_kept,
            age=timedelta(days=settings.ask_days_kept),
            feedback=wellness.feedback.of,
        )
    )
    attempts = Attempts(
        AttemptParts(
            entrance=parts.entrance,
            candidates=registry,
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
            candidates=registry,
            eligibility=Eligibility(parts.registry),
            router=AIStrategyRouter(rules.of),
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
    parts.asks.connect(PluginQuestions(asking, depth_max=settings.chain_depth_max))
    return Agents(
        AgentsParts(
            asking=asking,
            registry=registry,
            rules=rules,
            budgets=budgets,
            records=records,
            health=wellness.health,
            feedback=wellness.feedback,
            trials=trials,
        )
    )
