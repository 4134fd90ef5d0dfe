"""Tenants: each has plugins, values and keys of its own. For the operator of the host."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Host, Operator
from wardian.tenants import TenantLimits, TenantView

router = APIRouter(prefix="/tenants", tags=["tenants"])


class TenantRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant to make."""

    name: str


class TenantLimitsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """How many requests a tenant may make, and each of its keys that has no rate of its own.

    Such as `600/minute`; null is what the settings say.
    """

    rate: str | None
    key_rate: str | None


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


@router.get("/{name}/limits", responses=answers(TenantLimits))
async def show_limits(host: Host, caller: Operator, name: str) -> Response:
    """Show how many requests a tenant may make, where that is its own bound."""
    return answer(await host.tenants.limits(name))


@router.put(
    "/{name}/limits", responses=answers(TenantLimits), openapi_extra=takes(TenantLimitsRequest)
)
async def set_limits(request: Request, host: Host, caller: Operator, name: str) -> Response:
    """Bound a tenant's requests, and those of each of its keys; it holds at once."""
    wanted = await body_of(request, TenantLimitsRequest)
    limits = TenantLimits(rate=wanted.rate, key_rate=wanted.key_rate)
    return answer(await host.tenants.set_limits(name, limits, actor=caller.key_name))
