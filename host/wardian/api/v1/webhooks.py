"""Endpoints of host apps: where the tenant's events are posted to, signed; Standard Webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Host, WebhookOwner
from wardian.api.preconditions import EndpointMatch, tag_of
from wardian.runtime.endpoints import (
    AttemptsPage,
    AttemptView,
    EndpointChange,
    EndpointOrder,
    EndpointView,
    NewEndpoint,
    UndeliveredPage,
)
from wardian.runtime.endpoints.backlog import PAGE_MAX
from wardian.runtime.endpoints.endpoints import OVERLAP, OVERLAP_MAX
from wardian.storage.revisions import Kind

POSITION_MAX = 2**63 - 1

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Before = Annotated[
    int | None, Query(ge=0, le=POSITION_MAX, description="`next` of the page before.")
]
Overlap = Annotated[float, msgspec.Meta(ge=0, le=OVERLAP_MAX.total_seconds())]


class EndpointRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An endpoint to register: an address, and patterns of the events that are posted to it."""

    url: str
    topics: list[str]
    description: str = ""


class EndpointChangeRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What of an endpoint is to be another; what is left out stays.

    `key_id` hands it to another API key, whose rights it has from then on; for administrators.
    """

    url: str | None = None
    topics: list[str] | None = None
    description: str | None = None
    key_id: str | None = None


class SecretRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How long deliveries are signed with the secret before, too; a week at most."""

    overlap_seconds: Overlap = OVERLAP.total_seconds()


class LettersRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The ids of dead letters."""

    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=PAGE_MAX)]


@router.get("", responses=answers(list[EndpointView]))
async def list_endpoints(host: Host, caller: WebhookOwner, paging: InPages) -> Response:
    """List the endpoints of the caller's key; an administrator's are all of the tenant."""
    found = await host.webhooks.endpoints.list(caller=caller)
    return page_of(found, paging, lambda each: (each.created_at.isoformat(), each.id))


@router.post(
    "",
    status_code=201,
    responses=answers(NewEndpoint, 201, "Registered; the secret is not shown again."),
    openapi_extra=takes(EndpointRequest),
)
async def register_endpoint(request: Request, host: Host, caller: WebhookOwner) -> Response:
    """Have events posted to an address, from now on."""
    wanted = await body_of(request, EndpointRequest)
    order = EndpointOrder(url=wanted.url, topics=wanted.topics, description=wanted.description)
    return answer(await host.webhooks.endpoints.register(order, caller=caller), 201)


@router.get("/{endpoint_id}", responses=answers(EndpointView))
async def show_endpoint(host: Host, caller: WebhookOwner, endpoint_id: str) -> Response:
    """Show one endpoint, and how it is doing."""
    tag = await tag_of(host, caller.tenant, Kind.ENDPOINT, of_id=endpoint_id)
    return answer(await host.webhooks.endpoints.get(endpoint_id, caller=caller), headers=tag)


@router.patch(
    "/{endpoint_id}",
    responses=answers(EndpointView),
    openapi_extra=takes(EndpointChangeRequest),
)
async def change_endpoint(
    request: Request, host: Host, caller: WebhookOwner, _: EndpointMatch, endpoint_id: str
) -> Response:
    """Change an endpoint; what waits for it goes to its new address."""
    wanted = await body_of(request, EndpointChangeRequest)
    change = EndpointChange(
        url=wanted.url,
        topics=wanted.topics,
        description=wanted.description,
        key_id=wanted.key_id,
    )
    return answer(await host.webhooks.endpoints.change(endpoint_id, change, caller=caller))


@router.delete("/{endpoint_id}", status_code=204)
async def remove_endpoint(
    host: Host, caller: WebhookOwner, _: EndpointMatch, endpoint_id: str
) -> Response:
    """Remove an endpoint, and all that waits for it."""
    await host.webhooks.endpoints.remove(endpoint_id, caller=caller)
    return Response(status_code=204)


@router.post("/{endpoint_id}/enable", responses=answers(EndpointView))
async def enable_endpoint(
    host: Host, caller: WebhookOwner, _: EndpointMatch, endpoint_id: str
) -> Response:
    """Deliver to an endpoint again, what waits for it first."""
    return answer(await host.webhooks.endpoints.enable(endpoint_id, caller=caller))


@router.post("/{endpoint_id}/disable", responses=answers(EndpointView))
async def disable_endpoint(
    host: Host, caller: WebhookOwner, _: EndpointMatch, endpoint_id: str
) -> Response:
    """Deliver nothing to an endpoint; what is queued for it waits, and no more is."""
    return answer(await host.webhooks.endpoints.disable(endpoint_id, caller=caller))


@router.post("/{endpoint_id}/ping", responses=answers(AttemptView))
async def ping_endpoint(host: Host, caller: WebhookOwner, endpoint_id: str) -> Response:
    """Post a signed event `endpoint.ping` now, once, and tell how that went."""
    return answer(await host.webhooks.endpoints.ping(endpoint_id, caller=caller))


@router.post(
    "/{endpoint_id}/secret",
    responses=answers(NewEndpoint, 200, "Replaced; the new secret is not shown again."),
    openapi_extra=takes(SecretRequest),
)
async def rotate_secret(
    request: Request, host: Host, caller: WebhookOwner, _: EndpointMatch, endpoint_id: str
) -> Response:
    """Make a new secret; for a time, deliveries have a signature by the one before as well."""
    wanted = await body_of(request, SecretRequest)
    overlap = timedelta(seconds=wanted.overlap_seconds)
    return answer(await host.webhooks.endpoints.rotate(endpoint_id, overlap=overlap, caller=caller))


@router.get("/{endpoint_id}/attempts", responses=answers(AttemptsPage))
async def list_attempts(
    host: Host, caller: WebhookOwner, endpoint_id: str, limit: Limit = 50, before: Before = None
) -> Response:
    """List the last attempts to post to an endpoint, the newest first."""
    page = await host.webhooks.backlog.attempts(
        endpoint_id, limit=limit, before=before, caller=caller
    )
    return answer(page)


@router.get("/{endpoint_id}/dead", responses=answers(UndeliveredPage))
async def list_undelivered(
    host: Host, caller: WebhookOwner, endpoint_id: str, limit: Limit = 50, before: Before = None
) -> Response:
    """List the events that an endpoint did not take, those given up last first."""
    page = await host.webhooks.backlog.dead(endpoint_id, limit=limit, before=before, caller=caller)
    return answer(page)


@router.post(
    "/{endpoint_id}/dead/requeue",
    status_code=204,
    openapi_extra=takes(LettersRequest),
    response_class=Response,
)
async def requeue_undelivered(
    request: Request, host: Host, caller: WebhookOwner, endpoint_id: str
) -> Response:
    """Have dead letters delivered again; all of them, or none if one is not there."""
    wanted = await body_of(request, LettersRequest)
    await host.webhooks.backlog.requeue(endpoint_id, wanted.ids, caller=caller)
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/dead/discard",
    status_code=204,
    openapi_extra=takes(LettersRequest),
    response_class=Response,
)
async def discard_undelivered(
    request: Request, host: Host, caller: WebhookOwner, endpoint_id: str
) -> Response:
    """Remove dead letters; all of them, or none if one is not there."""
    wanted = await body_of(request, LettersRequest)
    await host.webhooks.backlog.discard(endpoint_id, wanted.ids, caller=caller)
    return Response(status_code=204)
