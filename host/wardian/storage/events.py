"""The outbox of events and the audit trail: the rows of one tenant, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict

from sqlalchemy import func, insert, select

from wardian.storage.database import Connection
from wardian.storage.neighbours import tell
from wardian.storage.rows import AuditRow, EventRow
from wardian.storage.tables import audit, events

HOST = "host"
"""The source of what hosts record of themselves."""

_PAGE = 200

_EVENT_COLUMNS = tuple(events.c[name] for name in EventRow.__dataclass_fields__)
_AUDIT_COLUMNS = tuple(audit.c[name] for name in AuditRow.__dataclass_fields__)

_ADD_EVENT = insert(events)
_ADD_AUDIT = insert(audit)


class EventRepository:
    """The events of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def add(self, row: EventRow) -> None:
        """Append an event; other hosts hear of those of the host's own."""
        await self._connection.execute(_ADD_EVENT, asdict(row) | {"tenant": self._tenant})
        if row.source == HOST:
            await tell(self._connection, self._tenant)

    async def of_hosts(self, after: int) -> list[tuple[int, EventRow]]:
        """Return the events that hosts have recorded, from behind a position on, in order.

        All of them: writers of one tenant take turns, so none appears later before another.
        """
        found = await self._connection.execute(
            select(events.c.position, *_EVENT_COLUMNS)
            .where(
                events.c.tenant == self._tenant,
                events.c.source == HOST,
                events.c.position > after,
            )
            .order_by(events.c.position)
        )
        rows = [dict(row) for row in found.mappings()]
        return [(row.pop("position"), EventRow(**row)) for row in rows]

    async def newest_first(self) -> AsyncIterator[EventRow]:
        """Go through the tenant's events backwards, a page at a time."""
        before: int | None = None
        while True:
            query = select(events.c.position, *_EVENT_COLUMNS).where(
                events.c.tenant == self._tenant
            )
            if before is not None:
                query = query.where(events.c.position < before)
            page = await self._connection.execute(
                query.order_by(events.c.position.desc()).limit(_PAGE)
            )
            rows = [dict(row) for row in page.mappings()]
            for row in rows:
                before = row.pop("position")
                yield EventRow(**row)
            if len(rows) < _PAGE:
                return


class AuditRepository:
    """The audit trail of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def add(self, row: AuditRow) -> None:
        """Append an entry."""
        values = asdict(row) | {"tenant": self._tenant, "detail": dict(row.detail)}
        await self._connection.execute(_ADD_AUDIT, values)

    async def recent(self, limit: int) -> list[AuditRow]:
        """Return the newest entries, newest first."""
        found = await self._connection.execute(
            select(*_AUDIT_COLUMNS)
            .where(audit.c.tenant == self._tenant)
            .order_by(audit.c.position.desc())
            .limit(limit)
        )
        return [AuditRow(**dict(row)) for row in found.mappings()]


async def positions(connection: Connection) -> dict[str, int]:
    """Return the position of every tenant's newest event: a host hears of what comes after."""
    found = await connection.of_every_tenant().execute(
        select(events.c.tenant, func.max(events.c.position).label("newest")).group_by(
            events.c.tenant
        )
    )
    return {row.tenant: row.newest for row in found}
