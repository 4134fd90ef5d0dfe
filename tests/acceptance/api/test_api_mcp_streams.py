"""What MCP clients are told while they wait, and how they stop waiting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mcp_types
import pytest
from mcp_types import LOG_LEVEL_META_KEY, ToolListChangedNotification

from hosts import package
from mcps import HEADERS, MODES, RUN, McpHost, mcp_client, mcp_host, message, plain, sent

pytestmark = pytest.mark.anyio


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def logs(arguments: Mapping[str, Any], answer: Any) -> Any:
    """Goes back and forth, which a client must not see, and says what is no number."""
    for progress in ("1", "2", "2", "nan", "inf", "much", "1", "3.5"):
        fields = [["progress", progress], ["total", "4"]]
        await answer("logging", "log", ["info", f"at {progress}", fields])
    await answer("logging", "log", ["warn", "done", []])
    return "done"


async def test_lines_with_progress_are_told_to_whoever_asked(tmp_path: Path, mode: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with (
        mcp_host(tmp_path, logs) as there,
        mcp_client(there.address, there.key, mode) as client,
    ):
        answer = await client.call_tool(RUN, {}, progress_callback=heard)

    assert answer.structured_content == {"result": "done"}
    assert told == [(1, 4, "at 1"), (2, 4, "at 2"), (3.5, 4, "at 3.5")]


async def events_of(there: McpHost, body: Any, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    async with plain(there) as client:
        answer = await sent(client, body, headers)
    if answer.headers["content-type"] == "application/json":
        return [answer.json()]
    lines = answer.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


@pytest.mark.parametrize(
    ("level", "count"),
    [("debug", 9), ("warning", 1), ("error", 0), ("loud", 0), (None, 0), ([], 0)],
)
async def test_lines_are_told_from_the_level_on_that_was_asked_for(
    tmp_path: Path, level: object, count: int
) -> None:
    body = message("tools/call", {"name": RUN, "_meta": {LOG_LEVEL_META_KEY: level}})
    async with mcp_host(tmp_path, logs) as there:
        *told, answer = await events_of(there, body, {})

    assert [each["method"] for each in told] == ["notifications/message"] * count
    assert all(each["params"]["logger"] == "stores" for each in told)
    assert answer["result"]["structuredContent"] == {"result": "done"}


async def test_nobody_hears_of_another_call_s_lines(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        if begun.is_set():
            await answer("logging", "log", ["info", "of the second", [["progress", "7"]]])
            go_on.set()
            return 2
        begun.set()
        await go_on.wait()
        return 1

    body = message("tools/call", {"name": RUN, "_meta": {"progressToken": 1}})
    async with mcp_host(tmp_path, run) as there:
        first = asyncio.create_task(events_of(there, body, {}))
        await begun.wait()
        second = await events_of(there, body, {})
        assert len(await first) == 1
        assert len(second) == 2


class Endless:
    """A function that ends when it is cancelled, and says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, arguments: Mapping[str, Any], answer: Any) -> Any:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def test_a_client_that_gives_up_ends_the_call(tmp_path: Path, mode: str) -> None:
    run = Endless()
    async with (
        mcp_host(tmp_path, run) as there,
        mcp_client(there.address, there.key, mode) as client,
    ):
        waiting = asyncio.create_task(client.call_tool(RUN, {}))
        await run.begun.wait()
        waiting.cancel()
        await run.ended.wait()
        await asyncio.wait([waiting])
        assert (await client.list_tools()).tools


async def test_a_cancellation_is_answered_in_its_own_session_only(tmp_path: Path) -> None:
    run = Endless()
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    async with mcp_host(tmp_path, run) as there, plain(there) as client:
        mine = {"Mcp-Session-Id": "mine"}
        call = asyncio.create_task(sent(client, message("tools/call", {"name": RUN}), mine))
        await run.begun.wait()
        other = await there.made.host.keys.create("other", ["call"], "default")
        async with plain(there, other.token) as stranger:
            for whom, session in ((client, "other"), (client, ""), (stranger, "mine")):
                headers = {"Mcp-Session-Id": session} if session else {}
                assert (await sent(whom, cancel, headers)).status_code == 202
        assert not run.ended.is_set()
        assert (await sent(client, cancel, mine)).status_code == 202
        answer = (await call).json()

    assert answer["error"]["code"] == -32800
    assert run.ended.is_set()


async def test_leaving_a_session_ends_what_it_has_running(tmp_path: Path) -> None:
    run = Endless()
    async with mcp_host(tmp_path, run) as there, plain(there) as client:
        mine = {"Mcp-Session-Id": "mine"}
        call = asyncio.create_task(sent(client, message("tools/call", {"name": RUN}), mine))
        await run.begun.wait()
        assert (await client.delete("/mcp", headers=mine)).status_code == 204
        assert (await call).json()["error"]["code"] == -32800


async def test_a_client_that_takes_no_stream_waits_without_one(tmp_path: Path) -> None:
    body = message("tools/call", {"name": RUN, "_meta": {"progressToken": 1}})
    async with mcp_host(tmp_path, logs) as there:
        (answer,) = await events_of(there, body, {"Accept": "application/json"})

    assert answer["result"]["structuredContent"] == {"result": "done"}


async def test_a_long_silence_is_filled_with_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.api.mcp.exchange.KEEPALIVE_SECONDS", 0.01)
    go_on = asyncio.Event()

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        await go_on.wait()
        return 1

    async with mcp_host(tmp_path, run) as there, plain(there) as client:
        request = client.stream(
            "POST", "/mcp", headers=HEADERS, json=message("tools/call", {"name": RUN})
        )
        async with request as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ": "
            go_on.set()
            rest = [line async for line in lines]
    assert json.loads(rest[-2].removeprefix("data: "))["result"]["structuredContent"] == {
        "result": 1
    }


async def nothing(arguments: Mapping[str, Any], answer: Any) -> Any:
    return None


async def test_who_listens_is_told_when_tools_change(tmp_path: Path) -> None:
    async with (
        mcp_host(tmp_path, nothing) as there,
        mcp_client(there.address, there.key) as client,
        client.listen(tools_list_changed=True) as heard,
    ):
        assert heard.honored.tools_list_changed
        host = there.made.host
        for change in (
            host.install(package("another")),
            host.disable("another"),
            host.enable("another"),
            host.set_grants("another", ["kv:write"]),
            host.uninstall("another"),
        ):
            await change
            assert type(await anext(heard)).__name__ == "ToolsListChanged"


async def test_who_shook_hands_is_told_as_well(tmp_path: Path) -> None:
    told = asyncio.Event()

    async def hears(message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            told.set()

    async with mcp_host(tmp_path, nothing) as there:
        options: dict[str, Any] = {"message_handler": hears}
        async with mcp_client(there.address, there.key, "legacy", **options) as client:
            capabilities = client.server_capabilities
            assert capabilities.tools == mcp_types.ToolsCapability(list_changed=True)
            while not told.is_set():  # the stream is opened some time after the handshake
                await there.made.host.disable("stores")
                await there.made.host.enable("stores")
                await asyncio.sleep(0.05)


async def test_a_stream_ends_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardian.api.mcp.listening.HEARTBEAT_SECONDS", 0)
    async with mcp_host(tmp_path, nothing) as there, plain(there) as client:
        async with client.stream("GET", "/mcp", headers=HEADERS) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            lines = answer.aiter_lines()
            assert await anext(lines) == ": "
            await there.made.host.keys.revoke(there.key_id, "default")
            assert [line async for line in lines if line.startswith("data: {")] == []
        assert (await client.get("/mcp")).status_code == 401


@pytest.mark.parametrize("where", ["header", "meta"])
async def test_a_call_is_part_of_the_client_s_trace(tmp_path: Path, where: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        return await answer("context", "current", [])

    params: dict[str, Any] = {"name": RUN}
    headers = {"X-Request-ID": "mine"}
    if where == "header":
        headers["traceparent"] = trace
    else:
        params["_meta"] = {"traceparent": trace}
    async with mcp_host(tmp_path, run) as there:
        (told,) = await events_of(there, message("tools/call", params), headers)

    text = told["result"]["content"][0]["text"]
    assert trace in text
    assert '"mine"' in text
