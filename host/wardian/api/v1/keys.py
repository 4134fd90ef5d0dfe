"""API keys of the caller's tenant; a token is shown once, when its key is made."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, SettingsInForce
from wardian.api.preconditions import KeysMatch, tag_of
from wardian.errors import Forbidden
from wardian.storage.revisions import Kind
from wardian.tenants import KeyView, NewKey

router = APIRouter(prefix="/keys", tags=["keys"])


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A key to make. Only an administrator of the default tenant may name another tenant."""

    name: str
    scopes: list[str]
    tenant: str | None = None


@router.get("", responses=answers(list[KeyView]))
async def list_keys(host: Host, caller: Admin, paging: InPages) -> Response:
    """List the tenant's keys, without their tokens."""
    tag = await tag_of(host, caller.tenant, Kind.KEYS)
    found = await host.keys.list(caller.tenant)
    return page_of(found, paging, lambda each: (each.created_at.isoformat(), each.id), tag)


@router.post(
    "",
    status_code=201,
    responses=answers(NewKey, 201, "Made; the token is not shown again."),
    openapi_extra=takes(KeyRequest),
)
async def create_key(
    request: Request, host: Host, caller: Admin, settings: SettingsInForce
) -> Response:
    """Make a key."""
    wanted = await body_of(request, KeyRequest)
    tenant = wanted.tenant or caller.tenant
    if tenant != caller.tenant and caller.tenant != settings.default_tenant:
        raise Forbidden(
            f"Only an administrator of the tenant {settings.default_tenant!r} may make keys of "
            "other tenants."
        )
    made = await host.keys.create(wanted.name, wanted.scopes, tenant, actor=caller.key_name)
    return answer(made, 201)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(host: Host, caller: Admin, _: KeysMatch, key_id: str) -> Response:
    """Revoke a key; it is refused from the next request on. `If-Match` has the list's `ETag`."""
    await host.keys.revoke(key_id, caller.tenant, actor=caller.key_name)
    return Response(status_code=204)
