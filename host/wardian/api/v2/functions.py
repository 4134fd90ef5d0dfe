"""The call, with what it spent of its limits: answered, streamed while it runs, or made a job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as RequestScope

from wardian.api.answers import LARGE_OUTPUT, answer
from wardian.api.bodies import body_of
from wardian.api.calling import called, kept_since, while_connected
from wardian.api.dependencies import invoker_of
from wardian.api.identity import trace_of
from wardian.api.problems import described, respond
from wardian.api.streams import HEARTBEAT_SECONDS, Streams
from wardian.api.v2.messages import HEARTBEAT, Bell, MessageStream, message, message_of
from wardian.api.v2.outcomes import call_answer, call_problem
from wardian.api.v2.preferences import RESPOND_ASYNC, Wish, wish_of
from wardian.errors import CallError, InvalidArguments, WardianError
from wardian.runtime.call_lines import lines_of_call
from wardian.runtime.host import CallOutcome, PluginHost
from wardian.runtime.jobs import JobOrder
from wardian.tenants import Caller

CALL_PATH = "/api/v2/plugins/{name}/functions/{function:path}"
JOB_PATH = "/api/v2/jobs/{id}"


class CallRequestV2(msgspec.Struct, forbid_unknown_fields=True):
    """A call: arguments by the function's parameter names, and limits to lower.

    With ``Prefer: respond-async`` it may say how often it may be run again (``retry``) if its host
    is lost in the middle, and name an endpoint (``notify``) that is told of its end.
    """

    arguments: dict[str, Any] = {}
    limits: dict[str, Any] | None = None
    retry: int | None = None
    notify: str | None = None


class CallEndpoint:
    """The ASGI endpoint of a call, as that of version 1."""

    async def __call__(self, scope: RequestScope, receive: Receive, send: Send) -> None:
        response = await _respond(Request(scope, receive))
        await response(scope, receive, send)


call_route = Route(CALL_PATH, CallEndpoint(), methods=["POST"], name="call-v2")


async def _respond(request: Request) -> Response:
    caller = await invoker_of(request)
    wanted = await body_of(request, CallRequestV2)
    wish = wish_of(request.scope)
    if wish is Wish.QUEUED:
        return await _queued(request, caller, wanted)
    if wanted.retry is not None or wanted.notify is not None:
        name = "notify" if wanted.retry is None else "retry"
        raise InvalidArguments(
            f"{name!r} is for jobs: send the header `Prefer: {RESPOND_ASYNC}` with it.", path=name
        )
    if wish is Wish.STREAMED:
        return await MessageStream.begun(_streamed(request, caller, wanted))
    return await _answered(request, caller, wanted)


async def _answered(request: Request, caller: Caller, wanted: CallRequestV2) -> Response:
    began = time.perf_counter()
    call = called(request, caller, wanted.arguments, wanted.limits)
    try:
        ended: CallOutcome | CallError = await while_connected(request.receive, call)
    except CallError as error:
        ended = error
    seconds = time.perf_counter() - began
    if _output_bytes(ended) > LARGE_OUTPUT:
        return await asyncio.to_thread(_made, request, ended, seconds)
    return _made(request, ended, seconds)


def _output_bytes(ended: CallOutcome | CallError) -> int:
    return 0 if ended.usage is None else ended.usage.output_bytes


def _made(request: Request, ended: CallOutcome | CallError, seconds: float) -> Response:
    if isinstance(ended, CallOutcome):
        return answer(call_answer(ended, seconds), headers=kept_since(ended))
    return respond(request.scope, call_problem(ended, request.state.call_id, seconds))


async def _queued(request: Request, caller: Caller, wanted: CallRequestV2) -> Response:
    host: PluginHost = request.app.state.host
    order = JobOrder(
        plugin=request.path_params["name"],
        function=request.path_params["function"],
        arguments=wanted.arguments,
        limits=wanted.limits,
        retry=wanted.retry or 0,
        notify=wanted.notify,
        subject=caller.key_name,
        key_id=caller.key_id,
        scopes=caller.scopes,
        correlation_id=request.state.request_id,
        traceparent=trace_of(request.headers)[0],
    )
    view = await host.jobs.submit(order, tenant=caller.tenant)
    headers = {
        "Location": JOB_PATH.format(id=view.id),
        "Preference-Applied": RESPOND_ASYNC,
        "Retry-After": "1",
    }
    return answer(view, 202, headers)


async def _streamed(
    request: Request, caller: Caller, wanted: CallRequestV2
) -> AsyncGenerator[bytes]:
    """Make a call, and tell of it while it runs; whoever closes this ends it."""
    host: PluginHost = request.app.state.host
    streams: Streams = request.app.state.streams
    bell = Bell()
    with streams.held(caller, bell):
        yield HEARTBEAT
        began = time.perf_counter()
        task = asyncio.ensure_future(called(request, caller, wanted.arguments, wanted.limits))
        task.add_done_callback(lambda _: bell.wake())
        try:
            with lines_of_call(host.lines, caller.tenant, request.state.call_id) as lines:
                bell.wakes = lines.wake
                while not (task.done() or streams.closing):
                    told = await lines.next(HEARTBEAT_SECONDS)
                    for each in told:
                        yield message_of(each)
                    if not told:
                        yield HEARTBEAT
                for each in await lines.rest():
                    yield message_of(each)
            yield await _last(request, task, time.perf_counter() - began)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _last(request: Request, task: asyncio.Future[CallOutcome], seconds: float) -> bytes:
    try:
        return message("result", call_answer(await task, seconds))
    except WardianError as error:
        problem = call_problem(error, request.state.call_id, seconds)
        return message("problem", described(request.scope, problem))
