"""Functions: what a plugin offers, and the call itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as RequestScope

from wardian.api.answers import LARGE_OUTPUT, answer, answers
from wardian.api.bodies import body_of
from wardian.api.dependencies import Host, Reader, holder_of
from wardian.api.identity import trace_of
from wardian.crypto.identifiers import new_id
from wardian.policy.usage import Usage
from wardian.runtime.enhancements import OfferedFunction
from wardian.runtime.host import CallOutcome, PluginHost
from wardian.sandbox import to_json
from wardian.tenants import Scope

CALL_PATH = "/api/v1/plugins/{name}/functions/{function:path}"

WATCH_AFTER_SECONDS = 0.01
"""Most calls are over before this, and are spared a watch for their client."""

router = APIRouter(prefix="/plugins/{name}/functions", tags=["functions"])

T = TypeVar("T")


class CallRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A call: arguments by the function's parameter names, and limits to lower."""

    arguments: dict[str, Any] = {}
    limits: dict[str, Any] | None = None


class CallAnswer(msgspec.Struct):
    """A call that succeeded."""

    result: Any
    usage: Usage
    call_id: str


@router.get("", responses=answers(dict[str, OfferedFunction]))
async def list_functions(host: Host, caller: Reader, name: str) -> Response:
    """Describe a plugin's functions, with the JSON Schemas of their arguments and results."""
    return answer(await host.functions(name, tenant=caller.tenant))


class CallEndpoint:
    """The ASGI endpoint of a call: calls a function.

    A request for a call costs about as much as the call itself, and FastAPI's handling of a
    route's dependencies would double that. So this one route does by plain calls what the others
    declare, and `wardian.api.openapi` describes it.
    """

    async def __call__(self, scope: RequestScope, receive: Receive, send: Send) -> None:
        response = await _call(Request(scope, receive))
        await response(scope, receive, send)


call_route = Route(CALL_PATH, CallEndpoint(), methods=["POST"], name="call")


async def _call(request: Request) -> Response:
    caller = await holder_of(Scope.CALL, request)
    wanted = await body_of(request, CallRequest)
    host: PluginHost = request.app.state.host
    call_id = request.state.call_id = new_id()
    parent, state = trace_of(request.headers)
    outcome = await while_connected(
        request.receive,
        host.call(
            request.path_params["name"],
            request.path_params["function"],
            wanted.arguments,
            tenant=caller.tenant,
            subject=caller.key_name,
            limits=wanted.limits,
            correlation_id=request.state.request_id,
            traceparent=parent,
            tracestate=state,
            call_id=call_id,
            scopes=caller.scopes,
        ),
    )
    if outcome.usage.output_bytes > LARGE_OUTPUT:
        return await asyncio.to_thread(_answer, outcome)
    return _answer(outcome)


def _answer(outcome: CallOutcome) -> Response:
    # RFC 9111: for how many seconds the answer has been kept.
    age = outcome.age_seconds
    return answer(
        CallAnswer(to_json(outcome.result), outcome.usage, outcome.call_id),
        headers=None if age is None else {"Age": str(int(age))},
    )


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Await ``work``, and cancel it when the client goes away: nobody would get its result."""
    loop = asyncio.get_running_loop()
    watch = _Watch(receive)
    timer = loop.call_later(WATCH_AFTER_SECONDS, watch.begin)
    try:
        async with watch.connected:
            return await work
    except TimeoutError:
        if watch.connected.expired():
            raise ClientDisconnect from None
        raise
    finally:
        timer.cancel()
        watch.end()


class _Watch:
    """Looks out for the end of a connection, and ends what runs within ``connected`` then."""

    def __init__(self, receive: Receive) -> None:
        self.connected = asyncio.timeout(None)
        self._receive = receive
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.create_task(self._cancel_on_disconnect())

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _cancel_on_disconnect(self) -> None:
        # The body has been read whole, so the next message can only be the disconnect.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.connected.reschedule(0)
