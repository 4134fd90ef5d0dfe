"""Calls: limits, budget, host calls, outcome and record, over a fake executor."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import fake_host, package
from wardian.errors import Conflict, GuestError, InvalidArguments, NotFound, Overloaded, Trap
from wardian.plugins import Installed
from wardian.policy.permissions import parse_permission
from wardian.policy.secret import Secret
from wardian.policy.usage import Usage
from wardian.runtime.calls import CallPolicy
from wardian.runtime.executor.job import HostCalls
from wardian.storage.health import HealthRepository

pytestmark = pytest.mark.anyio

Arguments = Mapping[str, Any]

SIGNS = """
[[permissions]]
permission = "credentials:use:token"
reason = "Signs in."
"""


async def ask(arguments: Arguments, answer: HostCalls) -> Any:
    """Make the host calls that the arguments list."""
    return [await answer(*each) for each in arguments["calls"]]


def asking(*calls: tuple[str, str, list[Any]]) -> dict[str, Any]:
    return {"calls": calls}


def ok(value: Any) -> dict[str, Any]:
    return {"tag": "ok", "val": value}


def case_of(answer: Any) -> str:
    assert answer["tag"] == "err"
    assert isinstance(answer["val"]["val"], str)
    return str(answer["val"]["tag"])


async def test_host_calls_reach_the_capabilities_of_the_calls_own_plugin(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package(), grants="all")
        await made.host.install(package("other"), grants="all")

        outcome = await made.host.call(
            "stores", "ask", asking(("kv", "increment", ["n", 2]), ("config", "get", ["step"]))
        )
        other = await made.host.call("other", "ask", asking(("kv", "get", ["n"])))

    assert outcome.result == [ok(2), ok("3")]
    assert other.result == [ok(None)]
    assert outcome.usage.host_calls == 2
    assert outcome.usage.fuel == 7


@pytest.mark.parametrize(
    ("call", "case"),
    [
        (("kv", "get", ["n"]), "denied"),
        (("kv", "get", []), "invalid"),
        (("kv", "get", ["n", "extra"]), "invalid"),
        (("kv", "get", [5]), "invalid"),
        (("kv", "get", ["\ud800"]), "invalid"),
        (("kv", "increment", ["n", 2**63]), "invalid"),
        (("kv", "list-keys", ["", None, -1]), "invalid"),
        (("logging", "log", ["shout", "x", []]), "invalid"),
        (("logging", "log", ["info", "x", [["only one"]]]), "invalid"),
        (("http", "send", [{"method": "GET"}]), "invalid"),
        (("kv", "__init__", []), "unavailable"),
        (("kv", "_put", []), "unavailable"),
        (("nothing", "get", []), "unavailable"),
        (("metrics", "count", ["a b", 1, []]), "invalid"),
        (("agents", "ask", ["x", "{}", None]), "denied"),
    ],
)
async def test_whatever_a_worker_sends_the_answer_is_a_wit_result(
    tmp_path: Path, call: tuple[str, str, list[Any]], case: str
) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package())

        (answer,) = (await made.host.call("stores", "ask", asking(call))).result

    assert case_of(answer) == case


async def test_a_fault_of_the_host_is_unavailable_and_tells_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("wardian.capabilities.config.Config.get_all", broken)
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package())

        (answer,) = (
            await made.host.call("stores", "ask", asking(("config", "get-all", [])))
        ).result

    assert answer == {"tag": "err", "val": {"tag": "unavailable", "val": "The host met a fault."}}
    assert "secret detail" in caplog.text


async def test_the_budget_of_host_calls_is_kept_by_the_broker(tmp_path: Path) -> None:
    calls: list[tuple[str, str, list[Any]]]
    calls = [("config", "get-all", [])] * 3 + [("logging", "log", ["info", "late", []])]
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package())

        outcome = await made.host.call("stores", "ask", asking(*calls), limits={"host_calls": 2})

    assert [answer["tag"] for answer in outcome.result] == ["ok", "ok", "err", "err"]
    assert case_of(outcome.result[2]) == "exhausted"
    assert outcome.usage.host_calls == 2
    assert outcome.usage.dropped_log_lines == 1


async def test_limits_are_lowered_by_the_request_and_by_the_operators_ceilings(
    tmp_path: Path,
) -> None:
    policy = CallPolicy(ceilings={"wall_seconds": 2.0, "memory_bytes": 2**20})
    async with fake_host(tmp_path, policy=policy) as made:
        await made.host.install(package())
        await made.host.call("stores", "run", {})
        await made.host.call("stores", "run", {}, limits={"wall_seconds": 100, "events": 1})

        first, second = (job.limits for job in made.executor.jobs)
        assert (first.wall_seconds, first.memory_bytes, first.events) == (2.0, 2**20, 50)
        assert (second.wall_seconds, second.events) == (2.0, 1)
        with pytest.raises(InvalidArguments) as caught:
            await made.host.call("stores", "run", {}, limits={"speed": 1})
        assert caught.value.path == "limits.speed"


async def test_what_the_operator_excludes_is_denied_though_granted(tmp_path: Path) -> None:
    policy = CallPolicy(excluded=(parse_permission("kv:write"),))
    async with fake_host(tmp_path, {"ask": ask}, policy) as made:
        await made.host.install(package(), grants="all")

        (answer,) = (
            await made.host.call("stores", "ask", asking(("kv", "set", ["a", "b", None])))
        ).result

    assert case_of(answer) == "denied"
    assert "operator" in answer["val"]["val"]


async def test_a_revoked_grant_is_felt_by_a_call_that_is_running(tmp_path: Path) -> None:
    async def run(arguments: Arguments, answer: HostCalls) -> Any:
        before = await answer("kv", "get", ["n"])
        await made.host.set_grants("stores", [])
        return [before, await answer("kv", "get", ["n"])]

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(package(), grants="all")

        before, after = (await made.host.call("stores", "run", {})).result

    assert before == ok(None)
    assert case_of(after) == "denied"


async def test_a_call_that_outlives_its_plugin_is_ended_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async def run(arguments: Arguments, answer: HostCalls) -> Any:
        await answer("kv", "set", ["n", "stale", None])
        await made.host.uninstall("stores")
        await asyncio.Event().wait()  # until the call is ended

    async with fake_host(tmp_path, {"run": run, "ask": ask}) as made:
        await made.host.install(package(), grants="all")

        with pytest.raises(Conflict, match="uninstalled while this call was running"):
            await made.host.call("stores", "run", {})

        await made.host.install(package(), grants="all")
        (found,) = (await made.host.call("stores", "ask", asking(("kv", "get", ["n"])))).result
        assert found == ok(None)


async def test_the_caller_is_described_to_the_plugin(tmp_path: Path) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package())
        outcome = await made.host.call(
            "stores",
            "ask",
            asking(("context", "current", [])),
            subject="ci",
            correlation_id="order-7",
            traceparent=parent,
            call_id="mine",
        )
        other = await made.host.call(
            "stores", "ask", asking(("context", "current", [])), traceparent="evil\nheader"
        )

    assert outcome.call_id == "mine"
    assert outcome.result[0]["val"] == {
        "call-id": "mine",
        "tenant": "default",
        "subject": "ci",
        "plugin": "stores",
        "version": "1.0.0",
        "correlation-id": "order-7",
        "traceparent": parent,
    }
    assert other.result[0]["val"]["traceparent"] is None
    assert other.result[0]["val"]["correlation-id"] == other.call_id


async def test_a_failed_call_reports_its_usage_too(tmp_path: Path) -> None:
    async def fail(arguments: Arguments, answer: HostCalls) -> None:
        await answer("events", "publish", ["orders.new", "1", None])
        raise Trap("unreachable", usage=Usage(wall_seconds=0.5, fuel=9))

    async def lost(arguments: Arguments, answer: HostCalls) -> None:
        raise Trap("unreachable")

    async with fake_host(tmp_path, {"fail": fail, "lost": lost}) as made:
        await made.host.install(package(), grants="all")

        with pytest.raises(Trap) as caught:
            await made.host.call("stores", "fail", {})
        usage = caught.value.usage
        assert usage is not None
        assert (usage.fuel, usage.events, usage.host_calls) == (9, 1, 1)

        with pytest.raises(Trap) as caught:
            await made.host.call("stores", "lost", {})
        assert caught.value.usage is not None


async def test_an_unknown_function_is_refused_before_the_executor(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())

        with pytest.raises(NotFound, match="no function 'nothing'"):
            await made.host.call("stores", "nothing", {})
        assert made.executor.jobs == []


async def test_outcomes_are_counted_and_written_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="wardian.calls")

    async def run(arguments: Arguments, answer: HostCalls) -> None:
        if arguments["as"] is not None:
            raise arguments["as"]

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(package())
        for error in (None, None, GuestError(payload=1), Trap("x"), Overloaded()):
            with contextlib.suppress(GuestError, Trap, Overloaded):
                await made.host.call("stores", "run", {"as": error})
        rendered = (await made.host.metrics()).decode()
        plugin = await made.parts.registry.get("default", "stores")

    for outcome, count in (("ok", 2), ("guest-error", 1), ("trap", 1)):
        assert (
            f'wardian_calls_total{{function="run",level="restricted",outcome="{outcome}",'
            f'plugin="stores",tenant="default"}} {count}.0' in rendered
        )
    assert "overloaded" not in rendered
    assert "of stores 1.0.0 run: trap" in caplog.text
    async with fake_host(tmp_path) as made, made.parts.database.reading() as connection:
        _, totals = await HealthRepository(connection, "default").of(plugin.id)
    assert totals.total_requests == 4
    assert totals.error_count == 1
    assert totals.success_rate == pytest.approx(0.75)


async def test_calls_at_once_do_not_mix(tmp_path: Path) -> None:
    async def echo(arguments: Arguments, answer: HostCalls) -> Any:
        current = await answer("context", "current", [])
        await asyncio.sleep(0)
        return [arguments["n"], current["val"]["call-id"]]

    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        outcomes = await asyncio.gather(
            *(made.host.call("stores", "echo", {"n": n}, call_id=f"id-{n}") for n in range(30))
        )

    assert [outcome.result for outcome in outcomes] == [[n, f"id-{n}"] for n in range(30)]


@pytest.mark.parametrize("arguments", [{1: 2}, {"a": 1, None: 2}, {b"a": 1}, {("a",): 1}])
async def test_a_name_that_is_no_text_is_refused_before_the_executor(
    tmp_path: Path, arguments: Any
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())

        with pytest.raises(InvalidArguments, match="no text"):
            await made.host.call("stores", "run", arguments)
        assert made.executor.jobs == []


async def test_a_revoke_reaches_a_call_whose_plugin_is_just_being_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package(), grants="all")
        revoke = made.host.set_grants("stores", [])
        checked = made.parts.trust.check_load

        async def revoking(plugin: Installed) -> None:
            await checked(plugin)
            await revoke

        monkeypatch.setattr(made.parts.trust, "check_load", revoking)
        outcome = await made.host.call("stores", "ask", asking(("kv", "get", ["n"])))

    assert case_of(outcome.result[0]) == "denied"


async def test_a_call_that_waits_for_the_search_for_credentials_is_drained_and_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package(more=SIGNS), grants="all")
        await made.host.call("stores", "ask", asking())
        plugin = await made.parts.registry.get("default", "stores")
        opened = made.parts.vault.secrets
        is_opened, goes_on = asyncio.Event(), asyncio.Event()

        async def waiting(tenant: str) -> tuple[Secret, ...]:
            is_opened.set()
            await goes_on.wait()
            return await opened(tenant)

        monkeypatch.setattr(made.parts.vault, "secrets", waiting)
        made.parts.vault.forget("default")
        call = asyncio.create_task(made.host.call("stores", "ask", asking(("kv", "get", ["n"]))))
        await is_opened.wait()
        drained = asyncio.create_task(made.parts.calls.drained(plugin))
        await made.host.set_grants("stores", [])
        done, _ = await asyncio.wait([drained], timeout=0)
        assert not done
        goes_on.set()
        await drained

        assert call.done()
        assert case_of((await call).result[0]) == "denied"


async def test_a_drain_waits_for_calls_whose_plugin_is_just_being_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package(), grants="all")
        plugin = await made.parts.registry.get("default", "stores")
        checked = made.parts.trust.check_load
        is_checked, goes_on = asyncio.Event(), asyncio.Event()

        async def waiting(plugin: Installed) -> None:
            is_checked.set()
            await goes_on.wait()
            await checked(plugin)

        monkeypatch.setattr(made.parts.trust, "check_load", waiting)
        call = asyncio.create_task(made.host.call("stores", "ask", asking()))
        failing = asyncio.create_task(
            made.host.call("stores", "ask", asking(), limits={"nonsense": 1})
        )
        await is_checked.wait()
        drained = asyncio.create_task(made.parts.calls.drained(plugin))
        done, _ = await asyncio.wait([drained], timeout=0)
        assert not done
        goes_on.set()
        await drained

        assert call.done()
        assert failing.done()
        assert len(made.executor.jobs) == 1
        with pytest.raises(InvalidArguments):
            await failing
