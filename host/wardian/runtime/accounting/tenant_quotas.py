"""Tenants' quotas as people see and set them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wardian.policy.quotas import Kind, checked_overrides
from wardian.runtime.accounting.quotas import DailyQuotas
from wardian.runtime.accounting.views import QuotasView, QuotaView, StoredView
from wardian.runtime.accounting.writing import EPOCH
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.accounting import UsageRepository
from wardian.tenants.tenants import require_tenant


class TenantQuotas:
    """Shows quotas with what is used of them, and sets them for tenants."""

    def __init__(self, database: Database, journal: Journal, daily: DailyQuotas) -> None:
        self._database = database
        self._journal = journal
        self._daily = daily

    async def of(self, tenant: str = "default") -> QuotasView:
        """Return a tenant's quotas and what is used of them.

        Raises:
            NotFound: no such tenant.
        """
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            usage = UsageRepository(connection, tenant)
            overrides, stored = await usage.overrides(), await usage.stored()
        state = await self._daily.of(tenant)
        quotas = self._daily.defaults.with_overrides(overrides)
        spent = self._daily.spent(state)
        used = {
            Kind.CALLS: spent.calls,
            Kind.FUEL: spent.fuel,
            Kind.EGRESS_BYTES: spent.egress_bytes,
            Kind.STORAGE_BYTES: stored.total,
        }
        day = EPOCH + timedelta(days=state.day)
        return QuotasView(
            tenant=tenant,
            day=day.date().isoformat(),
            resets_at=day + timedelta(days=1),
            quotas=[
                _view(kind, quotas.of(kind), used[kind], overridden=kind.value in overrides)
                for kind in Kind
            ],
            stored=StoredView(kv=stored.kv, config=stored.config, packages=stored.packages),
        )

    async def set(
        self, overrides: Mapping[str, Any], *, tenant: str = "default", actor: str = "host"
    ) -> QuotasView:
        """Set what a tenant may use in place of the host's own quotas, all of it at once.

        ``overrides`` are amounts by quota, or None for no bound; a quota that is not named is the
        host's again. Other hosts know of it in `SEEN_SECONDS`.

        Raises:
            InvalidArguments: there is no such quota, or it is no amount.
            NotFound: no such tenant.
        """
        checked = checked_overrides(dict(overrides))
        async with self._journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            usage = UsageRepository(change.connection, tenant)
            before = await usage.overrides()
            if before != checked:
                await usage.set_overrides(checked, actor)
                detail = {"before": before, "quotas": checked}
                await change.note_access("tenant.quotas-set", tenant, detail)
        await self._daily.changed(tenant)
        return await self.of(tenant)


def _view(kind: Kind, limit: int | None, used: int, *, overridden: bool) -> QuotaView:
    left = None if limit is None else max(0, limit - used)
    return QuotaView(quota=kind.value, limit=limit, used=used, left=left, overridden=overridden)
