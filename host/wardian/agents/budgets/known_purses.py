"""What is left of tenants' budgets, kept in memory by a host that is alone on its database.

Nobody else writes to budgets, then, and nobody here writes while a transaction does. So what one
has read and changed is what the next would read, unless it failed. On a database with other hosts
each transaction reads.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from wardian.agents.budgets.periods import starts_at
from wardian.agents.budgets.purses import Purses
from wardian.storage.agent_budgets import BudgetRepository

TENANTS_MAX = 1_000


class KnownPurses:
    """Those of the tenants whose agents were paid last."""

    def __init__(self, *, is_alone: bool) -> None:
        self._is_alone = is_alone
        self._known: dict[str, Purses] = {}
        self.changes = 0
        """Something else than what `take` has given was written; so many times."""

    async def take(
        self, repository: BudgetRepository, tenant: str, own: Collection[str], at: datetime
    ) -> Purses:
        """Return a tenant's, for the transaction that asks: as they are in memory, or read."""
        known = self._known.pop(tenant, None)
        starts = starts_at(at)
        if known is not None and known.starts == starts:
            return known
        return Purses(
            await repository.all(),
            await repository.spent(starts.values()),
            await repository.holds(),
            own,
            at,
        )

    def put_back(self, tenant: str, purses: Purses, changes: int) -> None:
        """Know what is durable now; ``changes`` as they were within the transaction."""
        if self._is_alone and changes == self.changes and not purses.has_repaid:
            if len(self._known) >= TENANTS_MAX:
                self._known.clear()
            self._known[tenant] = purses

    def forget(self) -> None:
        """Know nothing, because something else is written; within the transaction that does."""
        self.changes += 1
        self._known.clear()
