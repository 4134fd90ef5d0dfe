"""How many questions agents answer now: here, and on the other hosts as far as they have said."""

from __future__ import annotations

import time
from collections.abc import Callable

from wardian.crypto.identifiers import new_id
from wardian.runtime.tally import Plugin
from wardian.storage import Database
from wardian.storage.agents import MeasureRepository, clock, forget_loads, loads_of_others

REPEATED_SECONDS = 5.0
"""How often a host says again what has not changed, so that others know that it is there."""

STALE_SECONDS = 15.0
"""A host that has said nothing for so long is gone, and its questions with it."""


class Loads:
    """What all hosts have agents do; of a host alone on its database nothing is written."""

    def __init__(self, database: Database, now: Callable[[], float] = time.monotonic) -> None:
        self.host = new_id()
        self._database = database
        self._now = now
        self._own: dict[Plugin, int] = {}
        self._others: dict[Plugin, int] = {}
        self._written: dict[str, dict[str, int]] = {}
        self._written_at = now()

    def of(self, plugin: Plugin) -> int:
        """Return how many questions an agent answers."""
        return self._own.get(plugin, 0) + self._others.get(plugin, 0)

    def move(self, plugin: Plugin, by: int) -> None:
        """Count one that begins, or with -1 one that has ended."""
        own = self._own.get(plugin, 0) + by
        if own > 0:
            self._own[plugin] = own
        else:
            self._own.pop(plugin, None)

    async def begin(self) -> None:
        """Remove what hosts have left that are gone.

        Raises:
            WardianError: the database did not answer.
        """
        if self._database.is_shared:
            async with self._database.transaction() as connection:
                gone = await clock(connection) - STALE_SECONDS
                await forget_loads(connection, self.host, gone)

    async def agree(self) -> set[Plugin]:
        """Tell the others, and hear of them; returns for which agents it is another number.

        Raises:
            WardianError: the database did not answer.
        """
        if not self._database.is_shared:
            return set()
        await self._tell()
        async with self._database.reading() as connection:
            after = await clock(connection) - STALE_SECONDS
            rows = await loads_of_others(connection, self.host, after)
        others: dict[Plugin, int] = {}
        for row in rows:
            plugin = (row.tenant, row.plugin_id)
            others[plugin] = others.get(plugin, 0) + max(row.in_flight, 0)
        before, self._others = self._others, others
        return {each for each in before | others if before.get(each) != others.get(each)}

    async def _tell(self) -> None:
        loads: dict[str, dict[str, int]] = {}
        for (tenant, plugin_id), in_flight in self._own.items():
            loads.setdefault(tenant, {})[plugin_id] = in_flight
        is_due = self._now() - self._written_at >= REPEATED_SECONDS
        for tenant in sorted(loads.keys() | self._written.keys()):
            own = loads.get(tenant, {})
            if own == self._written.get(tenant, {}) and not is_due:
                continue
            async with self._database.transaction() as connection:
                await MeasureRepository(connection, tenant).write_loads(self.host, own)
            if own:
                self._written[tenant] = own
            else:
                self._written.pop(tenant, None)
        if is_due:
            self._written_at = self._now()
