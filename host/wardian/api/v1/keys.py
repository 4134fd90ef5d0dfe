"""API keys of the caller's tenant; a token is shown once, when its key is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, SettingsInForce
from wardian.api.preconditions import KeysMatch, tag_of
from wardian.errors import Forbidden
from wardian.runtime.host import PluginHost
from wardian.storage.revisions import Kind
from wardian.tenants import Caller, KeyChange, KeyTerms, KeyView, NewKey
from wardian.tenants.keys import OVERLAP, OVERLAP_MAX
from wardian.tenants.terms import LIFE_MAX, check_may_give

router = APIRouter(prefix="/keys", tags=["keys"])

Life = Annotated[float, msgspec.Meta(gt=0, le=LIFE_MAX.total_seconds())]
Overlap = Annotated[float, msgspec.Meta(ge=0, le=OVERLAP_MAX.total_seconds())]


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A key to make. Only an administrator of the default tenant may name another tenant.

    It expires at a moment or in so many seconds; unless either is there, as
    `WARDIAN_KEY_DAYS_MAX` says. `rate` is its own bound on requests, such as `600/minute`.
    `plugins` are those that it may call and read about, and nothing else; `networks` are those that
    it may be used from.
    """

    name: str
    scopes: list[str]
    tenant: str | None = None
    description: str = ""
    expires_at: datetime | None = None
    expires_in: Life | None = None
    rate: str | None = None
    plugins: list[str] | None = None
    networks: list[str] | None = None


class KeyRotation(msgspec.Struct, forbid_unknown_fields=True):
    """How long the token before holds beside the new one, and when the key expires.

    Unless that is said, one that did expire gets as long a life as it had.
    """

    overlap_seconds: Overlap = OVERLAP.total_seconds()
    expires_at: datetime | None = None
    expires_in: Life | None = None


class KeyChangeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What of a key is to be another; what is left out stays. An empty `rate` is none of its
    own."""

    description: str | None = None
    rate: str | None = None


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
    check_may_give(caller, wanted.scopes, wanted.networks)
    terms = KeyTerms(
        description=wanted.description,
        expires_at=wanted.expires_at,
        expires_in=_seconds(wanted.expires_in),
        rate=wanted.rate,
        plugins=wanted.plugins,
        networks=wanted.networks,
    )
    made = await host.keys.create(wanted.name, wanted.scopes, tenant, terms, actor=caller.key_name)
    return answer(made, 201)


@router.patch("/{key_id}", responses=answers(KeyView), openapi_extra=takes(KeyChangeRequest))
async def change_key(request: Request, host: Host, caller: Admin, key_id: str) -> Response:
    """Describe a key otherwise, or bound it otherwise."""
    asked = await body_of(request, KeyChangeRequest)
    wanted = KeyChange(description=asked.description, rate=asked.rate)
    return answer(await host.keys.change(key_id, caller.tenant, wanted, actor=caller.key_name))


@router.post(
    "/{key_id}/rotate",
    responses=answers(NewKey, 200, "It has another token, which is not shown again."),
    openapi_extra=takes(KeyRotation),
)
async def rotate_key(request: Request, host: Host, caller: Admin, key_id: str) -> Response:
    """Give a key another token; the one before holds beside it for a while."""
    wanted = await body_of(request, KeyRotation)
    await _check_may_rotate(host, caller, key_id)
    made = await host.keys.rotate(
        key_id,
        caller.tenant,
        KeyTerms(expires_at=wanted.expires_at, expires_in=_seconds(wanted.expires_in)),
        overlap=timedelta(seconds=wanted.overlap_seconds),
        actor=caller.key_name,
    )
    return answer(made)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(host: Host, caller: Admin, _: KeysMatch, key_id: str) -> Response:
    """Revoke a key; it is refused from the next request on. `If-Match` has the list's `ETag`."""
    await host.keys.revoke(key_id, caller.tenant, actor=caller.key_name)
    return Response(status_code=204)


async def _check_may_rotate(host: PluginHost, caller: Caller, key_id: str) -> None:
    """Check that nobody has a token of a key that it could not have made."""
    found = [each for each in await host.keys.list(caller.tenant) if each.id == key_id]
    for key in found:
        check_may_give(caller, key.scopes, key.networks)


def _seconds(life: float | None) -> timedelta | None:
    return None if life is None else timedelta(seconds=life)
