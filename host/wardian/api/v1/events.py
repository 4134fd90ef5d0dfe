"""Events: published, listed and streamed as CloudEvents; who receives them; dead letters."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from wardian.api.answers import answer, answers, schema_of, takes
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, Invoker, Reader, still_holds
from wardian.api.streams import STREAMED, Streams, Wanted
from wardian.errors import InvalidArguments
from wardian.events.cloud import MEDIA_TYPE, CloudEvent, cloud_event
from wardian.events.events import PAGE_MAX
from wardian.events.topics import check_pattern
from wardian.runtime.deliveries import PAGE_MAX as DEAD_MAX
from wardian.runtime.deliveries import DeadLettersPage, SubscriberView
from wardian.telemetry.steps import published
from wardian.tenants import Scope

STREAM_TYPE = "text/event-stream"
POSITION_MAX = 2**63 - 1

router = APIRouter(prefix="/events", tags=["events"])

Topic = Annotated[
    str, Query(description="A topic, with `*` for any run of characters: `orders.*`.")
]
Before = Annotated[
    int | None, Query(ge=0, le=POSITION_MAX, description="`next` of the page before.")
]


class PublishRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An event to publish; those of one `key` are delivered in order."""

    topic: str
    data: Any = None
    key: str | None = None


class EventsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Some events, the newest first; `next` asks for those before them."""

    events: list[CloudEvent]
    next: int | None


class DeadLettersRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The ids of dead letters."""

    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=DEAD_MAX)]


@router.get("", responses=answers(EventsAnswer))
async def list_events(
    host: Host,
    caller: Reader,
    topic: Topic = "*",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    before: Before = None,
) -> Response:
    """List the tenant's events, the newest first.

    A page may have fewer than `limit` while there are more: then `next` is there.
    """
    page = await host.events.page(caller.tenant, topic, limit=limit, before=before)
    return answer(EventsAnswer(events=list(map(cloud_event, page.events)), next=page.next))


@router.post(
    "",
    status_code=201,
    responses={
        201: {
            "description": "Published.",
            "content": {MEDIA_TYPE: {"schema": schema_of(CloudEvent)}},
        }
    },
    openapi_extra=takes(PublishRequest),
)
async def publish(request: Request, host: Host, caller: Invoker) -> Response:
    """Publish an event; it is stored when this answers, and delivered after that.

    With one key, and by one tenant, so many a second are taken; then the answer is `429`.
    """
    wanted = await body_of(request, PublishRequest)
    event = await host.bus.publish(
        wanted.topic,
        wanted.data,
        key=wanted.key,
        tenant=caller.tenant,
        actor=caller.key_name,
        key_id=caller.key_id,
        correlation_id=request.state.request_id,
    )
    published(event.id)
    return Response(msgspec.json.encode(cloud_event(event)), 201, media_type=MEDIA_TYPE)


@router.get(
    "/stream",
    responses={
        200: {
            "description": "Server-Sent Events, each a CloudEvent, until the client closes.",
            "content": {STREAM_TYPE: STREAMED},
        }
    },
)
async def stream(
    request: Request,
    host: Host,
    caller: Reader,
    topic: Topic = "*",
    after: Annotated[
        int | None,
        Query(ge=0, le=POSITION_MAX, description="Begin after this `sequence`, and not now."),
    ] = None,
) -> Response:
    """Stream the tenant's events, in order, from now on or from where a stream ended before.

    A client that comes back with `Last-Event-ID` misses nothing that is still kept.
    """
    check_pattern(topic)
    streams: Streams = request.app.state.streams
    streams.check_room(caller)
    position = _last_event_id(request)
    if position is None:
        position = after
    if position is None:
        position = await host.events.newest_position(caller.tenant)
    wanted = Wanted(tenant=caller.tenant, pattern=topic, after=position)
    messages = streams.messages(
        host.events, caller, wanted, still_holds(request, caller, Scope.READ)
    )
    return StreamingResponse(messages, media_type=STREAM_TYPE)


@router.get("/subscribers", responses=answers(list[SubscriberView]))
async def list_subscribers(host: Host, caller: Reader, paging: InPages) -> Response:
    """List the plugins that receive events, and how many wait for each."""
    found = await host.deliveries.subscribers(tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.plugin,))


@router.post("/subscribers/{name}/pause", responses=answers(list[SubscriberView]))
async def pause(host: Host, caller: Admin, name: str) -> Response:
    """Hold back the events that wait for a plugin; more are queued meanwhile."""
    await host.deliveries.set_paused(name, True, tenant=caller.tenant, actor=caller.key_name)
    return answer(await host.deliveries.subscribers(tenant=caller.tenant))


@router.post("/subscribers/{name}/resume", responses=answers(list[SubscriberView]))
async def resume(host: Host, caller: Admin, name: str) -> Response:
    """Deliver again what waits for a plugin."""
    await host.deliveries.set_paused(name, False, tenant=caller.tenant, actor=caller.key_name)
    return answer(await host.deliveries.subscribers(tenant=caller.tenant))


@router.get("/dead", responses=answers(DeadLettersPage))
async def list_dead_letters(
    host: Host,
    caller: Admin,
    plugin: Annotated[str | None, Query(description="Only those of this plugin.")] = None,
    limit: Annotated[int, Query(ge=1, le=DEAD_MAX)] = 50,
    before: Before = None,
) -> Response:
    """List the events that plugins did not handle, those given up last first."""
    page = await host.deliveries.dead(
        plugin=plugin, limit=limit, before=before, tenant=caller.tenant
    )
    return answer(page)


@router.post(
    "/dead/requeue",
    status_code=204,
    openapi_extra=takes(DeadLettersRequest),
    response_class=Response,
)
async def requeue(request: Request, host: Host, caller: Admin) -> Response:
    """Have dead letters delivered again; all of them, or none if one is not there."""
    wanted = await body_of(request, DeadLettersRequest)
    await host.deliveries.requeue(wanted.ids, tenant=caller.tenant, actor=caller.key_name)
    return Response(status_code=204)


@router.post(
    "/dead/discard",
    status_code=204,
    openapi_extra=takes(DeadLettersRequest),
    response_class=Response,
)
async def discard(request: Request, host: Host, caller: Admin) -> Response:
    """Remove dead letters; all of them, or none if one is not there."""
    wanted = await body_of(request, DeadLettersRequest)
    await host.deliveries.discard(wanted.ids, tenant=caller.tenant, actor=caller.key_name)
    return Response(status_code=204)


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id")
    if text is None:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(POSITION_MAX))
    if not is_number or int(text) > POSITION_MAX:
        raise InvalidArguments(
            "The header Last-Event-ID is not the id of an event of a stream.", path="Last-Event-ID"
        )
    return int(text)
