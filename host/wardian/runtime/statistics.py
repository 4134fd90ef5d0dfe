"""What calls add up to, kept in memory and written down now and then.

A row written for every call would cost more than most calls; a host that is killed loses the
counts of the last few seconds and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wardian.errors import WardianError
from wardian.runtime.flushing import flushed
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import CallTotals

FLUSH_SECONDS = 10.0

_log = logging.getLogger("wardian.statistics")


class Statistics:
    """Adds up finished calls by plugin."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: dict[tuple[str, str], _Count] = {}

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
        pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            async with self._database.transaction() as connection:
                for (tenant, plugin_id), counted in pending.items():
                    await PluginRepository(connection, tenant).count(plugin_id, counted.totals())
        except WardianError as error:
            _log.warning("The calls' statistics could not be written: %s", error)
            for key, counted in pending.items():
                self._pending.setdefault(key, _Count()).add(counted)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Flush every `FLUSH_SECONDS` while this is open, and once more at its end."""
        async with flushed(self.flush, seconds=FLUSH_SECONDS, name="wardian-statistics"):
            yield


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
