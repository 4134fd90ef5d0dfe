"""`tools/call`: the same call as any other, with the rights, limits and records of its key."""

from __future__ import annotations

from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, SERVER_INFO_META_KEY
from mcp_types.methods import validate_client_request
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from wardian.api.mcp import agents
from wardian.api.mcp.exchange import exchange_of
from wardian.api.mcp.naming import NAME_CHARS_MAX, plugin_of
from wardian.api.mcp.results import failed_result, tool_result
from wardian.api.mcp.telling import told, wanted_level
from wardian.api.mcp.tools import Catalogue, OfferedTool
from wardian.api.mcp.visits import Visit
from wardian.crypto.identifiers import new_id
from wardian.errors import NotFound, WardianError
from wardian.plugins.text import escaped

METHOD = "tools/call"

_Context = ServerRequestContext[Any, Any]


class Calling:
    """Calls the functions behind tools.

    It stands before the SDK's handlers, as one of its middlewares, since these copy and check each
    result several times on the event loop, for which nobody else is to wait.
    """

    def __init__(self, catalogue: Catalogue, server_info: dict[str, Any]) -> None:
        self._catalogue = catalogue
        self._server_info = server_info

    async def __call__(self, ctx: _Context, call_next: CallNext) -> HandlerResult:
        """Answer the calls of tools, and leave all else to ``call_next``."""
        if ctx.method != METHOD:
            return await call_next(ctx)
        params = dict(ctx.params or {})
        validate_client_request(METHOD, ctx.protocol_version, params)
        result = await self._call(ctx, params)
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            result["resultType"] = "complete"
            result["_meta"][SERVER_INFO_META_KEY] = self._server_info
        return result

    async def _call(self, ctx: _Context, params: dict[str, Any]) -> dict[str, Any]:
        exchange = exchange_of(ctx)
        if params["name"] in agents.NAMES and await _has_agents(exchange.visit):
            return await agents.answered(
                exchange,
                params,
                ctx.protocol_version,
                exchange.visit.traceparent or _traceparent(params),
            )
        tool = await find_tool(self._catalogue, exchange.visit, params["name"])
        visit, call_id = exchange.visit, new_id()
        try:
            async with told(exchange, call_id, wanted_level(params.get("_meta"))):
                outcome = await visit.host.call(
                    tool.plugin,
                    tool.function,
                    params.get("arguments") or {},
                    tenant=visit.caller.tenant,
                    subject=visit.caller.key_name,
                    correlation_id=visit.correlation_id,
                    traceparent=visit.traceparent or _traceparent(params),
                    tracestate=visit.tracestate,
                    call_id=call_id,
                    scopes=visit.caller.scopes,
                )
        except WardianError as error:
            return await failed_result(error, call_id)
        return await tool_result(outcome, wraps=tool.wraps, version=ctx.protocol_version)


async def _has_agents(visit: Visit) -> bool:
    offers = await visit.host.offers.all(visit.caller.tenant, visit.caller.scopes)
    return any(offer.answers for offer in offers)


def _traceparent(params: dict[str, Any]) -> str | None:
    """What clients say of their trace beside the arguments, where they have no header for it."""
    found = (params.get("_meta") or {}).get("traceparent")
    return found if isinstance(found, str) else None


async def find_tool(catalogue: Catalogue, visit: Visit, name: str) -> OfferedTool:
    """Return the tool of this name that a key may call.

    Raises:
        MCPError: there is none, which is also said of those that it may not call.
    """
    tool = None if len(name) > NAME_CHARS_MAX else await _found(catalogue, visit, name)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"There is no tool {escaped(name, NAME_CHARS_MAX)!r}.")
    return tool


async def _found(catalogue: Catalogue, visit: Visit, name: str) -> OfferedTool | None:
    caller, offers = visit.caller, visit.host.offers
    plugin = plugin_of(name)
    if plugin is None:  # its plugin's name was too long to be in it
        return catalogue.of_all(await offers.all(caller.tenant, caller.scopes)).get(name)
    try:
        offer = await offers.of(caller.tenant, plugin, caller.scopes)
    except NotFound:
        return None
    return None if offer is None else catalogue.of(offer).get(name)
