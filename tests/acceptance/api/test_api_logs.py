"""What plugins log, over HTTP: the newest lines, and those to come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apis import clients
from hosts import FakeHost, fake_host, package
from wardian.api.tails import Tails, Wanted
from wardian.errors import RateLimited
from wardian.runtime.executor.job import HostCalls
from wardian.settings import Settings
from wardian.telemetry import WantedLines
from wardian.telemetry.lines import KEPT_BYTES
from wardian.tenants import Caller

pytestmark = pytest.mark.anyio

ANY = Wanted(WantedLines(tenant="default"))


async def say(arguments: Mapping[str, Any], answer: HostCalls) -> None:
    for level, message in arguments["lines"]:
        await answer("logging", "log", [level, message, [("order", "7")]])


@asynccontextmanager
async def talking(folder: Path) -> AsyncIterator[tuple[FakeHost, httpx.AsyncClient]]:
    async with fake_host(folder, {"say": say}) as made:
        await made.host.install(package())
        async with clients(made.host, Settings())(made.host.bootstrap_token) as client:
            yield made, client


async def told(made: FakeHost, *lines: tuple[str, str]) -> str:
    outcome = await made.host.call("stores", "say", {"lines": lines})
    return outcome.call_id


async def caller_of(made: FakeHost, *scopes: str) -> Caller:
    key = await made.host.keys.create("reader", scopes or ("read",), "default")
    return await made.host.keys.authenticate(key.token)


async def always() -> bool:
    return True


def messages_of(pieces: list[bytes]) -> list[str]:
    return [
        json.loads(line.removeprefix("data: "))["message"]
        for piece in pieces
        for line in piece.decode().splitlines()
        if line.startswith("data: ")
    ]


async def test_the_newest_lines_are_listed_and_filtered(tmp_path: Path) -> None:
    async with talking(tmp_path) as (made, client):
        first = await told(made, ("info", "one"), ("error", "two"))
        await told(made, ("debug", "three"))

        async def listed(**query: Any) -> list[str]:
            answer = await client.get("/api/v1/logs", params=query)
            assert answer.status_code == 200, answer.text
            return [line["message"] for line in answer.json()["lines"]]

        assert await listed() == ["one", "two", "three"]
        assert await listed(call_id=first) == ["one", "two"]
        assert await listed(plugin="nobody") == []
        assert await listed(level="warn") == ["two"]
        assert await listed(limit=1) == ["three"]
        page = (await client.get("/api/v1/logs")).json()
        assert await listed(after=page["next"]) == []
        assert await listed(after=page["lines"][0]["sequence"]) == ["two", "three"]
        line = page["lines"][1]

    assert line["level"] == "error"
    assert (line["plugin"], line["call_id"]) == ("stores", first)
    assert line["fields"] == {"order": "7"}


@pytest.mark.parametrize("query", ["level=loud", "limit=0", "limit=1001", "after=-1", "after=x"])
async def test_what_cannot_be_asked_for_is_refused(tmp_path: Path, query: str) -> None:
    async with talking(tmp_path) as (_, client):
        answer = await client.get(f"/api/v1/logs?{query}")

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/invalid-arguments")


async def test_lines_of_another_tenant_are_nobodys_to_see(tmp_path: Path) -> None:
    async with talking(tmp_path) as (made, _):
        await told(made, ("info", "canary"))
        await made.host.tenants.create("other", actor="test")
        key = await made.host.keys.create("app", ["read"], "other")
        async with clients(made.host, Settings())(key.token) as stranger:
            answer = await stranger.get("/api/v1/logs")
        caller = await made.host.keys.authenticate(key.token)
        wanted = Wanted(WantedLines(tenant=caller.tenant))
        tails = Tails(8)
        stream = tails.messages(made.host.telemetry, caller, wanted, 0, always)
        async with aclosing(stream):
            await anext(stream)
            waiting = asyncio.ensure_future(anext(stream))
            await told(made, ("info", "canary"))
            tails.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    assert answer.json()["lines"] == []


async def test_a_stream_tells_what_is_kept_and_what_comes_each_line_once(tmp_path: Path) -> None:
    async with talking(tmp_path) as (made, _):
        await told(made, ("info", "one"), ("debug", "not this"))
        tails, caller = Tails(8), await caller_of(made)
        wanted = Wanted(WantedLines(tenant="default", plugin="stores"), "info")
        stream = tails.messages(made.host.telemetry, caller, wanted, 0, always)
        async with aclosing(stream):
            pieces = [await anext(stream), await anext(stream)]
            await told(made, ("info", "two"), ("trace", "nor this"), ("warn", "three"))
            pieces += [await anext(stream), await anext(stream)]

        position = pieces[-1].decode().splitlines()[0].removeprefix("id: ")
        assert pieces[0].startswith(b"id: ")
        assert messages_of(pieces) == ["one", "two", "three"]
        again = tails.messages(made.host.telemetry, caller, ANY, tails.position(position), always)
        async with aclosing(again):
            await anext(again)
            await told(made, ("info", "four"))
            assert messages_of([await anext(again)]) == ["four"]


async def test_who_comes_back_to_another_run_of_the_host_is_told_all_that_it_has(
    tmp_path: Path,
) -> None:
    before, now = Tails(8), Tails(8)
    async with talking(tmp_path) as (made, _):
        stream = before.messages(made.host.telemetry, await caller_of(made), ANY, 5_000, always)
        async with aclosing(stream):
            beginning = (await anext(stream)).decode()

    position = beginning.splitlines()[0].removeprefix("id: ")
    assert before.position(position) == 5_000
    assert now.position(position) == 0
    assert now.position(None) is None


@pytest.mark.parametrize("said", ["", "7", "run-", "run-x", f"run-{'9' * 20}", "run-²"])
async def test_an_id_that_is_none_is_refused(tmp_path: Path, said: str) -> None:
    async with talking(tmp_path) as (_, client):
        answer = await client.get("/api/v1/logs/stream", headers={"Last-Event-ID": said.encode()})

    assert answer.status_code == 400


async def test_who_is_too_slow_is_told_how_many_lines_it_missed(tmp_path: Path) -> None:
    async with talking(tmp_path) as (made, _):
        stream = Tails(8).messages(made.host.telemetry, await caller_of(made), ANY, None, always)
        async with aclosing(stream):
            await anext(stream)
            many = KEPT_BYTES // 4_000 + 50
            for _ in range(many // 50 + 1):
                await told(made, *[("info", "x" * 4_000)] * 50)
            written = (many // 50 + 1) * 50
            pieces = []
            while not pieces or not pieces[-1].startswith(b"event: dropped"):
                pieces.append(await anext(stream))

        told_of = json.loads(pieces[-1].decode().splitlines()[1].removeprefix("data: "))
        assert told_of["dropped"] == written - (len(pieces) - 1)
        text = (await made.host.metrics()).decode()

    assert f"wardian_log_lines_dropped_total {float(told_of['dropped'])}" in text


async def test_streams_are_bounded_for_a_key_and_for_a_tenant(tmp_path: Path) -> None:
    async with talking(tmp_path) as (made, _):
        caller = await caller_of(made)
        tails = Tails(4)
        first = tails.messages(made.host.telemetry, caller, ANY, None, always)
        async with aclosing(first):
            await anext(first)
            with pytest.raises(RateLimited, match="WARDIAN_EVENT_STREAMS_MAX"):
                tails.check_room(caller)
            second = tails.messages(made.host.telemetry, caller, ANY, None, always)
            assert [piece async for piece in second] == []
        tails.check_room(caller)


async def test_a_stream_ends_when_its_key_is_revoked_or_the_host_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_more() -> bool:
        return False

    async with talking(tmp_path) as (made, _):
        caller = await caller_of(made)
        tails = Tails(4)
        with monkeypatch.context() as patched:
            patched.setattr("wardian.api.tails.HEARTBEAT_SECONDS", 0.0)
            ended = tails.messages(made.host.telemetry, caller, ANY, None, no_more)
            assert len([piece async for piece in ended]) == 1
        stream = tails.messages(made.host.telemetry, caller, ANY, None, always)
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        tails.close()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert made.host.telemetry.lines._followers == {}
