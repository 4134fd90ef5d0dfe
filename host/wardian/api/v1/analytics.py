"""What calls used: totals, series and groups; and what is used now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.dependencies import Host, Reader, SettingsInForce
from wardian.errors import Forbidden
from wardian.runtime.accounting.analytics import GROUPS_MAX, AnalyticsQuery, read_groups
from wardian.runtime.accounting.views import AnalyticsView, Step, TopView
from wardian.settings import Settings
from wardian.tenants import Caller

ALL = "*"

router = APIRouter(prefix="/analytics", tags=["analytics"])

Whose = Annotated[
    str | None,
    Query(
        alias="tenant",
        max_length=64,
        description="Another tenant, or `*` for all of them: for keys of the default tenant.",
    ),
]


@router.get("", responses=answers(AnalyticsView))
async def show(  # noqa: PLR0913 -- the parameters of a query
    host: Host,
    caller: Reader,
    settings: SettingsInForce,
    *,
    start: Annotated[
        datetime | None, Query(alias="from", description="A day before `to` unless set.")
    ] = None,
    end: Annotated[datetime | None, Query(alias="to", description="Now unless set.")] = None,
    step: Annotated[
        Step | None, Query(description="Of the series; by the range's length unless set.")
    ] = None,
    group: Annotated[
        str,
        Query(
            max_length=100,
            description="What groups are told apart by, with commas between them: `plugin`, "
            "`function`, `version`, `outcome`, `tenant`.",
        ),
    ] = "",
    plugin: Annotated[
        str | None, Query(max_length=64, description="Only the calls of this plugin.")
    ] = None,
    whose: Whose = None,
) -> Response:
    """Show what calls used in a range of time: calls, errors by type, latency, fuel, egress, cost.

    Calls that ended a moment ago are included; on other hosts, after seconds.
    """
    query = AnalyticsQuery(start=start, end=end, step=step, group=read_groups(group), plugin=plugin)
    return answer(await host.analytics.query(query, tenant=_tenant(whose, caller, settings)))


@router.get("/top", responses=answers(TopView))
async def top(
    host: Host,
    caller: Reader,
    settings: SettingsInForce,
    *,
    limit: Annotated[int, Query(ge=1, le=GROUPS_MAX)] = 50,
    whose: Whose = None,
) -> Response:
    """Show what is used now, by function, the busiest first; for `wardian top`."""
    tenant = _tenant(whose, caller, settings)
    return answer(await host.analytics.top(tenant=tenant, limit=limit))


def _tenant(whose: str | None, caller: Caller, settings: Settings) -> str | None:
    """Return whose calls are asked for; None for everybody's.

    Raises:
        Forbidden: they are not the caller's own, who does not run the host.
    """
    if whose is None or whose == caller.tenant:
        return caller.tenant
    if caller.tenant != settings.default_tenant:
        raise Forbidden(
            f"Only keys of the tenant {settings.default_tenant!r} see what other tenants use."
        )
    return None if whose == ALL else whose
