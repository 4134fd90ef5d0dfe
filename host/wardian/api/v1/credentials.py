"""Credentials: values go in and never come out; lists and answers tell everything else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host
from wardian.api.preconditions import CredentialMatch, tag_of
from wardian.runtime.credentials import CredentialOrder
from wardian.storage.revisions import Kind
from wardian.vault import CredentialView

router = APIRouter(prefix="/credentials", tags=["credentials"])

OfPlugin = Annotated[
    str | None, Query(description="The plugin whose own it is; unless given, the tenant's.")
]
OnlyOfPlugin = Annotated[str | None, Query(description="Only those that are this plugin's own.")]

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class CredentialValue(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a credential is: its `kind`, and the `fields` that the kind has.

    It goes to its `origins` and nowhere else, so they are given anew with each new value.
    `placement` is how it is put into a request, if not in the way that is usual for its kind.
    """

    kind: str
    fields: dict[str, str | list[str]]
    origins: list[str] = []
    placement: dict[str, Any] | None = None
    expires_at: Moment | None = None
    rotate_days: int | None = None
    description: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}([secret])"


class CredentialRequest(CredentialValue, forbid_unknown_fields=True, kw_only=True):
    """A credential to add: of the `plugin`, or of the tenant, so that its plugins share it."""

    name: str
    plugin: str | None = None


@router.get("", responses=answers(list[CredentialView]))
async def list_credentials(
    host: Host, caller: Admin, paging: InPages, plugin: OnlyOfPlugin = None
) -> Response:
    """List the tenant's credentials, with what is due of them; none of their values."""
    found = await host.credentials.list(plugin=plugin, tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.name, each.plugin or ""))


@router.post(
    "",
    status_code=201,
    responses=answers(CredentialView, 201, "Added."),
    openapi_extra=takes(CredentialRequest),
)
async def add_credential(request: Request, host: Host, caller: Admin) -> Response:
    """Add a credential."""
    wanted = await body_of(request, CredentialRequest)
    view = await host.credentials.set(
        _order(wanted, wanted.name, wanted.plugin),
        is_new=True,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view, 201)


@router.get("/{name}", responses=answers(CredentialView))
async def show_credential(
    host: Host, caller: Admin, name: str, plugin: OfPlugin = None
) -> Response:
    """Show one credential without its value."""
    subject = {"of_name": name, "of_owner": plugin or ""}
    tag = await tag_of(host, caller.tenant, Kind.CREDENTIAL, **subject)
    view = await host.credentials.show(name, plugin=plugin, tenant=caller.tenant)
    return answer(view, headers=tag)


@router.put("/{name}", responses=answers(CredentialView), openapi_extra=takes(CredentialValue))
async def set_credential(
    request: Request,
    host: Host,
    caller: Admin,
    _: CredentialMatch,
    name: str,
    plugin: OfPlugin = None,
) -> Response:
    """Set a credential, whether there is one of this name or not."""
    wanted = await body_of(request, CredentialValue)
    view = await host.credentials.set(
        _order(wanted, name, plugin), tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)


@router.delete("/{name}", status_code=204)
async def remove_credential(
    host: Host, caller: Admin, _: CredentialMatch, name: str, plugin: OfPlugin = None
) -> Response:
    """Remove a credential."""
    await host.credentials.remove(name, plugin=plugin, tenant=caller.tenant, actor=caller.key_name)
    return Response(status_code=204)


def _order(wanted: CredentialValue, name: str, plugin: str | None) -> CredentialOrder:
    return CredentialOrder(
        name=name,
        kind=wanted.kind,
        fields=wanted.fields,
        plugin=plugin,
        origins=wanted.origins,
        placement=wanted.placement,
        expires_at=wanted.expires_at,
        rotate_days=wanted.rotate_days,
        description=wanted.description,
    )
