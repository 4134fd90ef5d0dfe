"""What is remembered of handled deliveries, kept within bounds of age and number."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from wardian.errors import WardianError
from wardian.runtime.flushing import flushed
from wardian.storage import Database
from wardian.storage.webhooks import forget_beyond, forget_old
from wardian.tenants import Tenants

FORGETS_SECONDS = 60.0
AT_ONCE = 1_000
"""Rows that one transaction removes: others wait for it."""

_log = logging.getLogger("wardian.webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """How long a delivery is remembered, and how many of each plugin's."""

    age: timedelta = timedelta(days=7)
    deliveries: int = 100_000


class WebhookUpkeep:
    """Forgets deliveries that are old, or too many."""

    def __init__(self, database: Database, tenants: Tenants, remembering: Remembering) -> None:
        self._database = database
        self._tenants = tenants
        self._remembering = remembering

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Forget them every `FORGETS_SECONDS` while this is open."""
        async with flushed(self.tend, seconds=FORGETS_SECONDS, name="wardian-webhook-upkeep"):
            yield

    async def tend(self) -> None:
        """Forget them now; what goes wrong can wait, and is logged."""
        try:
            for tenant in await self._tenants.list():
                await self.prune(tenant.name)
        except WardianError as error:
            _log.warning("Old deliveries of webhooks were not forgotten: %s", error)

    async def prune(self, tenant: str) -> int:
        """Forget a tenant's deliveries that are not to be remembered; return how many."""
        removed, gone = 0, AT_ONCE
        while gone >= AT_ONCE:
            async with self._database.transaction() as connection:
                gone = await forget_old(connection, tenant, AT_ONCE)
            removed += gone
        async with self._database.transaction() as connection:
            removed += await forget_beyond(connection, tenant, self._remembering.deliveries)
        return removed
