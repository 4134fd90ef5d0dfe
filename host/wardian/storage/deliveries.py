"""Events on their way to those who receive them: queued with what caused them, leased, settled.

A subscriber's row is locked by whoever adds to its queue or takes from it, so what is queued has
the order in which it was committed, and two hosts never take from one queue at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Result,
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
from wardian.storage.queues import OF_PLUGINS, PENDING, RUNNING, Queues, abandoned, pending
from wardian.storage.rows import DeliveryRow, EventRow, SubscriberRow, now
from wardian.storage.statements import mine
from wardian.storage.tables import grants, plugins, subscribers

DEAD = "dead"
"""The state of deliveries that nobody makes any more."""

_S = subscribers.c
_WANTED = bindparam("of_wanted", type_=String)

# A pattern's `*` is any run of characters; `_`, which LIKE would take for any one, is escaped.
_PATTERN = func.replace(func.replace(grants.c.permission, "_", r"\_"), "*", "%")
_WANTING = (
    select(plugins.c.id, plugins.c.name, _S.queued, _S.paused)
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


class DeliveryRepository:
    """What the receivers of one kind and tenant are still to get, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str, queues: Queues = OF_PLUGINS) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant
        self._queues = queues
        self._d = queues.deliveries.c

    async def wanting(self, permission: str) -> list[SubscriberRow]:
        """Return the plugins that were granted this ``events:subscribe:TOPIC``, or more."""
        found = await self._connection.execute(
            _WANTING, {"in_tenant": self._tenant, "of_wanted": permission}
        )
        return [
            SubscriberRow(tenant=self._tenant, id=row.id, name=row.name, queued=row.queued or 0)
            for row in found
        ]

    async def queue(self, event: EventRow, receiver_id: str) -> None:
        """Queue an event for a receiver, which `count` is to be told of before."""
        moment = now()
        values = {
            "tenant": self._tenant,
            "id": new_id(),
            self._queues.receiver.name: receiver_id,
            "event_id": event.id,
            "key": event.key,
            "state": PENDING,
            "attempt": 0,
            "not_before": moment,
            "last_error": "",
            "created_at": moment,
            "updated_at": moment,
        }
        await self._connection.execute(self._queues.add, values)

    async def count(self, receiver_id: str, *, more: int = 0, lost: int = 0) -> None:
        """Add to how many events wait for a receiver, and to how many found no place."""
        values = {"in_tenant": self._tenant, "of_id": receiver_id, "more": more, "lost": lost}
        changed = await self._connection.execute(self._queues.count, values)
        # Plugins have no row before the first event; an endpoint has one from its beginning.
        is_first = changed.rowcount == 0 and (more > 0 or lost > 0)
        if is_first and self._queues is OF_PLUGINS:
            await self._connection.execute(
                insert(subscribers).values(
                    tenant=self._tenant, plugin_id=receiver_id, queued=more, dropped=lost
                )
            )

    async def claim(
        self, receiver_id: str, *, owner: str, until: datetime, limit: int
    ) -> list[tuple[DeliveryRow, EventRow]]:
        """Lease the receiver's next events to ``owner``, in order; none while it is paused.

        Of each key come only such as have no earlier one that is still waited for elsewhere.
        """
        locked = (await self._lock(receiver_id)).one_or_none()
        if locked is None or locked.paused:
            return []
        at = now()
        claimed: list[tuple[DeliveryRow, EventRow]] = []
        # One question for each: rows of one state come in order, so the first few are enough.
        kept = self._queues.deliveries
        for due in (abandoned(kept, at), pending(kept, at)):
            found = await self._connection.execute(
                self._queues.found.where(self._of(receiver_id), due, ~_is_behind(self._queues, at))
                .order_by(self._d.position)
                .limit(limit)
            )
            claimed += map(both, found)
        claimed = sorted(claimed, key=lambda found: found[0].position)[:limit]
        if claimed:
            await self._connection.execute(
                update(self._queues.deliveries)
                .where(self._are([row.id for row, _ in claimed]))
                .values(
                    state=RUNNING,
                    attempt=self._d.attempt + 1,
                    lease_owner=owner,
                    lease_until=until,
                    updated_at=at,
                )
            )
        return claimed

    async def done(self, receiver_id: str, owner: str, ids: Sequence[str]) -> int:
        """Remove what ``owner`` has handled; return how many of them its lease still held for."""
        await self._lock(receiver_id)
        gone = await self._connection.execute(
            delete(self._queues.deliveries).where(self._held(owner, ids))
        )
        await self.count(receiver_id, more=-gone.rowcount)
        return gone.rowcount

    async def drop(self, receiver_id: str, owner: str, ids: Sequence[str]) -> int:
        """Remove what is not to be handled; return how many."""
        gone = await self.done(receiver_id, owner, ids)
        await self.count(receiver_id, lost=gone)
        return gone

    async def put_back(
        self, owner: str, delivery_id: str, *, not_before: datetime, reason: str | None = None
    ) -> bool:
        """Have what ``owner`` leased wait again.

        With a ``reason`` it was tried and failed; without, it was not begun.
        """
        attempt = self._d.attempt if reason is not None else self._d.attempt - 1
        told = {} if reason is None else {"last_error": reason}
        return await self._settle(
            owner, delivery_id, state=PENDING, attempt=attempt, not_before=not_before, **told
        )

    async def bury(self, receiver_id: str, owner: str, delivery_id: str, reason: str) -> bool:
        """Put what ``owner`` leased with the dead letters."""
        await self._lock(receiver_id)
        if not await self._settle(owner, delivery_id, state=DEAD, last_error=reason):
            return False
        await self.count(receiver_id, more=-1)
        return True

    async def dead(
        self, *, limit: int, before: int | None = None, receiver_id: str | None = None
    ) -> list[tuple[DeliveryRow, EventRow]]:
        """Return dead letters, the newest first."""
        chosen = [self._d.tenant == self._tenant, self._d.state == DEAD]
        if before is not None:
            chosen.append(self._d.position < before)
        if receiver_id is not None:
            chosen.append(self._queues.receiver == receiver_id)
        found = await self._connection.execute(
            self._queues.found.where(*chosen).order_by(self._d.position.desc()).limit(limit)
        )
        return [both(row) for row in found]

    async def find_dead(self, delivery_id: str) -> tuple[DeliveryRow, EventRow] | None:
        """Return one dead letter."""
        found = await self._connection.execute(
            self._queues.found.where(self._are([delivery_id]), self._d.state == DEAD)
        )
        row = found.one_or_none()
        return None if row is None else both(row)

    async def requeue(self, receiver_id: str, ids: Sequence[str]) -> int:
        """Have dead letters wait again, as if never tried; return how many."""
        await self._lock(receiver_id)
        at = now()
        changed = await self._connection.execute(
            update(self._queues.deliveries)
            .where(self._are(ids), self._queues.receiver == receiver_id, self._d.state == DEAD)
            .values(state=PENDING, attempt=0, not_before=at, lease_owner=None, updated_at=at)
        )
        await self.count(receiver_id, more=changed.rowcount)
        return changed.rowcount

    async def forget(self, ids: Sequence[str]) -> int:
        """Remove dead letters; return how many."""
        gone = await self._connection.execute(
            delete(self._queues.deliveries).where(self._are(ids), self._d.state == DEAD)
        )
        return gone.rowcount

    async def forget_old(self, before: datetime, at_once: int) -> int:
        """Remove up to ``at_once`` dead letters from ``before`` a moment; return how many."""
        oldest = (
            select(self._d.position)
            .where(
                self._d.tenant == self._tenant, self._d.state == DEAD, self._d.updated_at < before
            )
            .order_by(self._d.position)
            .limit(at_once)
        )
        gone = await self._connection.execute(
            delete(self._queues.deliveries).where(self._d.position.in_(oldest))
        )
        return gone.rowcount

    async def forget_beyond(self, kept: int) -> int:
        """Remove each receiver's oldest dead letters beyond so many; return how many."""
        crowded = await self._connection.execute(
            select(self._queues.receiver)
            .where(self._d.tenant == self._tenant, self._d.state == DEAD)
            .group_by(self._queues.receiver)
            .having(func.count() > kept)
        )
        removed = 0
        for receiver_id in list(crowded.scalars()):
            dead = and_(self._of(receiver_id), self._d.state == DEAD)
            last = (
                select(self._d.position)
                .where(dead)
                .order_by(self._d.position.desc())
                .offset(kept)
                .limit(1)
            )
            gone = await self._connection.execute(
                delete(self._queues.deliveries).where(
                    dead, self._d.position <= last.scalar_subquery()
                )
            )
            removed += gone.rowcount
        return removed

    async def subscribers(self) -> list[SubscriberRow]:
        """Return those that events waited for at some time, by name."""
        found = await self._connection.execute(
            self._queues.subscribers.where(
                self._queues.receivers.c.tenant == self._tenant
            ).order_by("name")
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

    async def _lock(self, receiver_id: str) -> Result[Any]:
        """Take the queue's lock before its rows: whoever claims takes them in that order."""
        named = {"in_tenant": self._tenant, "of_id": receiver_id}
        return await self._connection.execute(self._queues.lock, named)

    async def _settle(self, owner: str, delivery_id: str, **values: Any) -> bool:
        values |= {"lease_owner": None, "lease_until": None, "updated_at": now()}
        changed = await self._connection.execute(
            update(self._queues.deliveries).where(self._held(owner, [delivery_id])).values(values)
        )
        return bool(changed.rowcount)

    def _of(self, receiver_id: str) -> ColumnElement[bool]:
        return and_(self._d.tenant == self._tenant, self._queues.receiver == receiver_id)

    def _are(self, ids: Sequence[str]) -> ColumnElement[bool]:
        return and_(self._d.tenant == self._tenant, self._d.id.in_(list(ids)))

    def _held(self, owner: str, ids: Sequence[str]) -> ColumnElement[bool]:
        return and_(self._are(ids), self._d.state == RUNNING, self._d.lease_owner == owner)


async def waiting(
    connection: Connection, queues: Queues = OF_PLUGINS, *, begun: bool = False
) -> list[SubscriberRow]:
    """Return the receivers, of every tenant, that have something to get now.

    With ``begun`` also those that somebody has begun to handle something for.
    """
    chosen = queues.begun if begun else queues.waiting
    found = await connection.of_every_tenant().execute(chosen, {"at": now()})
    return [SubscriberRow(**row) for row in found.mappings()]


async def renew(
    connection: Connection, owners: Sequence[str], until: datetime, queues: Queues = OF_PLUGINS
) -> None:
    """Have the leases of ``owners``, of every tenant, last longer.

    What is being settled at this moment is left alone: to wait for it, with rows of others locked
    already, would be a deadlock as soon as whoever settles wants those.
    """
    columns = queues.deliveries.c
    held = (
        select(columns.position)
        .where(columns.state == RUNNING, columns.lease_owner.in_(list(owners)))
        .with_for_update(skip_locked=True)
    )
    await connection.of_every_tenant().execute(
        update(queues.deliveries).where(columns.position.in_(held)).values(lease_until=until)
    )


def _is_behind(queues: Queues, at: datetime) -> ColumnElement[bool]:
    """What has an earlier one of the same key before it that cannot be claimed with it."""
    columns, earlier = queues.deliveries.c, queues.deliveries.alias("earlier")
    return exists().where(
        earlier.c.tenant == columns.tenant,
        earlier.c[queues.receiver.name] == queues.receiver,
        earlier.c.key == columns.key,
        earlier.c.position < columns.position,
        or_(
            and_(earlier.c.state == PENDING, earlier.c.not_before > at),
            and_(earlier.c.state == RUNNING, earlier.c.lease_until >= at),
        ),
    )


def both(row: Row[Any]) -> tuple[DeliveryRow, EventRow]:
    """Read a row of `Queues.found`."""
    found = row._mapping
    delivery = DeliveryRow(
        **{name: found[f"of_{name}"] for name in DeliveryRow.__dataclass_fields__}
    )
    attempt = delivery.attempt + (delivery.state != DEAD)
    names = (name for name in EventRow.__dataclass_fields__ if name != "attempt")
    return delivery, EventRow(attempt=attempt, **{name: found[name] for name in names})
