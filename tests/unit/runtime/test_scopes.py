"""What a plugin requires of keys holds for whoever reaches it, through other plugins too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.errors import Forbidden
from wardian.runtime.executor.job import HostCalls

pytestmark = pytest.mark.anyio

ASKING = """
capabilities = ["front"]

[[permissions]]
permission = "plugins:call:*"
reason = "Calls."
"""
REQUIRING = """
capabilities = ["orders"]
required_scopes = ["orders:read", "orders:write"]
"""


async def ask(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    return await answer("plugins", "call", ["orders", "*", "echo", "{}"])


async def echo(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    return "done"


async def opened(made: FakeHost) -> None:
    await made.host.install(package("front", WASM, ASKING), grants="all")
    await made.host.install(package("orders", WASM, REQUIRING))


@pytest.mark.parametrize("scopes", [["call"], ["call", "orders:read"], []])
async def test_a_key_that_lacks_a_scope_is_told_which(tmp_path: Path, scopes: list[str]) -> None:
    async with fake_host(tmp_path / "data", {"ask": ask, "echo": echo}) as made:
        await opened(made)

        with pytest.raises(Forbidden, match=r"lacks .*orders:write"):
            await made.host.call("orders", "echo", {}, scopes=scopes)

        assert made.executor.jobs == []


@pytest.mark.parametrize("scopes", [["admin"], ["call", "orders:read", "orders:write"], None])
async def test_whoever_has_them_or_needs_no_key_may_call(
    tmp_path: Path, scopes: list[str] | None
) -> None:
    async with fake_host(tmp_path / "data", {"ask": ask, "echo": echo}) as made:
        await opened(made)

        direct = await made.host.call("orders", "echo", {}, scopes=scopes)
        through = await made.host.call("front", "ask", {}, scopes=scopes)

    assert direct.result == "done"
    assert json.loads(through.result["val"]["val"]) == "done"


async def test_another_plugin_is_no_way_round(tmp_path: Path) -> None:
    async with fake_host(tmp_path / "data", {"ask": ask, "echo": echo}) as made:
        await opened(made)

        outcome = await made.host.call("front", "ask", {}, scopes=["call"])

    assert outcome.result["tag"] == "err"
    assert outcome.result["val"]["tag"] == "denied"
    assert "lacks orders:read, orders:write" in outcome.result["val"]["val"]
