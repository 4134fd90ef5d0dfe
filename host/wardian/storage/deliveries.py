"""Events on their way to plugins: queued with what caused them, leased, settled.

A subscriber's row is locked by whoever adds to its queue or takes from it, so what is queued has
the order in which it was committed, and two hosts never take from one queue at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from wardian.crypto.identifiers import new_id
from wardian.storage.database import Connection
from wardian.storage.rows import DeliveryRow, EventRow, SubscriberRow, now
from wardian.storage.statements import OF_PLUGIN, mine
from wardian.storage.tables import deliveries, events, grants, plugins, subscribers

PENDING, RUNNING, DEAD = "pending", "running", "dead"

_D, _S = deliveries.c, subscribers.c
_WANTED = bindparam("of_wanted", type_=String)

# A pattern's `*` is any run of characters; `_`, which LIKE would take for any one, is escaped.
_PATTERN = func.replace(func.replace(grants.c.permission, "_", r"\_"), "*", "%")
_WANTING = (
    select(plugins.c.id.label("plugin_id"), plugins.c.name, _S.queued, _S.paused)
    .distinct()
    .select_from(
        grants.join(
            plugins, and_(plugins.c.tenant == grants.c.tenant, plugins.c.id == grants.c.plugin_id)
        ).outerjoin(
            subscribers,
            and_(_S.tenant == grants.c.tenant, _S.plugin_id == grants.c.plugin_id),
        )
    )
    .where(mine(grants, _WANTED.like(_PATTERN, escape="\\")))
    .order_by(plugins.c.id)  # whoever locks several locks them in one order
)
_QUEUE = insert(deliveries)
_COUNT = (
    update(subscribers)
    .where(mine(subscribers, _S.plugin_id == OF_PLUGIN))
    .values(queued=_S.queued + bindparam("more"), dropped=_S.dropped + bindparam("lost"))
)
_LOCK = (
    select(_S.paused, _S.queued)
    .where(mine(subscribers, _S.plugin_id == OF_PLUGIN))
    .with_for_update()
)
_EVENT = tuple(events.c[name] for name in EventRow.__dataclass_fields__ if name != "attempt")
_DELIVERY = tuple(_D[name].label(f"of_{name}") for name in DeliveryRow.__dataclass_fields__)
ROWS = select(*_EVENT, *_DELIVERY).select_from(
    deliveries.join(events, and_(events.c.tenant == _D.tenant, events.c.id == _D.event_id))
)


class DeliveryRepository:
    """What the plugins of one tenant are still to handle, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def wanting(self, permission: str) -> list[SubscriberRow]:
        """Return the plugins that were granted this ``events:subscribe:TOPIC``, or more."""
        found = await self._connection.execute(
            _WANTING, {"in_tenant": self._tenant, "of_wanted": permission}
        )
        return [
            SubscriberRow(
                tenant=self._tenant, plugin_id=row.plugin_id, name=row.name, queued=row.queued or 0
            )
            for row in found
        ]

    async def queue(self, event: EventRow, plugin_id: str) -> None:
        """Queue an event for a plugin, which `count` is to be told of before."""
        moment = now()
        values = {
            "tenant": self._tenant,
            "id": new_id(),
            "plugin_id": plugin_id,
            "event_id": event.id,
            "key": event.key,
            "state": PENDING,
            "attempt": 0,
            "not_before": moment,
            "last_error": "",
            "created_at": moment,
            "updated_at": moment,
        }
        await self._connection.execute(_QUEUE, values)

    async def count(self, plugin_id: str, *, more: int = 0, lost: int = 0) -> None:
        """Add to how many events wait for a plugin, and to how many found no place."""
        values = {"in_tenant": self._tenant, "of_plugin": plugin_id, "more": more, "lost": lost}
        changed = await self._connection.execute(_COUNT, values)
        if changed.rowcount == 0 and (more > 0 or lost > 0):
            await self._connection.execute(
                insert(subscribers).values(
                    tenant=self._tenant, plugin_id=plugin_id, queued=more, dropped=lost
                )
            )

    async def claim(
        self, plugin_id: str, *, owner: str, until: datetime, limit: int
    ) -> list[tuple[DeliveryRow, EventRow]]:
        """Lease the plugin's next events to ``owner``, in order; none while it is paused.

        Of each key come only such as have no earlier one that is still waited for elsewhere.
        """
        named = {"in_tenant": self._tenant, "of_plugin": plugin_id}
        locked = (await self._connection.execute(_LOCK, named)).one_or_none()
        if locked is None or locked.paused:
            return []
        at = now()
        claimed: list[tuple[DeliveryRow, EventRow]] = []
        # One question for each: rows of one state come in order, so the first few are enough.
        for due in (_is_abandoned(at), _is_pending(at)):
            found = await self._connection.execute(
                ROWS.where(self._of(plugin_id), due, ~_is_behind(at))
                .order_by(_D.position)
                .limit(limit)
            )
            claimed += map(both, found)
        claimed = sorted(claimed, key=lambda found: found[0].position)[:limit]
        if claimed:
            await self._connection.execute(
                update(deliveries)
                .where(self._are([row.id for row, _ in claimed]))
                .values(
                    state=RUNNING,
                    attempt=_D.attempt + 1,
                    lease_owner=owner,
                    lease_until=until,
                    updated_at=at,
                )
            )
        return claimed

    async def done(self, plugin_id: str, owner: str, ids: Sequence[str]) -> int:
        """Remove what ``owner`` has handled; return how many of them its lease still held for."""
        await self._lock(plugin_id)
        gone = await self._connection.execute(delete(deliveries).where(self._held(owner, ids)))
        await self.count(plugin_id, more=-gone.rowcount)
        return gone.rowcount

    async def drop(self, plugin_id: str, owner: str, ids: Sequence[str]) -> int:
        """Remove what is not to be handled; return how many."""
        gone = await self.done(plugin_id, owner, ids)
        await self.count(plugin_id, lost=gone)
        return gone

    async def put_back(
        self, owner: str, delivery_id: str, *, not_before: datetime, reason: str | None = None
    ) -> bool:
        """Have what ``owner`` leased wait again.

        With a ``reason`` it was tried and failed; without, it was not begun.
        """
        attempt = _D.attempt if reason is not None else _D.attempt - 1
        told = {} if reason is None else {"last_error": reason}
        return await self._settle(
            owner, delivery_id, state=PENDING, attempt=attempt, not_before=not_before, **told
        )

    async def bury(self, plugin_id: str, owner: str, delivery_id: str, reason: str) -> bool:
        """Put what ``owner`` leased with the dead letters."""
        await self._lock(plugin_id)
        if not await self._settle(owner, delivery_id, state=DEAD, last_error=reason):
            return False
        await self.count(plugin_id, more=-1)
        return True

    async def dead(
        self, *, limit: int, before: int | None = None, plugin_id: str | None = None
    ) -> list[tuple[DeliveryRow, EventRow]]:
        """Return dead letters, the newest first."""
        chosen = [_D.tenant == self._tenant, _D.state == DEAD]
        if before is not None:
            chosen.append(_D.position < before)
        if plugin_id is not None:
            chosen.append(_D.plugin_id == plugin_id)
        found = await self._connection.execute(
            ROWS.where(*chosen).order_by(_D.position.desc()).limit(limit)
        )
        return [both(row) for row in found]

    async def find_dead(self, delivery_id: str) -> tuple[DeliveryRow, EventRow] | None:
        """Return one dead letter."""
        found = await self._connection.execute(
            ROWS.where(self._are([delivery_id]), _D.state == DEAD)
        )
        row = found.one_or_none()
        return None if row is None else both(row)

    async def requeue(self, plugin_id: str, ids: Sequence[str]) -> int:
        """Have dead letters wait again, as if never tried; return how many."""
        await self._lock(plugin_id)
        at = now()
        changed = await self._connection.execute(
            update(deliveries)
            .where(self._are(ids), _D.plugin_id == plugin_id, _D.state == DEAD)
            .values(state=PENDING, attempt=0, not_before=at, lease_owner=None, updated_at=at)
        )
        await self.count(plugin_id, more=changed.rowcount)
        return changed.rowcount

    async def forget(self, ids: Sequence[str]) -> int:
        """Remove dead letters; return how many."""
        gone = await self._connection.execute(
            delete(deliveries).where(self._are(ids), _D.state == DEAD)
        )
        return gone.rowcount

    async def forget_old(self, before: datetime, at_once: int) -> int:
        """Remove up to ``at_once`` dead letters from ``before`` a moment; return how many."""
        oldest = (
            select(_D.position)
            .where(_D.tenant == self._tenant, _D.state == DEAD, _D.updated_at < before)
            .order_by(_D.position)
            .limit(at_once)
        )
        gone = await self._connection.execute(delete(deliveries).where(_D.position.in_(oldest)))
        return gone.rowcount

    async def forget_beyond(self, kept: int) -> int:
        """Remove each plugin's oldest dead letters beyond so many; return how many."""
        crowded = await self._connection.execute(
            select(_D.plugin_id)
            .where(_D.tenant == self._tenant, _D.state == DEAD)
            .group_by(_D.plugin_id)
            .having(func.count() > kept)
        )
        removed = 0
        for plugin_id in list(crowded.scalars()):
            dead = and_(self._of(plugin_id), _D.state == DEAD)
            last = (
                select(_D.position).where(dead).order_by(_D.position.desc()).offset(kept).limit(1)
            )
            gone = await self._connection.execute(
                delete(deliveries).where(dead, _D.position <= last.scalar_subquery())
            )
            removed += gone.rowcount
        return removed

    async def subscribers(self) -> list[SubscriberRow]:
        """Return the plugins that events waited for at some time, by name."""
        found = await self._connection.execute(
            _subscribers().where(_S.tenant == self._tenant).order_by(plugins.c.name)
        )
        return [SubscriberRow(**row) for row in found.mappings()]

    async def set_paused(self, plugin_id: str, paused: bool) -> None:
        """Hold back what waits for a plugin, or no longer."""
        named = {"tenant": self._tenant, "plugin_id": plugin_id}
        mine_ = and_(_S.tenant == self._tenant, _S.plugin_id == plugin_id)
        changed = await self._connection.execute(
            update(subscribers).where(mine_).values(paused=paused)
        )
        if changed.rowcount == 0:
            await self._connection.execute(insert(subscribers).values(**named, paused=paused))

    async def _lock(self, plugin_id: str) -> None:
        """Take the queue's lock before its rows: whoever claims takes them in that order."""
        await self._connection.execute(_LOCK, {"in_tenant": self._tenant, "of_plugin": plugin_id})

    async def _settle(self, owner: str, delivery_id: str, **values: Any) -> bool:
        values |= {"lease_owner": None, "lease_until": None, "updated_at": now()}
        changed = await self._connection.execute(
            update(deliveries).where(self._held(owner, [delivery_id])).values(values)
        )
        return bool(changed.rowcount)

    def _of(self, plugin_id: str) -> ColumnElement[bool]:
        return and_(_D.tenant == self._tenant, _D.plugin_id == plugin_id)

    def _are(self, ids: Sequence[str]) -> ColumnElement[bool]:
        return and_(_D.tenant == self._tenant, _D.id.in_(list(ids)))

    def _held(self, owner: str, ids: Sequence[str]) -> ColumnElement[bool]:
        return and_(self._are(ids), _D.state == RUNNING, _D.lease_owner == owner)


async def waiting(connection: Connection, *, begun: bool = False) -> list[SubscriberRow]:
    """Return the plugins, of every tenant, that have something to handle now.

    With ``begun`` also those that somebody has begun to handle something for.
    """
    at = now()
    of_subscriber = and_(_D.tenant == _S.tenant, _D.plugin_id == _S.plugin_id)
    due = or_(
        exists().where(of_subscriber, _is_pending(at)),
        exists().where(of_subscriber, _D.state == RUNNING if begun else _is_abandoned(at)),
    )
    found = await connection.of_every_tenant().execute(
        _subscribers().where(_S.queued > 0, _S.paused.is_(False), due)
    )
    return [SubscriberRow(**row) for row in found.mappings()]


async def renew(connection: Connection, owners: Sequence[str], until: datetime) -> None:
    """Have the leases of ``owners``, of every tenant, last longer.

    What is being settled at this moment is left alone: to wait for it, with rows of others locked
    already, would be a deadlock as soon as whoever settles wants those.
    """
    held = (
        select(_D.position)
        .where(_D.state == RUNNING, _D.lease_owner.in_(list(owners)))
        .with_for_update(skip_locked=True)
    )
    await connection.of_every_tenant().execute(
        update(deliveries).where(_D.position.in_(held)).values(lease_until=until)
    )


def _subscribers() -> Any:
    return select(
        _S.tenant, _S.plugin_id, plugins.c.name, _S.queued, _S.dropped, _S.paused
    ).select_from(
        subscribers.join(plugins, and_(plugins.c.tenant == _S.tenant, plugins.c.id == _S.plugin_id))
    )


def _is_pending(at: datetime) -> ColumnElement[bool]:
    """What waits and may be begun."""
    return and_(_D.state == PENDING, _D.not_before <= at)


def _is_abandoned(at: datetime) -> ColumnElement[bool]:
    """What was leased by a host that is gone."""
    return and_(_D.state == RUNNING, _D.lease_until < at)


def _is_behind(at: datetime) -> ColumnElement[bool]:
    """What has an earlier one of the same key before it that cannot be claimed with it."""
    earlier = deliveries.alias("earlier")
    return exists().where(
        earlier.c.tenant == _D.tenant,
        earlier.c.plugin_id == _D.plugin_id,
        earlier.c.key == _D.key,
        earlier.c.position < _D.position,
        or_(
            and_(earlier.c.state == PENDING, earlier.c.not_before > at),
            and_(earlier.c.state == RUNNING, earlier.c.lease_until >= at),
        ),
    )


def both(row: Row[Any]) -> tuple[DeliveryRow, EventRow]:
    """Read a row of `ROWS`."""
    found = row._mapping
    delivery = DeliveryRow(
        **{name: found[f"of_{name}"] for name in DeliveryRow.__dataclass_fields__}
    )
    attempt = delivery.attempt + (delivery.state != DEAD)
    names = (name for name in EventRow.__dataclass_fields__ if name != "attempt")
    return delivery, EventRow(attempt=attempt, **{name: found[name] for name in names})
