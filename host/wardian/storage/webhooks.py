"""Webhooks of one plugin: which deliveries were handled, and what became of requests.

Whoever claims a delivery holds the lock of its plugin's webhooks, so of two hosts that receive the
same one only one handles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import and_, delete, func, insert, select, update

from wardian.storage.database import Connection
from wardian.storage.rows import now
from wardian.storage.tables import plugins, webhook_counts, webhook_deliveries

_D, _C = webhook_deliveries.c, webhook_counts.c


class Standing(StrEnum):
    """Whether a delivery is to be handled."""

    WON = "won"
    BUSY = "busy"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was found of a delivery.

    Attributes:
        status: what was answered when it was handled.
    """

    standing: Standing
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """How often requests to one webhook had one outcome."""

    plugin_id: str
    webhook: str
    outcome: str
    requests: int
    last_at: datetime


class WebhookRepository:
    """The webhooks of one plugin of one tenant, over one open transaction."""

    def __init__(
        self, connection: Connection, tenant: str, plugin_id: str, *, alone: bool = False
    ) -> None:
        """``alone`` holds up the whole tenant's writers, for a transaction that does so anyway."""
        self._connection = connection.of(tenant, None if alone else f"webhooks {plugin_id}")
        self._tenant = tenant
        self._plugin_id = plugin_id
        self._mine = and_(_D.tenant == tenant, _D.plugin_id == plugin_id)

    async def claim(
        self, webhook: str, marks: Sequence[str], claim: str, until: datetime
    ) -> Claimed:
        """Take a delivery on, unless one with any of its ``marks`` is being handled or was.

        What was taken on and not settled ``until`` then can be taken on by others.
        """
        same = and_(self._mine, _D.webhook == webhook, _D.mark.in_(list(marks)))
        at = now()
        found = await self._connection.execute(select(_D.status).where(same, _D.until > at))
        statuses = list(found.scalars())
        done = [status for status in statuses if status is not None]
        if statuses:
            return Claimed(Standing.DONE, done[0]) if done else Claimed(Standing.BUSY)
        await self._connection.execute(delete(webhook_deliveries).where(same))
        row = {
            "tenant": self._tenant,
            "plugin_id": self._plugin_id,
            "webhook": webhook,
            "claim": claim,
            "received_at": at,
            "until": until,
        }
        await self._connection.execute(
            insert(webhook_deliveries), [{**row, "mark": mark} for mark in marks]
        )
        return Claimed(Standing.WON)

    async def settle(self, claim: str, status: int, until: datetime) -> bool:
        """Note that a delivery was handled; tell whether it was still this claim's to handle."""
        changed = await self._connection.execute(
            update(webhook_deliveries)
            .where(self._mine, _D.claim == claim, _D.status.is_(None))
            .values(status=status, until=until)
        )
        return changed.rowcount > 0

    async def release(self, claim: str) -> None:
        """Let others handle a delivery."""
        await self._connection.execute(
            delete(webhook_deliveries).where(self._mine, _D.claim == claim, _D.status.is_(None))
        )

    async def count(self, webhook: str, outcome: str, requests: int, last_at: datetime) -> None:
        """Add to how often an outcome was; of a plugin that is gone nothing is kept."""
        changed = await self._connection.execute(
            update(webhook_counts)
            .where(
                _C.tenant == self._tenant,
                _C.plugin_id == self._plugin_id,
                _C.webhook == webhook,
                _C.outcome == outcome,
            )
            .values(requests=_C.requests + requests, last_at=last_at)
        )
        if changed.rowcount:
            return
        found = await self._connection.execute(
            select(plugins.c.id).where(
                plugins.c.tenant == self._tenant, plugins.c.id == self._plugin_id
            )
        )
        if found.one_or_none() is not None:
            await self._connection.execute(
                insert(webhook_counts).values(
                    tenant=self._tenant,
                    plugin_id=self._plugin_id,
                    webhook=webhook,
                    outcome=outcome,
                    requests=requests,
                    last_at=last_at,
                )
            )


async def plugin_id_of(connection: Connection, tenant: str, name: str) -> str | None:
    """Return the id of a tenant's plugin; None if there is no such plugin, or no such tenant."""
    found = await connection.of(tenant).execute(
        select(plugins.c.id).where(plugins.c.tenant == tenant, plugins.c.name == name)
    )
    return found.scalar_one_or_none()


async def counts(connection: Connection, tenant: str) -> list[CountRow]:
    """Return what became of the requests to a tenant's webhooks."""
    columns = [_C[name] for name in CountRow.__dataclass_fields__]
    found = await connection.of(tenant).execute(select(*columns).where(_C.tenant == tenant))
    return [CountRow(**row) for row in found.mappings()]


async def forget_old(connection: Connection, tenant: str, at_once: int) -> int:
    """Remove up to ``at_once`` deliveries whose time is over; return how many those were."""
    over = and_(_D.tenant == tenant, _D.until <= now())
    some = select(_D.mark).where(over).limit(at_once)
    gone = await connection.of(tenant).execute(
        delete(webhook_deliveries).where(over, _D.mark.in_(some))
    )
    return gone.rowcount


async def forget_beyond(connection: Connection, tenant: str, kept: int) -> int:
    """Remove all but the newest deliveries of each plugin, and what came at the same moment."""
    scoped = connection.of(tenant)
    crowded = await scoped.execute(
        select(_D.plugin_id)
        .where(_D.tenant == tenant)
        .group_by(_D.plugin_id)
        .having(func.count() > kept)
    )
    removed = 0
    for plugin_id in list(crowded.scalars()):
        mine = and_(_D.tenant == tenant, _D.plugin_id == plugin_id)
        last = select(_D.received_at).where(mine).order_by(_D.received_at.desc())
        gone = await scoped.execute(
            delete(webhook_deliveries).where(
                mine, _D.received_at <= last.offset(kept).limit(1).scalar_subquery()
            )
        )
        removed += gone.rowcount
    return removed
