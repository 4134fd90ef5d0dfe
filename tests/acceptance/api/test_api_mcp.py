"""MCP over loopback, spoken by the SDK's client: of the newest version, and with a handshake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mcp_types
import pytest
from mcp.shared.exceptions import MCPError

from mcps import MODES, RUN, mcp_client, mcp_host
from packages import KEY
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

DIVIDE = "calculator__divide"

Address = tuple[str, int]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_functions_are_tools_with_their_schemas(
    served: Address, host: PluginHost, calculator: str, mode: str
) -> None:
    described = await host.functions(calculator)

    async with mcp_client(served, KEY, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    (divide,) = [tool for name, tool in tools.items() if name == DIVIDE]
    assert divide.input_schema == described["divide"].parameters
    assert divide.output_schema is not None
    assert divide.output_schema["properties"] == {"result": described["divide"].result}
    ours = [name for name in tools if name.startswith(f"{calculator}__")]
    assert len(ours) == len(described)


async def test_a_tool_is_called_and_answers_text_and_an_object(
    served: Address, calculator: str, mode: str
) -> None:
    async with mcp_client(served, KEY, mode) as client:
        answer = await client.call_tool(DIVIDE, {"a": 7, "b": 2})

    assert not answer.is_error
    assert answer.structured_content == {"result": 3}
    assert [block.text for block in answer.content] == ["3"]  # type: ignore[union-attr]
    assert answer.meta is not None
    assert answer.meta["usage"]["wall_seconds"] > 0
    assert answer.meta["call_id"]


async def test_every_tool_of_the_calculator_answers_what_the_function_does(
    served: Address, host: PluginHost, calculator: str, mode: str
) -> None:
    """The client checks each result against the tool's own schema, too."""
    async with mcp_client(served, KEY, mode) as client:
        for tool in (await client.list_tools()).tools:
            if not tool.name.startswith(f"{calculator}__"):
                continue
            arguments = dict.fromkeys(tool.input_schema["properties"], 1)
            answer = await client.call_tool(tool.name, arguments)
            function = answer.structured_content
            assert function is not None
            assert list(function) == ["result"]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [({"a": 1}, "invalid-arguments"), ({"a": 1, "b": 0}, "guest-error")],
)
async def test_a_call_that_fails_is_a_result_that_says_why(
    served: Address, calculator: str, mode: str, arguments: dict[str, Any], kind: str
) -> None:
    async with mcp_client(served, KEY, mode) as client:
        answer = await client.call_tool(DIVIDE, arguments)

    assert answer.is_error
    assert answer.meta is not None
    assert answer.meta["problem"]["type"] == kind
    assert kind in answer.content[0].text  # type: ignore[union-attr]


async def test_a_call_that_meets_a_limit_or_traps_is_a_result_too(
    served: Address, misbehaving: str, mode: str
) -> None:
    async with mcp_client(served, KEY, mode) as client:
        trap = await client.call_tool(f"{misbehaving}__trap", {})
        memory = await client.call_tool(f"{misbehaving}__grow-slowly", {})

    assert trap.meta is not None
    assert memory.meta is not None
    kinds = [answer.meta["problem"]["type"] for answer in (trap, memory) if answer.meta]
    assert kinds == ["trap", "memory-exceeded"]
    assert "usage" in memory.meta["problem"]


@pytest.mark.parametrize("name", ["nothing", "calculator__nothing", "", "x" * 1000, "\u202e__a"])
async def test_a_tool_that_is_not_there_is_an_error_of_the_request(
    served: Address, calculator: str, mode: str, name: str
) -> None:
    async with mcp_client(served, KEY, mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.session.call_tool(name, {})

    assert caught.value.code == mcp_types.INVALID_PARAMS
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


async def test_tools_come_in_pages(
    served: Address, host: PluginHost, calculator: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.api.mcp.listing.PAGE_TOOLS", 2)
    async with mcp_client(served, KEY, mode) as client:
        names: list[str] = []
        cursor = None
        while cursor or not names:
            page = await client.list_tools(cursor=cursor)
            assert len(page.tools) <= 2
            names += [tool.name for tool in page.tools]
            cursor = page.next_cursor
        with pytest.raises(MCPError):
            await client.list_tools(cursor="x" * 100)

    assert names == sorted(set(names))
    assert {tool for tool in names if tool.startswith("calculator__")} > {DIVIDE}


async def test_a_result_too_large_for_the_event_loop_arrives_whole(
    tmp_path: Path, mode: str
) -> None:
    large = ["x" * 1000] * 1000

    async def answers(arguments: Mapping[str, Any], answer: Any) -> Any:
        return large

    async with (
        mcp_host(tmp_path, answers) as there,
        mcp_client(there.address, there.key, mode) as client,
    ):
        answer = await client.call_tool(RUN, {})

    assert answer.structured_content == {"result": large}
