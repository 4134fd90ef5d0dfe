"""What calls add up to, kept in memory and written down now and then.

A row written for every call would cost more than most calls; a host that is killed loses the
counts of the last few seconds and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wardian.runtime.flushing import flushed
from wardian.runtime.tally import Plugin, Tally
from wardian.storage import Connection, Database
from wardian.storage.health import HealthRepository
from wardian.storage.rows import CallTotals, HealthRow, TotalsRow

FLUSH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a plugin does: what its checks found, and what its calls add up to until now."""

    health: HealthRow
    totals: TotalsRow


NO_VITALS = Vitals(HealthRow(), TotalsRow())
"""Of a plugin that was not there a moment ago."""


class Statistics:
    """Adds up finished calls by plugin."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tally = Tally(database, "The calls' statistics", _Count, _write)

    def record(self, tenant: str, plugin_id: str, *, failed: bool, seconds: float) -> None:
        """Count one finished call."""
        counted = self._tally.of((tenant, plugin_id))
        counted.requests += 1
        counted.errors += failed
        counted.seconds += seconds

    async def flush(self) -> None:
        """Write down what has been counted; what cannot be written stays counted."""
        await self._tally.flush()

    async def vitals(self, tenant: str, plugin_id: str) -> Vitals:
        """Tell how a plugin does, with the calls that are not written down yet."""
        async with self._tally.lock, self._database.reading() as connection:
            health, totals = await HealthRepository(connection, tenant).of(plugin_id)
            return self._added(tenant, plugin_id, health, totals)

    async def all_vitals(self, tenant: str) -> dict[str, Vitals]:
        """Tell how every plugin of a tenant does, by id."""
        async with self._tally.lock, self._database.reading() as connection:
            found = await HealthRepository(connection, tenant).all()
            return {
                plugin_id: self._added(tenant, plugin_id, health, totals)
                for plugin_id, (health, totals) in found.items()
            }

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Flush every `FLUSH_SECONDS` while this is open, and once more at its end."""
        async with flushed(self.flush, seconds=FLUSH_SECONDS, name="wardian-statistics"):
            yield

    def _added(self, tenant: str, plugin_id: str, health: HealthRow, totals: TotalsRow) -> Vitals:
        counted = self._tally.found((tenant, plugin_id))
        return Vitals(health, totals if counted is None else totals.plus(counted.totals()))


@dataclass(slots=True)
class _Count:
    """What is being added up; changed in place, because this is on the way of every call."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0

    def add_all(self, other: _Count) -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.seconds += other.seconds

    def totals(self) -> CallTotals:
        return CallTotals(requests=self.requests, errors=self.errors, seconds=self.seconds)


async def _write(connection: Connection, plugin: Plugin, counted: _Count) -> None:
    tenant, plugin_id = plugin
    await HealthRepository(connection, tenant).count(plugin_id, counted.totals())
