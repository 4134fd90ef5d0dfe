"""OAuth: the connections of a plugin to the providers that its manifest names."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.runtime.oauth import ConnectionView, DisconnectedView, StartedView

router = APIRouter(prefix="/plugins/{name}/oauth", tags=["oauth"])


class StartRequest(msgspec.Struct, forbid_unknown_fields=True):
    """How to connect; everything may be left out.

    `client` is the credential that is the OAuth client, `PROVIDER-client` unless given; `origins`
    say where the tokens may go, those of the client unless given; `accept_fewer` takes a connection
    for which the provider grants fewer scopes than the plugin asks for.
    """

    client: str | None = None
    origins: list[str] = []
    accept_fewer: bool = False


@router.get("", responses=answers(list[ConnectionView]))
async def list_connections(host: Host, caller: Reader, name: str, paging: InPages) -> Response:
    """List the providers that a plugin's manifest names, and how it is connected to each."""
    found = await host.connections.list(name, tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.provider,))


@router.post(
    "/{provider}/start",
    responses=answers(StartedView),
    openapi_extra=takes(StartRequest, required=False),
)
async def start(request: Request, host: Host, caller: Admin, name: str, provider: str) -> Response:
    """Begin to connect a plugin; somebody has to open the address in a browser, and consent."""
    wanted = await body_of(request, StartRequest)
    view = await host.oauth_flows.start(
        name,
        provider,
        client=wanted.client,
        origins=wanted.origins,
        accept_fewer=wanted.accept_fewer,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view)


@router.delete("/{provider}", responses=answers(DisconnectedView))
async def disconnect(host: Host, caller: Admin, name: str, provider: str) -> Response:
    """End a connection: its tokens are revoked, if the provider can, and forgotten in any case."""
    view = await host.connections.disconnect(
        name, provider, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)
