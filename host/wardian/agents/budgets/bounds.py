"""For which capabilities tenants have budgets: whether a question has to be paid from any."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.agents.budgets.purses import is_for
from wardian.agents.budgets.together import Together
from wardian.storage import Database
from wardian.storage.agent_budgets import BudgetRepository

KNOWN_MAX = 10_000

_Key = tuple[str, str]


class Bounds:
    """Knows that of those who have asked."""

    def __init__(self, database: Database, *, is_alone: bool) -> None:
        """With ``is_alone`` this host hears of each budget that is set, by `changed`."""
        self._database = database
        self._is_alone = is_alone
        self._reads: Together[str, bool] = Together(self._read)
        self._known: dict[_Key, bool] = {}
        self._changes = 0

    async def are_for(self, tenant: str, capability: str) -> bool:
        """Tell whether a budget is for this, or was when it was asked last.

        That none is, is read every time where there are other hosts, though for all who ask at
        once: what another host has just been told must hold for the next question here.

        Raises:
            WardianError: the database did not answer.
        """
        key = tenant, capability
        known = self._known.get(key)
        if known is None:
            changes = self._changes
            known = await self._reads.do(tenant, capability)
            # What was read before a budget was set is not what holds after it.
            if known or (self._is_alone and changes == self._changes):
                self._keep(key, is_for_it=known)
        return known

    def changed(self) -> None:
        """A budget has been set."""
        self._changes += 1
        self._known = {key: True for key, is_for_it in self._known.items() if is_for_it}

    def _keep(self, key: _Key, *, is_for_it: bool) -> None:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[key] = is_for_it

    async def _read(self, tenant: str, capabilities: Sequence[str]) -> Sequence[bool]:
        async with self._database.reading() as connection:
            rows = await BudgetRepository(connection, tenant).all()
        return [any(is_for(row, each) for row in rows) for each in capabilities]
