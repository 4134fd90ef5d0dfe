"""Tenants: each has plugins, values and keys of its own. For the operator of the host."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Host, Operator
from wardian.tenants import TenantView

router = APIRouter(prefix="/tenants", tags=["tenants"])


class TenantRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant to make."""

    name: str


@router.get("", responses=answers(list[TenantView]))
async def list_tenants(host: Host, caller: Operator, paging: InPages) -> Response:
    """List the tenants of this host."""
    return page_of(await host.tenants.list(), paging, lambda each: (each.name,))


@router.post(
    "", status_code=201, responses=answers(TenantView, 201), openapi_extra=takes(TenantRequest)
)
async def create_tenant(request: Request, host: Host, caller: Operator) -> Response:
    """Make a tenant. Its first key is made with `POST /api/v1/keys` and its name."""
    wanted = await body_of(request, TenantRequest)
    return answer(await host.tenants.create(wanted.name, actor=caller.key_name), 201)
