"""The outbox kept within bounds of age and number; what is to be delivered stays."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from wardian.errors import WardianError
from wardian.runtime.flushing import flushed
from wardian.storage import Database
from wardian.storage.deliveries import DeliveryRepository
from wardian.storage.events import EventRepository
from wardian.storage.queues import OF_ENDPOINTS, OF_PLUGINS
from wardian.storage.rows import now
from wardian.tenants import Tenants

PRUNES_SECONDS = 60.0
AT_ONCE = 1_000
"""Rows that one transaction removes: nobody else can write meanwhile."""

_log = logging.getLogger("wardian.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept: of each tenant's events, and of each plugin's and endpoint's dead letters."""

    age: timedelta = timedelta(days=7)
    events: int = 100_000
    dead_age: timedelta = timedelta(days=30)
    dead: int = 1_000


class EventUpkeep:
    """Removes events that are old, or too many."""

    def __init__(self, database: Database, tenants: Tenants, retention: Retention) -> None:
        self._database = database
        self._tenants = tenants
        self._retention = retention

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Remove them every `PRUNES_SECONDS` while this is open."""
        async with flushed(self.tend, seconds=PRUNES_SECONDS, name="wardian-event-upkeep"):
            yield

    async def tend(self) -> None:
        """Remove them now; what goes wrong can wait, and is logged."""
        try:
            for tenant in await self._tenants.list():
                await self.prune(tenant.name)
        except WardianError as error:
            _log.warning("Old events were not removed: %s", error)

    async def prune(self, tenant: str) -> int:
        """Remove a tenant's events and dead letters that are not to be kept; return how many."""
        removed, gone = 0, AT_ONCE
        while gone >= AT_ONCE:
            gone = await self._prune_some(tenant)
            removed += gone
        return removed

    async def _prune_some(self, tenant: str) -> int:
        kept = self._retention
        async with self._database.transaction() as connection:
            dead = 0
            for queues in (OF_PLUGINS, OF_ENDPOINTS):
                deliveries = DeliveryRepository(connection, tenant, queues)
                gone = await deliveries.forget_old(now() - kept.dead_age, AT_ONCE)
                dead = max(dead, gone)
                await deliveries.forget_beyond(kept.dead)
            events = await EventRepository(connection, tenant).prune(
                before=now() - kept.age, kept=kept.events, at_once=AT_ONCE
            )
        return max(dead, events)
