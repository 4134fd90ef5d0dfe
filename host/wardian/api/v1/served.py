"""The HTTP paths of plugins: their manifests name the functions that answer them."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wardian.api.answers import LARGE_OUTPUT, answer
from wardian.api.bodies import body_of, received
from wardian.api.calling import while_connected
from wardian.api.dependencies import invoker_of
from wardian.api.identity import trace_of
from wardian.crypto.identifiers import new_id
from wardian.errors import InvalidArguments
from wardian.runtime.host import PluginHost
from wardian.runtime.served import (
    METHODS,
    WITHOUT_BODY,
    Found,
    OtherMethods,
    arguments_of_body,
    arguments_of_query,
)
from wardian.sandbox import to_json
from wardian.tenants import Caller

SERVED_PATH = "/api/v1/plugins/{name}/api/{path:path}"
CALL_ID = "Wardian-Call-Id"


class ServedEndpoint:
    """The ASGI endpoint of every path of every plugin: calls the function that answers it.

    Which paths there are depends on the tenant, so this is one route to the framework;
    `wardian.api.openapi` describes each.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = served_route  # as FastAPI says which it chose
        response = await _serve(Request(scope, receive))
        await response(scope, receive, send)


served_route = Route(SERVED_PATH, ServedEndpoint(), methods=list(METHODS), name="served")


async def _serve(request: Request) -> Response:
    caller = await invoker_of(request)
    # Before anything is looked for, as for a call: what is no JSON is refused whatever there is.
    body = await _body(request)
    host: PluginHost = request.app.state.host
    found = await _found(host, request, caller)
    arguments = _arguments(request, found, body)
    call_id = request.state.call_id = new_id()
    parent, state = trace_of(request.headers)
    outcome = await while_connected(
        request.receive,
        host.call(
            request.path_params["name"],
            found.function.name,
            arguments,
            tenant=caller.tenant,
            subject=caller.key_name,
            correlation_id=request.state.request_id,
            traceparent=parent,
            tracestate=state,
            call_id=call_id,
            scopes=caller.scopes,
        ),
    )
    if outcome.usage.output_bytes > LARGE_OUTPUT:
        return await asyncio.to_thread(_answer, outcome.result, call_id)
    return _answer(outcome.result, call_id)


async def _found(host: PluginHost, request: Request, caller: Caller) -> Found:
    # HEAD comes with GET, and would call the function for nothing.
    try:
        return await host.served.find(
            request.path_params["name"],
            request.method,
            f"/{request.path_params['path']}",
            tenant=caller.tenant,
        )
    except OtherMethods as error:
        raise HTTPException(405, headers={"Allow": ", ".join(error.allowed)}) from None


async def _body(request: Request) -> dict[str, Any]:
    if request.method not in WITHOUT_BODY:
        return await body_of(request, dict[str, Any])
    if await received(request.receive):
        raise InvalidArguments(f"A {request.method} of a plugin's path takes no body.")
    return {}


def _arguments(request: Request, found: Found, body: dict[str, Any]) -> dict[str, Any]:
    query = request.query_params.multi_items()
    if not found.has_body:
        return arguments_of_query(found, query)
    if query:
        raise InvalidArguments(
            f"A {request.method} of this path takes its arguments in the body, as a JSON object.",
            path=f"query.{query[0][0][:80]}",
        )
    return arguments_of_body(found, body)


def _answer(result: Any, call_id: str) -> Response:
    return answer(to_json(result), headers={CALL_ID: call_id})
