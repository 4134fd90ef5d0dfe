"""What calls add up to, kept in memory and written down now and then.

A row written for every call would cost more than most calls; a host that is killed loses the
counts of the last few seconds and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wardian.errors import WardianError
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import CallTotals

FLUSH_SECONDS = 10.0

_log = logging.getLogger("wardian.statistics")


class Statistics:
    """Adds up finished calls by plugin."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: dict[tuple[str, str], CallTotals] = {}

    def record(self, tenant: str, plugin_id: str, *, failed: bool, seconds: float) -> None:
        """Count one finished call."""
        before = self._pending.get((tenant, plugin_id), _NONE)
        self._pending[tenant, plugin_id] = _sum(
            before, CallTotals(requests=1, errors=int(failed), seconds=seconds)
        )

    async def flush(self) -> None:
        """Write down what has been counted; what cannot be written stays counted."""
        pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            async with self._database.transaction() as connection:
                for (tenant, plugin_id), totals in pending.items():
                    await PluginRepository(connection, tenant).count(plugin_id, totals)
        except WardianError as error:
            _log.warning("The calls' statistics could not be written: %s", error)
            for key, totals in pending.items():
                self._pending[key] = _sum(self._pending.get(key, _NONE), totals)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Flush every `FLUSH_SECONDS` while this is open, and once more at its end."""
        task = asyncio.create_task(self._flush_forever(), name="wardian-statistics")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.flush()

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()


_NONE = CallTotals(requests=0, errors=0, seconds=0.0)


def _sum(left: CallTotals, right: CallTotals) -> CallTotals:
    return CallTotals(
        requests=left.requests + right.requests,
        errors=left.errors + right.errors,
        seconds=left.seconds + right.seconds,
    )
