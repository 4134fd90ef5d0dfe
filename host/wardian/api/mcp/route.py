"""The way to MCP: who asks, and whether they may; then the SDK, once somebody is there for it."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as RequestScope

from wardian.api.dependencies import holder_of, still_holds
from wardian.api.identity import trace_of
from wardian.api.mcp.doorway import Doorway
from wardian.api.mcp.visits import Visit
from wardian.api.streams import Streams
from wardian.errors import InvalidArguments
from wardian.settings import Settings
from wardian.tenants import Caller, Scope

if TYPE_CHECKING:
    from wardian.api.mcp.endpoint import Endpoint

MCP_PATH = "/mcp"
METHODS = ["GET", "POST", "DELETE"]

_JSON = "application/json"
_STREAM = "text/event-stream"


def mcp_route(settings: Settings, streams: Streams) -> Route:
    """Make the route; its streams are counted among ``streams``."""
    return Route(MCP_PATH, _Way(settings, streams), methods=METHODS, name="mcp")


class _Way:
    """The ASGI endpoint."""

    def __init__(self, settings: Settings, streams: Streams) -> None:
        self._settings = settings
        self._streams = streams
        self._doorway = Doorway(settings)
        self._endpoint: Endpoint | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: RequestScope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller = await holder_of(Scope.CALL, request)
        self._doorway.check(request.headers.get("host"), request.headers.get("origin"))
        accepted = _accepted(request)
        _check_kinds(request, accepted)
        endpoint = self._endpoint or await self._loaded()
        visit = _visit(request, caller, _accepts(accepted, _STREAM))
        await endpoint.answer(visit, scope, receive, send)

    async def _loaded(self) -> Endpoint:
        """The SDK takes half a second to load, and memory for as long as the host runs, so only a
        host that somebody asks this way has it."""
        async with self._loading:
            if self._endpoint is None:
                module = await asyncio.to_thread(import_module, "wardian.api.mcp.endpoint")
                made: Endpoint = module.Endpoint(
                    self._streams, prose=self._settings.mcp_descriptions
                )
                self._endpoint = made
            return self._endpoint


def _visit(request: Request, caller: Caller, takes_streams: bool) -> Visit:
    parent, state = trace_of(request.headers)
    return Visit(
        host=request.app.state.host,
        caller=caller,
        correlation_id=request.state.request_id,
        traceparent=parent,
        tracestate=state,
        session=request.headers.get("mcp-session-id"),
        takes_streams=takes_streams,
        holds=still_holds(request, caller, Scope.CALL),
    )


def _check_kinds(request: Request, accepted: frozenset[str]) -> None:
    """Check that what is sent is JSON, and that JSON can be answered."""
    if request.method != "POST":
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise InvalidArguments(
            f"A message is sent as {_JSON}, not as {kind[:100]!r}.", path="Content-Type"
        )
    if not _accepts(accepted, _JSON):
        raise InvalidArguments(
            f"The answer is {_JSON}, which the client does not accept.", path="Accept"
        )


def _accepted(request: Request) -> frozenset[str]:
    accepted = request.headers.get("accept", "*/*")
    return frozenset(each.partition(";")[0].strip().lower() for each in accepted.split(","))


def _accepts(accepted: frozenset[str], kind: str) -> bool:
    return not accepted.isdisjoint((kind, f"{kind.partition('/')[0]}/*", "*/*"))
