"""Trust: the tenant's policy, and what its operator revokes."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import TrustPolicyMatch, tag_of
from wardian.runtime.trust_views import RevocationView, TrustPolicyView
from wardian.storage.revisions import Kind

router = APIRouter(tags=["trust"])


class TrustPolicyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What changes: `unsigned` is `allow`, `warn` or `refuse`, `stale` one of the last two."""

    unsigned: str | None = None
    stale: str | None = None


class RevocationRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What must not run any more: a package by its `sha256`, or `versions` of the plugin `name`.

    `versions` are one version, a range such as `>=1.0, <1.3`, or `*`.
    """

    reason: str
    sha256: str | None = None
    name: str | None = None
    versions: str | None = None


@router.get("/trust/policy", responses=answers(TrustPolicyView))
async def show_policy(host: Host, caller: Reader) -> Response:
    """Show what the tenant does about unsigned packages and about lists that have expired."""
    tag = await tag_of(host, caller.tenant, Kind.TRUST_POLICY)
    return answer(await host.trust.show(tenant=caller.tenant), headers=tag)


@router.put(
    "/trust/policy", responses=answers(TrustPolicyView), openapi_extra=takes(TrustPolicyRequest)
)
async def set_policy(request: Request, host: Host, caller: Admin, _: TrustPolicyMatch) -> Response:
    """Change the policy; installed plugins that it refuses are quarantined."""
    wanted = await body_of(request, TrustPolicyRequest)
    view = await host.trust.set(
        unsigned=wanted.unsigned,
        stale=wanted.stale,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view)


@router.get("/revocations", responses=answers(list[RevocationView]))
async def list_revocations(host: Host, caller: Reader, paging: InPages) -> Response:
    """List what the operator revoked; publishers' own lists are shown with them."""
    found = await host.revocations.list(tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.revoked_at.isoformat(), each.id))


@router.post(
    "/revocations",
    status_code=201,
    responses=answers(RevocationView, 201, "Revoked."),
    openapi_extra=takes(RevocationRequest),
)
async def revoke(request: Request, host: Host, caller: Admin) -> Response:
    """Revoke a package or versions of a plugin; what runs of it is ended and quarantined."""
    wanted = await body_of(request, RevocationRequest)
    view = await host.revocations.add(
        reason=wanted.reason,
        sha256=wanted.sha256,
        name=wanted.name,
        versions=wanted.versions,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view, 201)


@router.delete("/revocations/{revocation_id}", status_code=204)
async def remove_revocation(host: Host, caller: Admin, revocation_id: str) -> Response:
    """Take a revocation back; what it quarantined stays so until it is disabled and enabled."""
    await host.revocations.remove(revocation_id, tenant=caller.tenant, actor=caller.key_name)
    return Response(status_code=204)
