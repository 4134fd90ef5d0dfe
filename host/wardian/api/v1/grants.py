"""Grants: what the operator allows a plugin, of what it asks for."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import PluginMatch, tag_of
from wardian.runtime.host import GrantsView
from wardian.storage.revisions import Kind

router = APIRouter(prefix="/plugins/{name}/grants", tags=["grants"])


class GrantsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Everything that is to be granted from now on; what is not listed is revoked."""

    granted: list[str]


@router.get("", responses=answers(GrantsView))
async def show_grants(host: Host, caller: Reader, name: str) -> Response:
    """Show what a plugin asks for and what of it is granted."""
    tag = await tag_of(host, caller.tenant, Kind.PLUGIN, of_name=name)
    return answer(await host.grants(name, tenant=caller.tenant), headers=tag)


@router.put("", responses=answers(GrantsView), openapi_extra=takes(GrantsRequest))
async def set_grants(
    request: Request, host: Host, caller: Admin, _: PluginMatch, name: str
) -> Response:
    """Grant exactly these permissions. It holds from the next host call on."""
    wanted = await body_of(request, GrantsRequest)
    view = await host.set_grants(name, wanted.granted, tenant=caller.tenant, actor=caller.key_name)
    return answer(view)
