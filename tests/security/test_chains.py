"""Calls between plugins: nobody gains a right, a budget or a way round by calling another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, fake_host
from packages import package
from relays import along, answer_of, asking, relay
from wardian import Settings, open_host
from wardian.errors import Trap
from wardian.policy.levels import Level
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

FETCH = "http:request:GET:https://api.example.org/*"
REQUEST = {
    "method": "GET",
    "url": "https://api.example.org/x",
    "headers": [],
    "body": None,
    "credential": None,
    "timeout-ms": None,
}

HIGH = f"""
capabilities = ["fetch"]
permissions = [
  {{ permission = "{FETCH}", reason = "Fetches." }},
  {{ permission = "kv:read", reason = "Counts." }},
  {{ permission = "kv:write", reason = "Counts." }},
  {{ permission = "credentials:use:github", reason = "Signs." }},
  {{ permission = "events:publish:orders.*", reason = "Tells." }},
]
"""

LOW = """
permissions = [{ permission = "plugins:call:fetch", reason = "Asks another." }]
"""

DEEDS: list[tuple[str, tuple[str, str, list[Any]]]] = [
    (FETCH[:-1] + "x", ("http", "send", [REQUEST])),
    ("kv:read", ("kv", "get", ["n"])),
    ("kv:write", ("kv", "set", ["n", "v", None])),
    ("credentials:use:github", ("credentials", "exists", ["github"])),
    ("events:publish:orders.new", ("events", "publish", ["orders.new", "1", None])),
]


@asynccontextmanager
async def host_of(folder: Path, *packages: bytes) -> AsyncIterator[PluginHost]:
    settings = Settings(data_dir=folder / "data", workers_max=1, allow_weak_isolation=True)
    async with open_host(settings) as host:
        for content in packages:
            await host.install(content, grants="all")
        yield host


async def do(arguments: Any, answer: HostCalls) -> Any:
    return [await answer(*each) for each in arguments["calls"]]


@pytest.mark.parametrize(("permission", "deed"), DEEDS)
async def test_d5_a_low_plugin_gets_nothing_done_by_a_high_one(
    tmp_path: Path, permission: str, deed: tuple[str, str, list[Any]]
) -> None:
    async with fake_host(tmp_path, {"do": do}) as made:
        await made.host.install(package("high", WASM, HIGH), grants="all")
        await made.host.install(package("low", WASM, LOW), grants="all")

        (alone,) = (await made.host.call("high", "do", {"calls": [deed]})).result
        asked = ("plugins", "call", ["fetch", "*", "do", json.dumps({"calls": [deed]})])
        (answer,) = (await made.host.call("low", "do", {"calls": [asked]})).result
        published = await made.host.events.recent(10, "orders.*", tenant="default")

    # What it may do of its own is refused by nobody, whether or not there is what it asks for.
    assert "denied" not in str(alone)
    (refused,) = json.loads(answer["val"]["val"])
    assert refused["tag"] == "err"
    assert refused["val"]["tag"] == "denied"
    assert f"{permission} is refused by the manifest" in refused["val"]["val"]
    assert "It is low that lacks it, in the chain low → high" in refused["val"]["val"]
    assert len(published) == (permission == "events:publish:orders.new")


async def test_d5_the_strictest_level_of_a_chain_is_everybodys(tmp_path: Path) -> None:
    isolated = 'sandbox_level = "isolated"\n' + HIGH.replace('"fetch"', '"other"').replace(
        "permissions = [", 'permissions = [{ permission = "plugins:call:fetch", reason = "Asks." },'
    )
    async with fake_host(tmp_path, {"do": do}) as made:
        await made.host.install(package("high", WASM, HIGH), grants="all")
        await made.host.install(package("strict", WASM, isolated), grants="all")
        calls = json.dumps({"calls": [("http", "send", [REQUEST])]})
        asked = ("plugins", "call", ["fetch", "*", "do", calls])
        (answer,) = (await made.host.call("strict", "do", {"calls": [asked]})).result

    (refused,) = json.loads(answer["val"]["val"])
    assert "the level isolated never allows it" in refused["val"]["val"]


async def test_d5_a_low_plugin_in_the_middle_lowers_all_behind_it(tmp_path: Path) -> None:
    async with host_of(tmp_path, relay("a"), relay("b"), relay("c")) as host:
        counted = await host.call("a", "relay", along("bc", "bump", key="n", by=1))
        await host.set_grants("b", ["plugins:call:*", "kv:read"])
        refused = await host.call("a", "relay", along("bc", "bump", key="n", by=1))
        direct = await host.call("a", "relay", asking("c", "bump", key="n", by=1))

    assert answer_of(counted.result, 2) == 1
    told = answer_of(refused.result)
    assert told["tag"] == "err"
    assert "b that lacks it, in the chain a → b → c" in told["val"]
    assert answer_of(direct.result) == 2


@pytest.mark.parametrize("start", range(40))
async def test_b11_a_chain_ends_at_its_depth_wherever_it_begins(
    forty: PluginHost, start: int
) -> None:
    """A ring of forty plugins, of which each calls the next for as long as it may."""
    outcome = await forty.call(f"p{start}", "next", {"at": start})

    reached = outcome.result
    depth = 1
    while reached["tag"] == "ok":
        reached = json.loads(reached["val"]["val"])
        depth += 1
    assert depth == 8
    assert reached["val"]["tag"] == "exhausted"
    assert reached["val"]["val"].count(" → ") == 7


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def forty(tmp_path_factory: pytest.TempPathFactory) -> Any:
    async def following(arguments: Any, answer: HostCalls) -> Any:
        at = (arguments["at"] + 1) % 40
        return await answer("plugins", "call", [f"p{at}", "*", "next", json.dumps({"at": at})])

    asks = '\npermissions = [{ permission = "plugins:call:*", reason = "Calls." }]\n'
    async with fake_host(tmp_path_factory.mktemp("ring"), {"next": following}) as made:
        for at in range(40):
            lines = f'capabilities = ["p{at}"]{asks}'
            await made.host.install(package(f"p{at}", WASM, lines), grants="all")
        yield made.host


@pytest.mark.parametrize("level", [Level.STANDARD, Level.RESTRICTED, Level.ISOLATED])
async def test_b11_mutual_recursion_in_real_workers_ends_with_the_chain_in_the_message(
    tmp_path: Path, level: Level
) -> None:
    both = relay("a", level=level), relay("b", level=level)
    async with host_of(tmp_path, *both) as host:
        outcome = await host.call("a", "relay", along("bab", "echo", text="x"))

    assert outcome.result["tag"] == "err"
    assert json.loads(outcome.result["val"]) == {
        "tag": "denied",
        "val": "a cannot be called from within a call of its own: a → b → a.",
    }


async def test_b11_a_plugin_that_calls_without_end_ends_at_the_first_ones_budget(
    tmp_path: Path,
) -> None:
    async with host_of(tmp_path, relay("a"), relay("b"), relay("c")) as host:
        endless = asking("b", "again", **asking("c", text="x"))
        with pytest.raises(Trap, match="host calls"):
            await host.call("a", "again", endless, limits={"host_calls": 50})
        seen = {view.name: view.statistics.total_requests for view in await host.plugins()}

    # Of fifty, one is the first plugin's call of the second.
    assert seen == {"a": 1, "b": 1, "c": 49}
