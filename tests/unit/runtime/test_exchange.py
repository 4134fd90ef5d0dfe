"""Plugins call plugins, over a fake executor: who answers, in whose name, with which words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.errors import (
    DeadlineExceeded,
    GuestError,
    OutOfFuel,
    Overloaded,
    Revoked,
    StackOverflow,
    Trap,
    WardianError,
    WorkerLost,
)
from wardian.policy.usage import Usage
from wardian.runtime.executor.job import HostCalls
from wardian.worlds.contract import PACKAGE

pytestmark = pytest.mark.anyio

Arguments = Mapping[str, Any]

ASKING = """
capabilities = {offers}

[[permissions]]
permission = "plugins:call:*"
reason = "Calls."

[[permissions]]
permission = "kv:read"
reason = "Counts."

[[permissions]]
permission = "kv:write"
reason = "Counts."
"""

FAULTS: dict[str, WardianError] = {
    "trap": Trap("wasm trap: unreachable"),
    "overflow": StackOverflow(),
    "lost": WorkerLost("The worker process died."),
    "fuel": OutOfFuel("The call used up its fuel.", usage=Usage(fuel=900)),
    "deadline": DeadlineExceeded(),
    "busy": Overloaded("All workers are busy."),
    "mine": GuestError(payload={"tag": "no", "val": b"\0\xff"}, usage=Usage()),
}


async def echo(arguments: Arguments, answer: HostCalls) -> Any:
    return dict(arguments)


async def ask(arguments: Arguments, answer: HostCalls) -> Any:
    return [await answer(*each) for each in arguments["calls"]]


async def fail(arguments: Arguments, answer: HostCalls) -> Any:
    raise FAULTS[arguments["how"]]


async def nothing(arguments: Arguments, answer: HostCalls) -> Any:
    return None


FUNCTIONS = {
    "echo": echo,
    "ask": ask,
    "fail": fail,
    f"{PACKAGE}/event-handler@1.0.0#handle": nothing,
    f"{PACKAGE}/webhook-handler@1.0.0#receive": nothing,
}


def plugin(name: str, *offers: str, version: str = "1.0.0", more: str = "") -> bytes:
    return package(name, WASM, ASKING.format(offers=json.dumps(offers or [name])) + more, version)


@asynccontextmanager
async def host_of(folder: Path, *names: str, **settings: Any) -> AsyncIterator[FakeHost]:
    functions = {**FUNCTIONS, **settings.pop("functions", {})}
    async with fake_host(folder, functions, **settings) as made:
        for name in names:
            await made.host.install(plugin(name), grants="all")
        yield made


def call_of(
    capability: str, function: str = "echo", version: str = "*", /, **arguments: Any
) -> tuple[str, str, list[Any]]:
    """A host call that calls another plugin."""
    return "plugins", "call", [capability, version, function, json.dumps(arguments)]


def through(*names: str, last: tuple[str, str, list[Any]]) -> tuple[str, str, list[Any]]:
    """A host call by which each of the plugins asks the next, and the last makes a host call."""
    first, *others = names
    return call_of(first, "ask", calls=[through(*others, last=last) if others else last])


async def asked(made: FakeHost, name: str, *calls: tuple[str, str, list[Any]], **more: Any) -> Any:
    return (await made.host.call(name, "ask", {"calls": calls}, **more)).result


async def answered(made: FakeHost, name: str, call: tuple[str, str, list[Any]]) -> Any:
    """What one host call of a plugin was answered."""
    return (await asked(made, name, call))[0]


def innermost(answer: Any, hops: int = 1) -> Any:
    """What the last of a chain was answered, by what the first was, so many plugins before it."""
    for _ in range(hops):
        assert answer["tag"] == "ok", answer
        (answer,) = json.loads(answer["val"]["val"])
    return answer


def refusal(answer: Any) -> tuple[str, str]:
    assert answer["tag"] == "err", answer
    return answer["val"]["tag"], answer["val"]["val"]


def ok(value: Any) -> dict[str, Any]:
    return {"tag": "ok", "val": {"tag": "ok", "val": json.dumps(value, separators=(",", ":"))}}


async def test_a_plugin_calls_the_one_that_offers_a_capability(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        assert await answered(made, "a", call_of("b", n=[1, None])) == ok({"n": [1, None]})
        assert await answered(made, "a", call_of("b", "echo", "^1")) == ok({})


async def test_an_error_of_its_own_is_an_answer(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        answer = await answered(made, "a", call_of("b", "fail", how="mine"))

    assert answer == {"tag": "ok", "val": {"tag": "err", "val": '{"tag":"no","val":"AP8="}'}}


@pytest.mark.parametrize(
    ("how", "case", "words"),
    [
        ("trap", "unavailable", "fail did not answer: wasm trap: unreachable"),
        ("overflow", "unavailable", "nested deeper"),
        ("lost", "unavailable", "process died"),
        ("busy", "unavailable", "All workers are busy"),
        ("fuel", "exhausted", "used up its fuel"),
        ("deadline", "exhausted", "deadline"),
    ],
)
async def test_a_call_that_fails_is_told_to_its_caller_and_does_not_end_it(
    tmp_path: Path, how: str, case: str, words: str
) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        failed, after = await asked(made, "a", call_of("b", "fail", how=how), call_of("b", n=1))

    assert refusal(failed)[0] == case
    assert words in refusal(failed)[1]
    assert after == ok({"n": 1})


@pytest.mark.parametrize(
    ("call", "case", "words"),
    [
        (call_of("nobody"), "not-found", "'nobody'"),
        (call_of("b", "echo", "^2"), "not-found", "There is b 1.0.0"),
        (call_of("b", "sing"), "not-found", "it has: "),
        (call_of("b", "echo", "1..2"), "invalid", "no range of versions"),
        (call_of("b", "echo", ">1" + ", <9" * 100), "invalid", "no range of versions"),
        (call_of("B!"), "invalid", "permission"),
        (("plugins", "call", ["b", "*", "echo", "[]"]), "invalid", "text of an object"),
        (("plugins", "call", ["b", "*", "echo", "{"]), "invalid", "no JSON"),
        (("plugins", "call", ["b", "*", "echo", '{"a":1,"a":2}']), "invalid", "same name twice"),
        (("plugins", "call", ["b", "*", "echo", '{"a":NaN}']), "invalid", "NaN"),
        (("plugins", "call", ["b", "*", "echo", "[" * 5_000]), "invalid", "no JSON"),
        (("plugins", "call", ["b", "*", "echo", '{"a":"\\ud800"}']), "invalid", "surrogate"),
        (("plugins", "call", ["b", "*", "echo", " " * 5_000_000]), "invalid", "longer than"),
        (call_of("b", f"{PACKAGE}/event-handler@1.0.0#handle"), "denied", "for the host to call"),
        (call_of("b", "receive"), "denied", "for the host to call"),
    ],
)
async def test_what_cannot_be_called_is_refused_with_the_reason(
    tmp_path: Path, call: tuple[str, str, list[Any]], case: str, words: str
) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        jobs = len(made.executor.jobs)
        found = refusal(await answered(made, "a", call))
        assert len(made.executor.jobs) == jobs + 1

    assert found[0] == case
    assert words in found[1]


async def test_who_does_not_take_calls_is_unavailable_and_named(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        await made.host.disable("b")
        found = refusal(await answered(made, "a", call_of("b")))

    assert found == ("unavailable", "No plugin that offers 'b' takes calls: b 1.0.0 is disabled.")


async def test_a_plugin_of_another_tenant_is_not_there(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a") as made:
        await made.host.tenants.create("acme")
        await made.host.install(plugin("b"), grants="all", tenant="acme")

        assert refusal(await answered(made, "a", call_of("b")))[0] == "not-found"


async def test_who_called_is_told_to_the_called_plugin(tmp_path: Path) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with host_of(tmp_path, "a", "b") as made:
        (answer,) = await asked(
            made,
            "a",
            call_of("b", "ask", calls=[("context", "current", [])]),
            subject="ci",
            correlation_id="order-7",
            traceparent=parent,
        )
        said = innermost(answer)["val"]

    assert (said["subject"], said["plugin"]) == ("plugin:a", "b")
    assert (said["correlation-id"], said["traceparent"]) == ("order-7", parent)


async def test_each_plugin_has_its_own_storage_and_configuration(tmp_path: Path) -> None:
    configured = '\n[default_config]\nmine = "{}"\n'
    async with host_of(tmp_path) as made:
        await made.host.install(plugin("a", more=configured.format("a")), grants="all")
        await made.host.install(plugin("b", more=configured.format("b")), grants="all")
        both = ("kv", "increment", ["n", 1]), ("config", "get", ["mine"])

        await asked(made, "a", ("kv", "increment", ["n", 41]))
        answer = await answered(made, "a", call_of("b", "ask", calls=both))

    assert json.loads(answer["val"]["val"]) == [
        {"tag": "ok", "val": 1},
        {"tag": "ok", "val": '"b"'},
    ]


async def test_a_plugin_in_the_chain_is_not_called_again(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b", "c") as made:
        for chain, written in (
            (("a",), "a → a"),
            (("b", "a"), "a → b → a"),
            (("b", "c", "b"), "a → b → c → b"),
        ):
            *between, last = chain
            call = through(*between, last=call_of(last)) if between else call_of(last)
            case, text = refusal(innermost(await answered(made, "a", call), len(between)))
            assert case == "denied"
            assert text.endswith(f": {written}.")


async def test_a_chain_ends_at_its_depth(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b", "c", "d", chain_depth_max=3) as made:
        fits = await answered(made, "a", through("b", last=call_of("c")))
        deeper = await answered(made, "a", through("b", "c", last=call_of("d")))

    assert innermost(fits) == ok({})
    case, text = refusal(innermost(deeper, 2))
    assert case == "exhausted"
    assert "no more than 3 plugins, and a → b → c has as many; d is not called" in text


async def test_a_depth_of_one_forbids_all_of_it(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b", chain_depth_max=1) as made:
        assert refusal(await answered(made, "a", call_of("b")))[0] == "exhausted"


async def test_without_the_permission_nothing_is_called(tmp_path: Path) -> None:
    async with host_of(tmp_path, "b") as made:
        await made.host.install(plugin("a"))
        case, text = refusal(await answered(made, "a", call_of("b")))

    assert case == "denied"
    assert "plugins:call:b is refused by the grant" in text


async def test_a_grant_revoked_from_the_first_is_felt_further_down_at_once(
    tmp_path: Path,
) -> None:
    async def revoke(arguments: Arguments, answer: HostCalls) -> Any:
        before = await answer("kv", "get", ["n"])
        await made.host.set_grants("a", ["plugins:call:*"])
        return [before, await answer("kv", "get", ["n"])]

    async with host_of(tmp_path, "a", "b", functions={"revoke": revoke}) as made:
        answer = await answered(made, "a", call_of("b", "revoke"))

    before, after = json.loads(answer["val"]["val"])
    assert before == {"tag": "ok", "val": None}
    assert refusal(after)[0] == "denied"
    assert "It is a that lacks it, in the chain a → b" in refusal(after)[1]


async def test_all_of_a_chain_is_paid_from_the_first_budget(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b", "c") as made:
        call = through("b", "c", last=("kv", "increment", ["n", 1]))
        outcome = await made.host.call(
            "a", "ask", {"calls": [call, ("kv", "get", ["n"])]}, limits={"host_calls": 3}
        )

    first, second = outcome.result
    assert innermost(first, 2) == {"tag": "ok", "val": 1}
    assert refusal(second) == ("exhausted", "The call's limit of 3 host calls is used up.")
    assert outcome.usage.host_calls == 3


async def test_a_failed_call_is_paid_for_as_well(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        outcome = await made.host.call("a", "ask", {"calls": [call_of("b", "fail", how="fuel")]})

    assert outcome.usage.fuel == 900


async def test_limits_shrink_down_the_chain(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        limits = {"wall_seconds": 0.25, "result_bytes": 900, "argument_bytes": 800}
        await made.host.call("a", "ask", {"calls": [call_of("b")]}, limits=limits)
        outer, inner = (job.limits for job in made.executor.jobs[-2:])

    assert inner.wall_seconds <= 0.25 * 1.05
    assert (inner.result_bytes, inner.argument_bytes) == (900, 800)
    assert inner.memory_bytes <= outer.memory_bytes


@pytest.mark.parametrize("size", [2_000, 200_000])
async def test_an_answer_that_is_too_large_is_refused(tmp_path: Path, size: int) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        call = call_of("b", text="x" * size)
        limits = {"result_bytes": 1_500}
        answer = (await made.host.call("a", "ask", {"calls": [call]}, limits=limits)).result[0]
        whole = await answered(made, "a", call)

    assert refusal(answer)[0] == "exhausted"
    assert whole == ok({"text": "x" * size})


async def test_a_call_counts_for_the_called_plugin(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        await asked(made, "a", call_of("b"), call_of("b", "fail", how="trap"), call_of("nobody"))
        seen = {view.name: view.statistics for view in await made.host.plugins()}
        metrics = (await made.host.metrics()).decode()

    assert (seen["a"].total_requests, seen["a"].error_count) == (1, 0)
    assert (seen["b"].total_requests, seen["b"].error_count) == (2, 1)
    assert 'outcome="trap",plugin="b"' in metrics


async def test_a_caller_cannot_degrade_a_plugin_by_leaving_it_nothing(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        starved = [call_of("b", "fail", how=how) for how in ["deadline", "fuel"] * 20]
        await asked(made, "a", *starved)
        assert (await made.host.plugin("b")).state == "active"

        await asked(made, "a", *[call_of("b", "fail", how="trap")] * 25)
        assert (await made.host.plugin("b")).state == "degraded"


async def test_a_plugin_that_keeps_losing_its_workers_is_set_aside(tmp_path: Path) -> None:
    async def lose(arguments: Arguments, answer: HostCalls) -> Any:
        raise WorkerLost("gone", by_call=True)

    async with host_of(tmp_path, "a", "b", functions={"lose": lose}, crashes_max=2) as made:
        await asked(made, "a", call_of("b", "lose"), call_of("b", "lose"))

        assert (await made.host.plugin("b")).state == "quarantined"
        assert (await made.host.plugin("a")).state == "active"


async def test_a_called_plugin_that_is_revoked_ends_and_its_caller_goes_on(
    tmp_path: Path,
) -> None:
    has_begun = asyncio.Event()

    async def wait(arguments: Arguments, answer: HostCalls) -> Any:
        has_begun.set()
        await asyncio.Event().wait()

    async with host_of(tmp_path, "a", "b", functions={"wait": wait}) as made:
        call = asyncio.create_task(asked(made, "a", call_of("b", "wait"), ("kv", "get", ["n"])))
        await has_begun.wait()
        await made.host.revocations.add(name="b", versions="*", reason="it leaks")
        ended, after = await call

        assert refusal(ended)[0] == "unavailable"
        assert "it leaks" in refusal(ended)[1]
        assert after == {"tag": "ok", "val": None}
        assert (await made.host.plugin("b")).state == "quarantined"


async def test_a_caller_that_is_revoked_ends_with_what_it_called(tmp_path: Path) -> None:
    has_begun, has_ended = asyncio.Event(), asyncio.Event()

    async def wait(arguments: Arguments, answer: HostCalls) -> Any:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            has_ended.set()

    async with host_of(tmp_path, "a", "b", functions={"wait": wait}) as made:
        call = asyncio.create_task(asked(made, "a", call_of("b", "wait")))
        await has_begun.wait()
        await made.host.revocations.add(name="a", versions="*", reason="it leaks")
        with pytest.raises(Revoked, match="it leaks"):
            await call

        assert has_ended.is_set()
        assert (await made.host.plugin("b")).state == "active"


async def test_a_client_that_goes_away_takes_the_whole_chain_along(tmp_path: Path) -> None:
    has_begun, has_ended = asyncio.Event(), asyncio.Event()

    async def wait(arguments: Arguments, answer: HostCalls) -> Any:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            has_ended.set()

    async with host_of(tmp_path, "a", "b", "c", functions={"wait": wait}) as made:
        call = asyncio.create_task(asked(made, "a", through("b", last=call_of("c", "wait"))))
        await has_begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert has_ended.is_set()
        assert made.parts.calls.running("default") == []


async def test_a_call_waits_for_an_upgrade_of_the_called_plugin(tmp_path: Path) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        b = await made.parts.registry.get("default", "b")
        with made.parts.gates.closed(b):
            call = asyncio.create_task(answered(made, "a", call_of("b", n=1)))
            while not made.parts.gates._closed[b.id].waiting:
                await asyncio.sleep(0)
        assert await call == ok({"n": 1})


async def test_upgrades_of_two_plugins_that_call_each_other_do_not_wait_for_each_other(
    tmp_path: Path,
) -> None:
    has_begun, go_on = asyncio.Event(), asyncio.Event()

    async def begin(arguments: Arguments, answer: HostCalls) -> Any:
        has_begun.set()
        await go_on.wait()
        return await answer(*call_of("b"))

    async with host_of(tmp_path, "a", "b", functions={"begin": begin}) as made:
        a = await made.parts.registry.get("default", "a")
        b = await made.parts.registry.get("default", "b")
        call = asyncio.create_task(made.host.call("a", "begin", {}))
        await has_begun.wait()
        with made.parts.gates.closed(a), made.parts.gates.closed(b):
            go_on.set()
            await made.parts.calls.drained(a)

        case, text = refusal((await call).result)

    assert case == "unavailable"
    assert "a, which is being upgraded, cannot wait" in text


async def test_a_call_is_recorded_with_its_answer_and_replayed_without_the_other_plugin(
    tmp_path: Path,
) -> None:
    async with host_of(tmp_path, "a", "b") as made:
        await made.host.recordings.set_calls("a", 5)
        await asked(made, "a", call_of("b", n=1), call_of("b", "fail", how="mine"), call_id="this")
        await made.parts.recorder.flush()
        await made.host.uninstall("b")
        jobs = len(made.executor.jobs)

        outcome = await made.host.replays.one("this", None, tenant="default")

        assert outcome.same, outcome.differences
        assert len(made.executor.jobs) == jobs + 1
