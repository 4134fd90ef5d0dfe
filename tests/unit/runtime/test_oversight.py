"""Grants and suggestions through the host's facade: revokes that nothing gets past."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import fake_host, package
from wardian.policy.permissions import parse_permission
from wardian.runtime.calls import CallPolicy
from wardian.runtime.executor.job import HostCalls

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

Arguments = Mapping[str, Any]


async def ask(arguments: Arguments, answer: HostCalls) -> Any:
    return [await answer(*each) for each in arguments["calls"]]


async def test_a_running_call_never_holds_more_than_the_database_says_whoever_goes_away(
    tmp_path: Path,
) -> None:
    async def run(arguments: Arguments, answer: HostCalls) -> list[tuple[bool, bool]]:
        found = []
        for steps in range(40):
            await made.host.set_grants("stores", ["kv:read"])
            revoking = asyncio.create_task(made.host.set_grants("stores", []))
            for _ in range(steps):
                await asyncio.sleep(0)
            revoking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await revoking
            granted = (await made.host.grants("stores")).granted
            answered = await answer("kv", "get", ["n"])
            found.append((bool(granted), answered["tag"] == "ok"))
        return found

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(package())
        outcome = await made.host.call("stores", "run", {}, limits={"wall_seconds": 5.0})

    assert {(granted, allowed) for granted, allowed in outcome.result} <= {
        (True, True),
        (False, False),
    }
    assert (False, False) in outcome.result


async def test_of_changes_at_once_the_last_one_rules_the_running_calls_too(
    tmp_path: Path,
) -> None:
    async def run(arguments: Arguments, answer: HostCalls) -> bool:
        await asyncio.gather(
            *(made.host.set_grants("stores", ["kv:read"] * (n % 2)) for n in range(21))
        )
        granted = (await made.host.grants("stores")).granted
        answered = await answer("kv", "get", ["n"])
        return bool(granted) is (answered["tag"] == "ok")

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(package())
        assert (await made.host.call("stores", "run", {})).result is True


async def test_the_review_knows_the_operators_exclusions_and_the_lowered_level(
    tmp_path: Path,
) -> None:
    policy = CallPolicy(excluded=(parse_permission("kv:write"),))
    async with fake_host(tmp_path, policy=policy) as made:
        view = await made.host.install(package(), grants=["kv:read", "kv:write"])

    assert [(item.permission, item.status, item.refused_by) for item in view.review] == [
        ("kv:read", "granted", None),
        ("kv:write", "never", "operator"),
        ("events:publish:orders.*", "not-granted", "grant"),
    ]
    assert [item.risk for item in view.review] == ["low", "low", "medium"]


async def test_what_is_suggested_can_be_granted_and_suffices(tmp_path: Path) -> None:
    calls = [
        ("kv", "get", ["n"]),
        ("events", "publish", ["orders.new", "1", None]),
    ]
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package(), grants="all")
        await made.host.set_monitored("stores", True)
        await made.host.call("stores", "ask", {"calls": calls})

        view = await made.host.suggest_permissions("stores")
        assert view.monitored is True
        assert view.suggestion.granted == ("events:publish:orders.new", "kv:read")
        await made.host.set_grants("stores", view.suggestion.granted)
        outcome = await made.host.call("stores", "ask", {"calls": calls})

        assert [answer["tag"] for answer in outcome.result] == ["ok", "ok"]
        again = await made.host.suggest_permissions("stores")
        assert again.suggestion.granted == view.suggestion.granted


async def test_what_was_denied_is_suggested_on_request_only(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package(), grants=["kv:read"])
        await made.host.set_monitored("stores", True)
        await made.host.call(
            "stores", "ask", {"calls": [("kv", "get", ["n"]), ("kv", "delete", ["n"])]}
        )

        without = (await made.host.suggest_permissions("stores")).suggestion
        with_denied = (
            await made.host.suggest_permissions("stores", include_denied=True)
        ).suggestion

    assert without.granted == ("kv:read",)
    assert [each.permission for each in without.denied] == ["kv:write"]
    assert with_denied.granted == ("kv:read", "kv:write")
