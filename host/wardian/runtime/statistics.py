"""What calls add up to, kept in memory and written down now and then.

A row written for every call would cost more than most calls; a host that is killed loses the
counts of the last few seconds and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wardian.errors import WardianError
from wardian.runtime.flushing import flushed
from wardian.storage import Connection, Database
from wardian.storage.health import HealthRepository
from wardian.storage.rows import CallTotals, HealthRow, TotalsRow

FLUSH_SECONDS = 10.0

_log = logging.getLogger("wardian.statistics")


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
        self._pending: dict[tuple[str, str], _Count] = {}
        # Who reads while counts are on their way to the rows would miss them, or see them twice.
        self._flushing = asyncio.Lock()

    def record(self, tenant: str, plugin_id: str, *, failed: bool, seconds: float) -> None:
        """Count one finished call."""
        counted = self._pending.get((tenant, plugin_id))
        if counted is None:
            counted = self._pending[tenant, plugin_id] = _Count()
        counted.requests += 1
        counted.errors += failed
        counted.seconds += seconds

    async def flush(self) -> None:
        """Write down what has been counted; what cannot be written stays counted."""
        async with self._flushing:
            pending, self._pending = self._pending, {}
            if not pending:
                return
            connection: Connection | None = None
            try:
                async with self._database.transaction() as connection:
                    # In order, because two hosts that lock rows in turn would wait for each other.
                    for (tenant, plugin_id), counted in sorted(pending.items(), key=_by_key):
                        await HealthRepository(connection, tenant).count(
                            plugin_id, counted.totals()
                        )
            except WardianError as error:
                _log.warning("The calls' statistics could not be written: %s", error)
            finally:
                # Also when this was cancelled: before its commit nothing has been written.
                if connection is None or not connection.committed:
                    self._keep(pending)

    async def vitals(self, tenant: str, plugin_id: str) -> Vitals:
        """Tell how a plugin does, with the calls that are not written down yet."""
        async with self._flushing, self._database.reading() as connection:
            health, totals = await HealthRepository(connection, tenant).of(plugin_id)
            return self._added(tenant, plugin_id, health, totals)

    async def all_vitals(self, tenant: str) -> dict[str, Vitals]:
        """Tell how every plugin of a tenant does, by id."""
        async with self._flushing, self._database.reading() as connection:
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

    def _keep(self, pending: dict[tuple[str, str], _Count]) -> None:
        for key, counted in pending.items():
            self._pending.setdefault(key, _Count()).add(counted)

    def _added(self, tenant: str, plugin_id: str, health: HealthRow, totals: TotalsRow) -> Vitals:
        counted = self._pending.get((tenant, plugin_id))
        return Vitals(health, totals if counted is None else totals.plus(counted.totals()))


@dataclass(slots=True)
class _Count:
    """What is being added up; changed in place, because this is on the way of every call."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0

    def add(self, other: _Count) -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.seconds += other.seconds

    def totals(self) -> CallTotals:
        return CallTotals(requests=self.requests, errors=self.errors, seconds=self.seconds)


def _by_key(item: tuple[tuple[str, str], _Count]) -> tuple[str, str]:
    return item[0]
