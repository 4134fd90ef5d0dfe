"""Configuration: a plugin's values, and those for all of the tenant's plugins."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.v1.config_requests import (
    Before,
    ConfigEdit,
    ConfigProposal,
    Limit,
    OfPlugin,
    OfTenant,
    PluginLayer,
    RevertRequest,
    Sent,
    SentWith,
    TenantLayer,
    Wanted,
    edit_of,
    proposed,
    tag,
)
from wardian.config import lookup
from wardian.runtime.config_edits import Edit, Place
from wardian.runtime.config_views import (
    ConfigJudgement,
    Explanation,
    HistoryPage,
    ReloadReport,
)

router = APIRouter(tags=["config"])


@router.get("/plugins/{name}/config", responses=answers(Any))
async def show_config(host: Host, caller: Reader, wanted: OfPlugin) -> Response:
    """Show a plugin's configuration, or a value of it."""
    return await _shown(host, caller, wanted)


@router.get("/config", responses=answers(Any))
async def show_tenant_config(host: Host, caller: Reader, wanted: OfTenant) -> Response:
    """Show the values that are for every plugin whose schema has a property of their name."""
    return await _shown(host, caller, wanted)


@router.put(
    "/plugins/{name}/config",
    responses=answers(dict[str, Any]),
    openapi_extra=takes(dict[str, Any]),
)
async def set_config(
    request: Request, host: Host, caller: Admin, place: PluginLayer, sent: SentWith
) -> Response:
    """Replace a layer of a plugin's configuration, and answer what all layers come to.

    That must fit the manifest's `config_schema`.
    """
    values = await body_of(request, dict[str, Any])
    return await _changed(host, caller, place, Edit(values=values, note=sent.note), sent)


@router.put("/config", responses=answers(dict[str, Any]), openapi_extra=takes(dict[str, Any]))
async def set_tenant_config(
    request: Request, host: Host, caller: Admin, place: TenantLayer, sent: SentWith
) -> Response:
    """Replace a layer of what is tenant-wide; it must fit every plugin that it concerns."""
    values = await body_of(request, dict[str, Any])
    return await _changed(host, caller, place, Edit(values=values, note=sent.note), sent)


@router.patch(
    "/plugins/{name}/config", responses=answers(dict[str, Any]), openapi_extra=takes(ConfigEdit)
)
async def change_config(
    request: Request, host: Host, caller: Admin, place: PluginLayer, sent: SentWith
) -> Response:
    """Set and unset values of a layer, and answer what all layers come to; other values stay."""
    edit = edit_of(await body_of(request, ConfigEdit), sent)
    return await _changed(host, caller, place, edit, sent)


@router.patch("/config", responses=answers(dict[str, Any]), openapi_extra=takes(ConfigEdit))
async def change_tenant_config(
    request: Request, host: Host, caller: Admin, place: TenantLayer, sent: SentWith
) -> Response:
    """Set and unset values that are tenant-wide; other values stay."""
    edit = edit_of(await body_of(request, ConfigEdit), sent)
    return await _changed(host, caller, place, edit, sent)


@router.post(
    "/plugins/{name}/config/validate",
    responses=answers(ConfigJudgement),
    openapi_extra=takes(ConfigProposal),
)
async def validate_config(
    request: Request, host: Host, caller: Reader, place: PluginLayer
) -> Response:
    """Tell what a change would come to, and all that would stop it; nothing is changed."""
    edit = proposed(await body_of(request, ConfigProposal))
    return answer(await host.configuration.judge(place, edit, tenant=caller.tenant))


@router.post(
    "/config/validate", responses=answers(ConfigJudgement), openapi_extra=takes(ConfigProposal)
)
async def validate_tenant_config(
    request: Request, host: Host, caller: Reader, place: TenantLayer
) -> Response:
    """Tell what a tenant-wide change would come to, and which plugins would stop it."""
    edit = proposed(await body_of(request, ConfigProposal))
    return answer(await host.configuration.judge(place, edit, tenant=caller.tenant))


@router.get("/plugins/{name}/config/explain", responses=answers(Explanation))
async def explain_config(host: Host, caller: Reader, name: str) -> Response:
    """Tell of each value where it came from, who set it and when, and what it lies over."""
    return answer(await host.configuration.explain(name, tenant=caller.tenant))


@router.get("/config/explain", responses=answers(Explanation))
async def explain_tenant_config(host: Host, caller: Reader) -> Response:
    """Tell of each tenant-wide value where it came from."""
    return answer(await host.configuration.explain(None, tenant=caller.tenant))


@router.get("/plugins/{name}/config/history", responses=answers(HistoryPage))
async def show_history(
    host: Host, caller: Reader, name: str, limit: Limit = 20, before: Before = None
) -> Response:
    """List the changes of a plugin's configuration, the newest first, without secrets."""
    page = host.configuration.history(name, limit=limit, before=before, tenant=caller.tenant)
    return answer(await page)


@router.get("/config/history", responses=answers(HistoryPage))
async def show_tenant_history(
    host: Host, caller: Reader, limit: Limit = 20, before: Before = None
) -> Response:
    """List the changes of what is tenant-wide, the newest first, without secrets."""
    page = host.configuration.history(None, limit=limit, before=before, tenant=caller.tenant)
    return answer(await page)


@router.post(
    "/plugins/{name}/config/revert",
    responses=answers(dict[str, Any]),
    openapi_extra=takes(RevertRequest),
)
async def revert_config(
    request: Request, host: Host, caller: Admin, name: str, sent: SentWith
) -> Response:
    """Have a layer be again what it was after one of its changes, if that still fits."""
    return await _reverted(host, caller, name, (await body_of(request, RevertRequest)).to, sent)


@router.post(
    "/config/revert", responses=answers(dict[str, Any]), openapi_extra=takes(RevertRequest)
)
async def revert_tenant_config(
    request: Request, host: Host, caller: Admin, sent: SentWith
) -> Response:
    """Have a tenant-wide layer be again what it was after one of its changes."""
    return await _reverted(host, caller, None, (await body_of(request, RevertRequest)).to, sent)


@router.post("/config/reload", responses=answers(ReloadReport))
async def reload_config(host: Host, caller: Admin) -> Response:
    """Read the tenant's file of configuration now, and tell what came of it."""
    return answer(await host.configuration.reload(tenant=caller.tenant))


async def _shown(host: Host, caller: Reader, wanted: Wanted) -> Response:
    view = await host.configuration.show(wanted.place, resolve=wanted.resolve, tenant=caller.tenant)
    values = view.configuration
    return answer(values if wanted.key is None else lookup(values, wanted.key), headers=tag(view))


async def _changed(host: Host, caller: Admin, place: Place, edit: Edit, sent: Sent) -> Response:
    view = await host.configuration.change(
        place, edit, expected=sent.expected, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view.configuration, headers=tag(view))


async def _reverted(host: Host, caller: Admin, name: str | None, to: int, sent: Sent) -> Response:
    view = await host.configuration.revert(
        name,
        to,
        note=sent.note,
        expected=sent.expected,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view.configuration, headers=tag(view))
