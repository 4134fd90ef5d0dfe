"""Publishers: whom the tenant trusts to sign which plugins, their keys and their lists."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import PublisherMatch, tag_of
from wardian.runtime.trust_views import PublisherView
from wardian.storage.revisions import Kind

router = APIRouter(prefix="/publishers", tags=["trust"])

_SIGNED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class PublisherRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A publisher to trust: which `plugins` it may sign (`acme-*`), and its keys (`ed25519:…`)."""

    name: str
    plugins: list[str]
    keys: list[str] = []


class PublisherKeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Another public key of the publisher's, as `wardian keygen` prints it."""

    public_key: str


class ReasonRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why."""

    reason: str = ""


@router.get("", responses=answers(list[PublisherView]))
async def list_publishers(host: Host, caller: Reader, paging: InPages) -> Response:
    """List the tenant's publishers with their keys and lists of revocations."""
    found = await host.publishers.list(tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.name,))


@router.post(
    "",
    status_code=201,
    responses=answers(PublisherView, 201, "Trusted."),
    openapi_extra=takes(PublisherRequest),
)
async def add_publisher(request: Request, host: Host, caller: Admin) -> Response:
    """Let a publisher sign plugins."""
    wanted = await body_of(request, PublisherRequest)
    view = await host.publishers.add(
        wanted.name,
        wanted.plugins,
        wanted.keys,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view, 201)


@router.get("/{name}", responses=answers(PublisherView))
async def show_publisher(host: Host, caller: Reader, name: str) -> Response:
    """Show one publisher."""
    tag = await tag_of(host, caller.tenant, Kind.PUBLISHER, of_name=name)
    return answer(await host.publishers.show(name, tenant=caller.tenant), headers=tag)


@router.delete("/{name}", status_code=204)
async def remove_publisher(host: Host, caller: Admin, _: PublisherMatch, name: str) -> Response:
    """Trust a publisher no more; its plugins are quarantined."""
    await host.publishers.remove(name, tenant=caller.tenant, actor=caller.key_name)
    return Response(status_code=204)


@router.post(
    "/{name}/keys",
    status_code=201,
    responses=answers(PublisherView, 201, "Added."),
    openapi_extra=takes(PublisherKeyRequest),
)
async def add_key(
    request: Request, host: Host, caller: Admin, _: PublisherMatch, name: str
) -> Response:
    """Let a publisher sign with another key."""
    wanted = await body_of(request, PublisherKeyRequest)
    view = await host.publishers.add_key(
        name, wanted.public_key, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view, 201)


@router.post(
    "/{name}/keys/{key_id}/retire",
    responses=answers(PublisherView),
    openapi_extra=takes(ReasonRequest, required=False),
)
async def retire_key(
    request: Request, host: Host, caller: Admin, _: PublisherMatch, name: str, key_id: str
) -> Response:
    """Take nothing new that is signed with a key; what is installed goes on."""
    wanted = await body_of(request, ReasonRequest)
    view = await host.publishers.retire_key(
        name, key_id, wanted.reason, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)


@router.post(
    "/{name}/keys/{key_id}/revoke",
    responses=answers(PublisherView),
    openapi_extra=takes(ReasonRequest, required=False),
)
async def revoke_key(
    request: Request, host: Host, caller: Admin, _: PublisherMatch, name: str, key_id: str
) -> Response:
    """Run nothing that is signed with a key, for ever; plugins that are get quarantined."""
    wanted = await body_of(request, ReasonRequest)
    view = await host.publishers.revoke_key(
        name, key_id, wanted.reason, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)


@router.post("/{name}/rotate", responses=answers(PublisherView), openapi_extra=_SIGNED)
async def rotate(
    request: Request, host: Host, caller: Admin, _: PublisherMatch, name: str
) -> Response:
    """Take a publisher's next key: the body is the statement that `wardian keygen` wrote."""
    statement = await request.body()
    view = await host.publishers.rotate(
        name, statement, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)


@router.put("/{name}/revocations", responses=answers(PublisherView), openapi_extra=_SIGNED)
async def put_list(
    request: Request, host: Host, caller: Admin, _: PublisherMatch, name: str
) -> Response:
    """Take a publisher's newest list of revocations, signed by it; what it is of is quarantined."""
    content = await request.body()
    view = await host.revocations.receive(
        name, content, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)
