"""Budgets as hosts have them that share a database, for tests of what is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from schedules import Clock
from wardian.agents.budgets.books import BudgetNeeds
from wardian.agents.budgets.budget_book import AgentBudgets
from wardian.agents.money import NANOS
from wardian.events import Events
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.tenants import bootstrap

LEASE = timedelta(seconds=30)
ONE = NANOS


async def budgets_of_hosts(
    database: Database, clock: Clock | None = None, *, hosts: int = 1, hears: bool = True
) -> Sequence[AgentBudgets]:
    """Return the budgets of a tenant as so many hosts see them; one is alone.

    Args:
        hears: whether they hear of one another's changes at once.
    """
    events = Events(database)
    journal = Journal(database, events)
    await bootstrap(journal, tenant="default")
    heard, now = (events if hears else None), ({} if clock is None else {"now": clock})
    return [
        AgentBudgets(
            journal,
            BudgetNeeds(database=database, lease=LEASE, is_alone=hosts == 1, events=heard, **now),
        )
        for _ in range(hosts)
    ]
