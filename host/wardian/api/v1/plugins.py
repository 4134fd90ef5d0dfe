"""Plugins: install, look, enable, disable, uninstall."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.bodies import FORM_TYPE, PACKAGE_TYPES, SIGNATURE_HEADER, upload_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import PluginMatch, tag_of
from wardian.api.v1.dependencies import CascadeToDependents, CascadeToNeeds, Uninstalled
from wardian.runtime.host import CheckView, PluginView, SwitchedView
from wardian.storage.revisions import Kind

router = APIRouter(prefix="/plugins", tags=["plugins"])

_BINARY = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "required": ["package"],
    "properties": {"package": _BINARY, "signature": _BINARY},
}
PACKAGE = {
    "parameters": [
        {
            "name": SIGNATURE_HEADER,
            "in": "header",
            "description": "The package's detached signature, in base64.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": _BINARY} for kind in PACKAGE_TYPES}
        | {FORM_TYPE: {"schema": _FORM}},
    },
}


@router.post(
    "", status_code=201, responses=answers(PluginView, 201, "Installed."), openapi_extra=PACKAGE
)
async def install(  # noqa: PLR0913, PLR0917 -- a request's parameters are its arguments
    request: Request,
    host: Host,
    caller: Admin,
    grant: Annotated[list[str] | None, Query(description="A permission, or `all`.")] = None,
    enable: bool = True,
    allow_older: bool = False,
    allow_other_publisher: bool = False,
) -> Response:
    """Install a `.wardian` package, sent as the body or as the file `package` of a form.

    A signature is the form's file `signature`, or the header.
    """
    upload = await upload_of(request)
    view = await host.install(
        upload.package,
        signature=upload.signature,
        grants="all" if grant == ["all"] else grant or (),
        enable=enable,
        allow_older=allow_older,
        allow_other_publisher=allow_other_publisher,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    location = f"{request.scope.get('root_path', '')}/api/v1/plugins/{quote(view.name, safe='')}"
    return answer(view, 201, {"Location": location})


@router.get("", responses=answers(list[PluginView]))
async def list_plugins(host: Host, caller: Reader, paging: InPages) -> Response:
    """List the tenant's plugins."""
    found = await host.plugins(tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.name,))


@router.get("/{name}", responses=answers(PluginView))
async def show(host: Host, caller: Reader, name: str) -> Response:
    """Show one plugin."""
    tag = await tag_of(host, caller.tenant, Kind.PLUGIN, of_name=name)
    return answer(await host.plugin(name, tenant=caller.tenant), headers=tag)


@router.delete("/{name}", status_code=204, responses=answers(Uninstalled))
async def uninstall(
    host: Host, caller: Admin, _: PluginMatch, name: str, cascade: CascadeToDependents = False
) -> Response:
    """Uninstall a plugin; its stored values, configuration and grants go with it.

    With `cascade` the answer is 200 and says what was uninstalled, in order.
    """
    gone = await host.uninstall(name, cascade=cascade, tenant=caller.tenant, actor=caller.key_name)
    return answer(Uninstalled(uninstalled=list(gone))) if cascade else Response(status_code=204)


@router.post("/{name}/enable", responses=answers(SwitchedView))
async def enable(
    host: Host, caller: Admin, _: PluginMatch, name: str, cascade: CascadeToNeeds = False
) -> Response:
    """Let a plugin take calls."""
    view = await host.enable(name, cascade=cascade, tenant=caller.tenant, actor=caller.key_name)
    return answer(view)


@router.post("/{name}/disable", responses=answers(SwitchedView))
async def disable(
    host: Host, caller: Admin, _: PluginMatch, name: str, cascade: CascadeToDependents = False
) -> Response:
    """Let a plugin take no more calls, until it is enabled again."""
    view = await host.disable(name, cascade=cascade, tenant=caller.tenant, actor=caller.key_name)
    return answer(view)


@router.post("/{name}/health", responses=answers(CheckView))
async def check_health(host: Host, caller: Admin, name: str) -> Response:
    """Check now how a plugin feels, and act on the answer as the schedule would."""
    return answer(await host.check_health(name, tenant=caller.tenant))
