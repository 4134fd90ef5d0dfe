"""Deliveries that were put onto a message broker, a parcel of one key at a time.

The rows stay the record. A parcel is a message that says under which lease rows were leased when it
was made, and which they are; whoever receives it looks here what is left of it. Only the broker
knows how often it has given the message to somebody: the first receiver holds the lease itself, and
each later one a lease of the same name with that number behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select, update

from wardian.storage.deliveries import DeliveryRepository, both
from wardian.storage.queues import OF_PLUGINS, PENDING, RUNNING
from wardian.storage.rows import DeliveryRow, EventRow, now
from wardian.storage.tables import deliveries, subscribers

RECEIPTS_MAX = 999
"""How often a parcel may be received: the name of a lease has room for three digits."""

_D = deliveries.c


def lease_name(parcel: str, received: int) -> str:
    """Return the lease of whoever receives a parcel for the so-manieth time.

    Args:
        parcel: the lease that its rows had when it was made, an identifier.
    """
    return parcel if received == 1 else f"{UUID(parcel).hex}.{received}"


def is_of(parcel: str, lease: str) -> bool:
    """Tell whether a lease is that of a parcel, or of somebody who received it."""
    return lease == parcel or lease.startswith(UUID(parcel).hex)


LeasedRow = tuple[str, DeliveryRow, EventRow]
"""Who leases a delivery, and what it is; its event counts this time as an attempt."""


class ParcelRepository(DeliveryRepository):
    """What is in parcels for the plugins of one tenant, over one open transaction."""

    async def is_paused(self, plugin_id: str) -> bool:
        """Tell whether what waits for a plugin is held back."""
        mine = and_(subscribers.c.tenant == self._tenant, subscribers.c.plugin_id == plugin_id)
        found = await self._connection.execute(select(subscribers.c.paused).where(mine))
        return bool(found.scalar_one_or_none())

    async def leased(self, plugin_id: str, ids: Sequence[str]) -> list[LeasedRow]:
        """Return those of these deliveries that are leased, in order."""
        found = await self._connection.execute(
            OF_PLUGINS.found.add_columns(_D.lease_owner)
            .where(self._of(plugin_id), self._are(ids), _D.state == RUNNING)
            .order_by(_D.position)
        )
        return [(row.lease_owner, *_begun(*both(row))) for row in found]

    async def take_over(
        self, plugin_id: str, parcel: str, ids: Sequence[str], *, received: int, until: datetime
    ) -> list[LeasedRow]:
        """Lease what is left of a parcel that was received before; it counts as an attempt.

        Nothing is left for whoever comes later than the next receiver, nor of what has an earlier
        one of its key before it by now: that waits again, and is in no parcel any more.
        """
        await self._lock(plugin_id)
        before = [lease_name(parcel, each) for each in range(1, received)]
        left = [row for row in await self.leased(plugin_id, ids) if row[0] in before]
        if not left:
            return []
        mine = self._are([row.id for _, row, _ in left])
        _, first, event = left[0]
        if await self._is_behind(plugin_id, first, event.key):
            values = {"state": PENDING, "lease_owner": None, "lease_until": None}
            await self._connection.execute(update(deliveries).where(mine).values(values))
            return []
        lease = lease_name(parcel, received)
        await self._connection.execute(
            update(deliveries)
            .where(mine)
            .values(attempt=_D.attempt + 1, lease_owner=lease, lease_until=until, updated_at=now())
        )
        return await self.leased(plugin_id, [row.id for _, row, _ in left])

    async def give_back(self, owner: str, ids: Sequence[str]) -> None:
        """Have what ``owner`` leased wait again; it was not begun."""
        await self._connection.execute(
            update(deliveries)
            .where(self._held(owner, ids))
            .values(
                state=PENDING,
                attempt=_D.attempt - 1,
                lease_owner=None,
                lease_until=None,
                updated_at=now(),
            )
        )

    async def _is_behind(self, plugin_id: str, first: DeliveryRow, key: str | None) -> bool:
        """Tell whether an earlier one of a key is still to be handled."""
        found = await self._connection.execute(
            select(_D.id)
            .where(
                self._of(plugin_id),
                _D.key == key,
                first.position > _D.position,
                _D.state.in_([PENDING, RUNNING]),
            )
            .limit(1)
        )
        return key is not None and found.first() is not None


def _begun(row: DeliveryRow, event: EventRow) -> tuple[DeliveryRow, EventRow]:
    return row, replace(event, attempt=row.attempt)  # this time is counted already
