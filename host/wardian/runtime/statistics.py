"""What calls add up to by plugin: the totals on its row, and what the ledger has beyond them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wardian.runtime.accounting import Accounts
from wardian.storage import Database
from wardian.storage.health import HealthRepository
from wardian.storage.rows import HealthRow, TotalsRow


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a plugin does: what its checks found, and what its calls add up to until now."""

    health: HealthRow
    totals: TotalsRow


NO_VITALS = Vitals(HealthRow(), TotalsRow())
"""Of a plugin that was not there a moment ago."""


class Statistics:
    """Tells what calls add up to, those of this moment included."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    async def vitals(self, tenant: str, plugin_id: str) -> Vitals:
        """Tell how a plugin does, with the calls that are not written down yet."""
        async with self._accounts.folding.lock, self._database.reading() as connection:
            health, totals = await HealthRepository(connection, tenant).of(plugin_id)
            return self._added(tenant, plugin_id, health, totals)

    async def all_vitals(self, tenant: str) -> dict[str, Vitals]:
        """Tell how every plugin of a tenant does, by id."""
        async with self._accounts.folding.lock, self._database.reading() as connection:
            found = await HealthRepository(connection, tenant).all()
            return {
                plugin_id: self._added(tenant, plugin_id, health, totals)
                for plugin_id, (health, totals) in found.items()
            }

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep accounts while this is open."""
        async with self._accounts.kept():
            yield

    def _added(self, tenant: str, plugin_id: str, health: HealthRow, totals: TotalsRow) -> Vitals:
        counted = self._accounts.ledger.plugin(tenant, plugin_id)
        return Vitals(health, totals if counted is None else totals.plus(counted.totals()))
