"""Permissions in use: monitor mode, what was recorded, and the grant that follows from it."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import PluginMatch
from wardian.runtime.host import SuggestionView, UsesView

router = APIRouter(prefix="/plugins/{name}", tags=["grants"])


class MonitoringRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a plugin's use of permissions is to be recorded."""

    enabled: bool


class MonitoringView(msgspec.Struct, frozen=True):
    """Whether a plugin's use of permissions is recorded."""

    enabled: bool


@router.put(
    "/monitoring", responses=answers(MonitoringView), openapi_extra=takes(MonitoringRequest)
)
async def set_monitoring(
    request: Request, host: Host, caller: Admin, _: PluginMatch, name: str
) -> Response:
    """Record which permissions a plugin's calls need, from their next host call on, or stop."""
    wanted = await body_of(request, MonitoringRequest)
    await host.set_monitored(name, wanted.enabled, tenant=caller.tenant, actor=caller.key_name)
    return answer(MonitoringView(wanted.enabled))


@router.get("/permissions/uses", responses=answers(UsesView))
async def show_uses(host: Host, caller: Reader, name: str) -> Response:
    """Show which permissions a plugin needed while it was monitored, and which it was denied."""
    return answer(await host.permission_uses(name, tenant=caller.tenant))


@router.delete("/permissions/uses", status_code=204)
async def clear_uses(host: Host, caller: Admin, name: str) -> Response:
    """Forget what was recorded, to begin anew."""
    await host.clear_permission_uses(name, tenant=caller.tenant, actor=caller.key_name)
    return Response(status_code=204)


@router.get("/permissions/suggestion", responses=answers(SuggestionView))
async def suggest(host: Host, caller: Reader, name: str, include_denied: bool = False) -> Response:
    """Suggest the smallest grant that covers what was used, and what was denied if it should."""
    view = await host.suggest_permissions(name, include_denied=include_denied, tenant=caller.tenant)
    return answer(view)
