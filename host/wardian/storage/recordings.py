"""Recorded calls of one tenant's plugins: so many of each, and so many bytes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update

from wardian.storage.database import Connection
from wardian.storage.rows import RecordingRow, RecordingSummary, now
from wardian.storage.tables import plugins, recordings

_COLUMNS = tuple(recordings.c[name] for name in RecordingRow.__dataclass_fields__)
_SUMMARY = tuple(recordings.c[name] for name in RecordingSummary.__dataclass_fields__)


class RecordingRepository:
    """The recordings of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def set_calls(self, plugin_id: str, calls: int) -> None:
        """Have so many calls of a plugin kept from now on."""
        await self._connection.execute(
            update(plugins)
            .where(plugins.c.tenant == self._tenant, plugins.c.id == plugin_id)
            .values(recorded=calls, updated_at=now(), version=plugins.c.version + 1)
        )

    async def calls(self, plugin_id: str) -> int:
        """Return how many calls of a plugin are to be kept; 0 also if it is not installed."""
        found = await self._connection.execute(
            select(plugins.c.recorded).where(
                plugins.c.tenant == self._tenant, plugins.c.id == plugin_id
            )
        )
        return found.scalar_one_or_none() or 0

    async def add(self, row: RecordingRow) -> None:
        """Add a recording; one of the same call is replaced."""
        await self._connection.execute(delete(recordings).where(self._is(row.call_id)))
        await self._connection.execute(
            insert(recordings).values(asdict(row) | {"tenant": self._tenant})
        )

    async def prune(self, plugin_id: str, *, calls: int, bytes_max: int) -> None:
        """Remove a plugin's oldest recordings: those beyond so many, and so many bytes."""
        found = await self._connection.execute(
            select(recordings.c.call_id, recordings.c.size_bytes)
            .where(self._of(plugin_id))
            .order_by(recordings.c.recorded_at.desc(), recordings.c.call_id.desc())
        )
        kept_bytes = 0
        gone: list[str] = []
        for number, row in enumerate(found, start=1):
            kept_bytes += row.size_bytes
            if number > calls or kept_bytes > bytes_max:
                gone.append(row.call_id)
        for call_id in gone:
            await self._connection.execute(delete(recordings).where(self._is(call_id)))

    async def find(self, call_id: str) -> RecordingRow | None:
        """Return the recording of a call, if there is one."""
        found = await self._connection.execute(select(*_COLUMNS).where(self._is(call_id)))
        row = found.mappings().one_or_none()
        return None if row is None else RecordingRow(**row)

    async def page(
        self, plugin_id: str, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[RecordingSummary]:
        """Return a plugin's recordings, the newest first, those ``before`` one if that is given.

        ``before`` has that one's time and call id.
        """
        conditions = [self._of(plugin_id)]
        if before is not None:
            when, call_id = before
            at_once = and_(recordings.c.recorded_at == when, recordings.c.call_id < call_id)
            conditions.append(or_(recordings.c.recorded_at < when, at_once))
        found = await self._connection.execute(
            select(*_SUMMARY)
            .where(*conditions)
            .order_by(recordings.c.recorded_at.desc(), recordings.c.call_id.desc())
            .limit(limit)
        )
        return [RecordingSummary(**row) for row in found.mappings()]

    async def totals(self, plugin_id: str) -> tuple[int, int]:
        """Return how many recordings of a plugin there are, and their bytes."""
        found = await self._connection.execute(
            select(func.count(), func.coalesce(func.sum(recordings.c.size_bytes), 0)).where(
                self._of(plugin_id)
            )
        )
        totals: Any = found.one()
        return int(totals[0]), int(totals[1])

    async def remove_all(self, plugin_id: str) -> int:
        """Remove a plugin's recordings; return how many there were."""
        gone = await self._connection.execute(delete(recordings).where(self._of(plugin_id)))
        return gone.rowcount

    def _of(self, plugin_id: str) -> ColumnElement[bool]:
        return and_(recordings.c.tenant == self._tenant, recordings.c.plugin_id == plugin_id)

    def _is(self, call_id: str) -> ColumnElement[bool]:
        return and_(recordings.c.tenant == self._tenant, recordings.c.call_id == call_id)
