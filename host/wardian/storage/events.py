"""The outbox of events: the rows of one tenant, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import and_, delete, exists, func, insert, or_, select

from wardian.storage.database import Connection
from wardian.storage.neighbours import tell
from wardian.storage.rows import EventRow
from wardian.storage.tables import deliveries, endpoint_deliveries, events

HOST = "host"
"""The source of what hosts record of themselves."""

_PAGE = 200

_EVENT_COLUMNS = tuple(events.c[name] for name in EventRow.__dataclass_fields__)
_POSITION = events.c.position

_ADD_EVENT = insert(events)


class EventRepository:
    """The events of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def add(self, row: EventRow) -> EventRow:
        """Append an event, and return it with its position; other hosts hear of a host's own."""
        values = asdict(row) | {"tenant": self._tenant}
        del values["position"]
        added = await self._connection.execute(_ADD_EVENT, values)
        (position,) = added.inserted_primary_key or (0,)
        if row.source == HOST:
            await tell(self._connection, self._tenant)
        return replace(row, position=position)

    async def of_hosts(self, after: int, limit: int) -> list[EventRow]:
        """Return the next events that hosts have recorded, from behind a position on, in order.

        None is passed over: writers of one tenant take turns, so none appears later before another.
        """
        found = await self._connection.execute(
            select(*_EVENT_COLUMNS)
            .where(events.c.tenant == self._tenant, events.c.source == HOST, after < _POSITION)
            .order_by(_POSITION)
            .limit(limit)
        )
        return [EventRow(**row) for row in found.mappings()]

    async def newest_first(self, before: int | None = None) -> AsyncIterator[EventRow]:
        """Go through the tenant's events backwards, from ``before`` a position, in pages."""
        while True:
            query = select(*_EVENT_COLUMNS).where(events.c.tenant == self._tenant)
            if before is not None:
                query = query.where(before > _POSITION)
            page = await self._connection.execute(query.order_by(_POSITION.desc()).limit(_PAGE))
            rows = [EventRow(**row) for row in page.mappings()]
            for row in rows:
                before = row.position
                yield row
            if len(rows) < _PAGE:
                return

    async def after(self, position: int, limit: int) -> list[EventRow]:
        """Return the tenant's next events after a position, in order."""
        found = await self._connection.execute(
            select(*_EVENT_COLUMNS)
            .where(events.c.tenant == self._tenant, position < _POSITION)
            .order_by(_POSITION)
            .limit(limit)
        )
        return [EventRow(**row) for row in found.mappings()]

    async def newest_position(self) -> int:
        """Return the position of the tenant's newest event; 0 if there is none."""
        found = await self._connection.execute(
            select(func.max(_POSITION)).where(events.c.tenant == self._tenant)
        )
        return found.scalar_one() or 0

    async def prune(self, *, before: datetime, kept: int, at_once: int) -> int:
        """Remove up to ``at_once`` of the oldest events, and return how many those were.

        Those from ``before`` a moment go, and those beyond the ``kept`` newest; but none that a
        plugin or an endpoint is still to get, or that is a dead letter.
        """
        mine = events.c.tenant == self._tenant
        found = await self._connection.execute(
            select(_POSITION).where(mine).order_by(_POSITION.desc()).offset(kept).limit(1)
        )
        beyond = found.scalar_one_or_none() or 0
        awaited = or_(
            *(
                exists().where(table.c.tenant == self._tenant, table.c.event_id == events.c.id)
                for table in (deliveries, endpoint_deliveries)
            )
        )
        oldest = (
            select(_POSITION)
            .where(mine, or_(events.c.time < before, beyond >= _POSITION), ~awaited)
            .order_by(_POSITION)
            .limit(at_once)
        )
        gone = await self._connection.execute(
            delete(events).where(and_(mine, _POSITION.in_(oldest)))
        )
        return gone.rowcount


async def positions(connection: Connection) -> dict[str, int]:
    """Return the position of every tenant's newest event: a host hears of what comes after."""
    found = await connection.of_every_tenant().execute(
        select(events.c.tenant, func.max(events.c.position).label("newest")).group_by(
            events.c.tenant
        )
    )
    return {row.tenant: row.newest for row in found}
