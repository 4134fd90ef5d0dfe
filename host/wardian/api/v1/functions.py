"""Functions: what a plugin offers, and the call itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import anyio
import msgspec
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive

from wardian.api.answers import LARGE_OUTPUT, answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Host, Invoker, Reader
from wardian.api.identity import traceparent_of
from wardian.crypto.identifiers import new_id
from wardian.policy.usage import Usage
from wardian.runtime.host import CallOutcome
from wardian.sandbox import FunctionDescription, to_json

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


@router.get("", responses=answers(dict[str, FunctionDescription]))
async def list_functions(host: Host, caller: Reader, name: str) -> Response:
    """Describe a plugin's functions, with the JSON Schemas of their arguments and results."""
    return answer(await host.functions(name, tenant=caller.tenant))


@router.post("/{function:path}", responses=answers(CallAnswer), openapi_extra=takes(CallRequest))
async def call(request: Request, host: Host, caller: Invoker, name: str, function: str) -> Response:
    """Call a function. A nested one is named `interface#function`, percent-encoded."""
    wanted = await body_of(request, CallRequest)
    call_id = request.state.call_id = new_id()
    outcome = await _while_connected(
        request.receive,
        host.call(
            name,
            function,
            wanted.arguments,
            tenant=caller.tenant,
            subject=caller.key_name,
            limits=wanted.limits,
            correlation_id=request.state.request_id,
            traceparent=traceparent_of(request.headers),
            call_id=call_id,
        ),
    )
    if outcome.usage.output_bytes > LARGE_OUTPUT:
        return await asyncio.to_thread(_answer, outcome)
    return _answer(outcome)


def _answer(outcome: CallOutcome) -> Response:
    return answer(CallAnswer(to_json(outcome.result), outcome.usage, outcome.call_id))


async def _while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Await ``work``, and cancel it when the client goes away: nobody would get its result."""
    with anyio.CancelScope() as scope:
        watch = asyncio.create_task(_cancel_on_disconnect(receive, scope))
        try:
            return await work
        finally:
            watch.cancel()
    raise ClientDisconnect


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    # The body has been read whole, so the next message can only be the disconnect.
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
