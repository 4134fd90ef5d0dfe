"""What is around functions, attacked: answers of others, spend that multiplies, ways around.

Rows D-1 and D-5 of the threat model, and B-4 where calls are many.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from credentials import CANARY, put
from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.errors import CallError, RateLimited, Trap
from wardian.policy.usage import Usage
from wardian.runtime.executor.job import HostCalls
from wardian.sandbox.description import Description

pytestmark = pytest.mark.anyio

Arguments = Mapping[str, Any]

ASKING = """
capabilities = ["{name}"]

[[permissions]]
permission = "plugins:call:*"
reason = "Calls."

[[permissions]]
permission = "kv:read"
reason = "Reads."

[[permissions]]
permission = "kv:write"
reason = "Writes."

[[permissions]]
permission = "credentials:use:github"
reason = "Signs."
"""


class Counted:
    def __init__(self) -> None:
        self.calls = 0
        self.answer: Any = None


@pytest.fixture
def counted() -> Counted:
    return Counted()


@asynccontextmanager
async def opened(folder: Path, counted: Counted, around: str) -> AsyncIterator[FakeHost]:
    """Two plugins, `low` and `high`; what is ``around`` is so of functions of `high`."""

    async def reads(arguments: Arguments, answer: HostCalls) -> Any:
        counted.calls += 1
        found = await answer("kv", "get", ["secret"])
        return found if counted.answer is None else counted.answer

    async def fails(arguments: Arguments, answer: HostCalls) -> Any:
        counted.calls += 1
        for _ in range(3):
            await answer("context", "current", [])
        raise Trap(usage=Usage(fuel=7, host_calls=3))

    async def ask(arguments: Arguments, answer: HostCalls) -> Any:
        return [
            await answer("plugins", "call", ["high", "*", name, json.dumps(given)])
            for name, given in arguments["calls"]
        ]

    functions = {"reads": reads, "fails": fails, "ask": ask}
    async with fake_host(folder, functions) as made:
        admit = made.executor.admit

        async def importing(component: bytes, *, wasi: bool = True) -> Description:
            found = await admit(component, wasi=wasi)
            imports = [f"wardian:plugin/{name}@1.0.0" for name in ("kv", "plugins")]
            return Description(
                digest=found.digest,
                size_bytes=found.size_bytes,
                imports=imports,
                exports=found.exports,
                functions=found.functions,
            )

        made.executor.admit = importing  # type: ignore[method-assign]
        for name, more in (("low", ""), ("high", around)):
            content = package(name, WASM, ASKING.format(name=name) + more)
            await made.host.install(content, grants="all")
        yield made


CACHE = '[[enhancements]]\nfunction = "reads"\ncache = { ttl = 60 }\n'


async def nested(made: FakeHost, *calls: tuple[str, Arguments], **more: Any) -> list[Any]:
    outcome = await made.host.call("low", "ask", {"calls": calls}, **more)
    return list(outcome.result)


async def test_a_plugin_with_fewer_rights_gets_no_answer_that_more_rights_made(
    tmp_path: Path, counted: Counted
) -> None:
    async with opened(tmp_path, counted, CACHE) as made:
        await made.host.set_grants("low", ["plugins:call:*"])
        whole = (await made.host.call("high", "reads", {})).result
        (through_low,) = await nested(made, ("reads", {}))
        again = (await made.host.call("high", "reads", {})).result

    assert whole == again == {"tag": "ok", "val": None}
    assert counted.calls == 2
    inner = json.loads(through_low["val"]["val"])
    assert inner["val"]["tag"] == "denied"


async def test_a_plugin_with_fewer_rights_leaves_no_answer_for_those_with_more(
    tmp_path: Path, counted: Counted
) -> None:
    async with opened(tmp_path, counted, CACHE) as made:
        await made.host.set_grants("low", ["plugins:call:*"])
        await nested(made, ("reads", {}))
        assert (await made.host.call("high", "reads", {})).result == {"tag": "ok", "val": None}


async def test_a_call_with_little_left_leaves_no_poorer_answer(
    tmp_path: Path, counted: Counted
) -> None:
    async with opened(tmp_path, counted, CACHE) as made:
        # One host call for asking, and none for what the one that is asked needs.
        (poor,) = await nested(made, ("reads", {}), limits={"host_calls": 1})
        (whole,) = await nested(made, ("reads", {}))

    assert "exhausted" in str(poor)
    assert json.loads(whole["val"]["val"]) == {"tag": "ok", "val": None}


async def test_no_answer_with_a_credential_in_it_is_kept(tmp_path: Path, counted: Counted) -> None:
    async with opened(tmp_path, counted, CACHE) as made:
        await put(made.parts.vault, "github")
        counted.answer = {"said": CANARY}
        await made.host.call("high", "reads", {})
        assert CANARY not in str((await made.host.call("high", "reads", {})).result)


async def test_what_becomes_a_credential_is_in_no_answer_from_before(
    tmp_path: Path, counted: Counted
) -> None:
    counted.answer = {"said": CANARY}
    async with opened(tmp_path, counted, CACHE) as made:
        assert CANARY in str((await made.host.call("high", "reads", {})).result)
        await put(made.parts.vault, "github")
        after = await made.host.call("high", "reads", {})

    assert CANARY not in str(after.result)
    assert counted.calls == 2


async def test_another_host_s_change_empties_what_this_one_keeps(
    tmp_path: Path, counted: Counted
) -> None:
    async with opened(tmp_path, counted, CACHE) as made:
        await made.host.call("high", "reads", {})
        # As the relay does when it may have missed some of the others' events.
        made.relay._lost()
        assert (await made.host.call("high", "reads", {})).usage.cached is False


async def test_a_rate_holds_whoever_calls(tmp_path: Path, counted: Counted) -> None:
    around = '[[enhancements]]\nfunction = "reads"\nrate_limit = { requests_per_minute = 3 }\n'
    async with opened(tmp_path, counted, around) as made:
        answers = await nested(made, *[("reads", {"n": n}) for n in range(5)])
        with pytest.raises(RateLimited):
            await made.host.call("high", "reads", {}, subject="somebody else")

    assert [answer["tag"] for answer in answers] == ["ok"] * 3 + ["err"] * 2
    assert answers[-1]["val"]["tag"] == "unavailable"
    assert counted.calls == 3


async def test_attempts_of_a_chain_spend_no_more_than_its_first_call_may(
    tmp_path: Path, counted: Counted
) -> None:
    around = """
[[enhancements]]
function = "fails"
retry = { attempts = 10, on = ["trap"], backoff_seconds = 0, idempotent = true }
"""
    async with opened(tmp_path, counted, around) as made:
        calls = [("fails", {})] * 10
        with_limit = await made.host.call("low", "ask", {"calls": calls}, limits={"host_calls": 20})

    assert with_limit.usage.host_calls <= 20
    # Of the twenty, asking takes one each time, and each attempt three.
    assert counted.calls <= 7 + 10


async def test_a_crash_that_is_tried_again_is_held_against_the_plugin_each_time(
    tmp_path: Path, counted: Counted
) -> None:
    around = """
[[enhancements]]
function = "fails"
retry = { attempts = 10, on = ["trap"], backoff_seconds = 0, idempotent = true }
"""
    async with opened(tmp_path, counted, around) as made:
        for _ in range(2):
            with pytest.raises(CallError):
                await made.host.call("high", "fails", {})
        assert (await made.host.plugin("high")).state == "degraded"


async def test_equal_calls_of_plugins_that_hold_workers_wait_for_nobody(
    tmp_path: Path, counted: Counted
) -> None:
    going, begun = asyncio.Event(), asyncio.Event()

    async def slow(arguments: Arguments, answer: HostCalls) -> Any:
        counted.calls += 1
        begun.set()
        await going.wait()
        return "slow"

    async with opened(tmp_path, counted, CACHE) as made:
        made.executor._functions = {**made.executor._functions, "reads": slow}
        direct = asyncio.create_task(made.host.call("high", "reads", {}))
        await begun.wait()
        begun.clear()
        through = asyncio.create_task(nested(made, ("reads", {})))
        await begun.wait()  # it does not wait for the first
        going.set()
        await asyncio.gather(direct, through)
    assert counted.calls == 2
