"""`tools/list`: a page at a time, in the order of names; each begins behind the last of the one
before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, ListToolsResult, PaginatedRequestParams

from wardian.api.mcp.agents import agent_tools
from wardian.api.mcp.exchange import exchange_of
from wardian.api.mcp.naming import NAME_CHARS_MAX
from wardian.api.mcp.tools import Catalogue, OfferedTool

PAGE_TOOLS = 100
PAGE_BYTES = 512 * 1024


class Listing:
    """Lists the tools that a key may call."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def __call__(
        self, context: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        """Answer one page.

        Raises:
            MCPError: the cursor is none that a page ended with.
        """
        visit = exchange_of(context).visit
        caller = visit.caller
        offers = await visit.host.offers.all(caller.tenant, caller.scopes)
        tools = [*self._catalogue.of_all(offers).values(), *agent_tools(offers)]
        tools.sort(key=lambda each: each.name)
        cursor = params.cursor if params else None
        if cursor is not None:
            tools = tools[_position(tools, cursor) :]
        page = _page(tools)
        following = page[-1].name if len(page) < len(tools) else None
        return ListToolsResult(tools=[each.tool for each in page], next_cursor=following)


def _position(tools: Sequence[OfferedTool], cursor: str) -> int:
    # The tool itself may be gone by now, and the rest still comes behind it.
    if not 0 < len(cursor) <= NAME_CHARS_MAX:
        raise MCPError(INVALID_PARAMS, "The cursor is none that this host gave out.")
    return bisect_right(tools, cursor, key=lambda each: each.name)


def _page(tools: Sequence[OfferedTool]) -> Sequence[OfferedTool]:
    size = 0
    for count, tool in enumerate(tools[:PAGE_TOOLS]):
        size += tool.size
        if count and size > PAGE_BYTES:
            return tools[:count]
    return tools[:PAGE_TOOLS]
