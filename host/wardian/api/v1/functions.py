"""Functions: what a plugin offers, and the call itself."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as RequestScope

from wardian.api.answers import LARGE_OUTPUT, answer, answers
from wardian.api.bodies import body_of
from wardian.api.calling import called, kept_since, while_connected
from wardian.api.dependencies import Host, Reader, invoker_of
from wardian.policy.usage import Usage
from wardian.runtime.enhancements import OfferedFunction
from wardian.runtime.host import CallOutcome
from wardian.sandbox import to_json

CALL_PATH = "/api/v1/plugins/{name}/functions/{function:path}"

router = APIRouter(prefix="/plugins/{name}/functions", tags=["functions"])


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
    caller = await invoker_of(request)
    wanted = await body_of(request, CallRequest)
    outcome = await while_connected(
        request.receive, called(request, caller, wanted.arguments, wanted.limits)
    )
    if outcome.usage.output_bytes > LARGE_OUTPUT:
        return await asyncio.to_thread(_answer, outcome)
    return _answer(outcome)


def _answer(outcome: CallOutcome) -> Response:
    return answer(
        CallAnswer(to_json(outcome.result), outcome.usage, outcome.call_id),
        headers=kept_since(outcome),
    )
