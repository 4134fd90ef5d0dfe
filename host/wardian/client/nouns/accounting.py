"""What calls used, and what tenants may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from wardian.client.answers import json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Analysis, Top
from wardian.client.models import Quotas as QuotasModel
from wardian.client.operations import Operation, at, get, put


class Analytics(Noun[S]):
    """What calls used: of the tenant, or for keys of the default tenant of others too."""

    @operation
    def get(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        step: Literal["minute", "hour", "day"] | None = None,
        group: Sequence[str] = (),
        plugin: str | None = None,
        tenant: str | None = None,
    ) -> Operation[Analysis]:
        """Show what calls used in a range of time: the last day unless it is another.

        ``group`` names what groups are told apart by: `plugin`, `function`, `version`, `outcome`,
        `tenant`. The tenant ``*`` is all of them. A moment without a time zone is in UTC.
        """
        span = {"from": start and start.isoformat(), "to": end and end.isoformat()}
        grouped = ",".join(group) or None
        asked = {"step": step, "group": grouped, "plugin": plugin, "tenant": tenant}
        return get("/analytics", json_of(Analysis), **span, **asked)

    @operation
    def top(self, *, limit: int | None = None, tenant: str | None = None) -> Operation[Top]:
        """Show what is used now, by function, the busiest first."""
        return get("/analytics/top", json_of(Top), limit=limit, tenant=tenant)


class Quotas(Noun[S]):
    """What tenants may use in a day and keep, and what they have used."""

    @operation
    def get(self) -> Operation[QuotasModel]:
        """Show the tenant's own quotas, and what is used of them."""
        return get("/quotas", json_of(QuotasModel))

    @operation
    def of(self, tenant: str) -> Operation[QuotasModel]:
        """Show a tenant's quotas, and what is used of them."""
        return get(at("/tenants/{}/quotas", tenant), json_of(QuotasModel))

    @operation
    def set(self, tenant: str, quotas: Mapping[str, int | None]) -> Operation[QuotasModel]:
        """Set a tenant's quotas, all of them at once.

        They are amounts by `calls`, `fuel`, `egress_bytes` and `storage_bytes`; None has no bound,
        and one that is not named is the host's.
        """
        path = at("/tenants/{}/quotas", tenant)
        return put(path, json_of(QuotasModel), {"quotas": quotas})
