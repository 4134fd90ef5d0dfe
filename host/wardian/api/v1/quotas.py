"""Quotas: what tenants may use in a day and keep, and what they have used."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Host, Operator, Reader
from wardian.runtime.accounting.views import QuotasView

router = APIRouter(tags=["quotas"])


class QuotasRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a tenant may use in place of the host's own quotas.

    Attributes:
        quotas: amounts by `calls`, `fuel`, `egress_bytes` and `storage_bytes`; null has no bound,
            and one that is not named is the host's.
    """

    quotas: dict[str, int | None]


@router.get("/quotas", responses=answers(QuotasView))
async def show(host: Host, caller: Reader) -> Response:
    """Show the tenant's own quotas, and what is used of them."""
    return answer(await host.quotas.of(caller.tenant))


@router.get("/tenants/{name}/quotas", responses=answers(QuotasView))
async def show_tenant(host: Host, caller: Operator, name: str) -> Response:
    """Show a tenant's quotas, and what is used of them."""
    return answer(await host.quotas.of(name))


@router.put(
    "/tenants/{name}/quotas", responses=answers(QuotasView), openapi_extra=takes(QuotasRequest)
)
async def set_tenant(request: Request, host: Host, caller: Operator, name: str) -> Response:
    """Set a tenant's quotas, all of them at once; other hosts know of it in seconds."""
    wanted = await body_of(request, QuotasRequest)
    return answer(await host.quotas.set(wanted.quotas, tenant=name, actor=caller.key_name))
