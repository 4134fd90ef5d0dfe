"""The fake executor and the real one pass the same tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeExecutor
from guests import guest
from wardian.crypto.digests import sha256_hex
from wardian.errors import DeadlineExceeded, GuestError, InvalidComponent
from wardian.policy.levels import Level
from wardian.policy.limits import Limits
from wardian.runtime.executor import Executor, ExecutorSettings, HostCalls, Job
from wardian.runtime.ports import Executor as AnyExecutor
from wardian.worlds import contract

pytestmark = pytest.mark.anyio


async def bump(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    result = await answer("kv", "increment", [arguments["key"], arguments["by"]])
    if result["tag"] == "err":
        raise GuestError(payload=result["val"])
    return result["val"]


async def hang(arguments: Mapping[str, Any], answer: HostCalls) -> None:
    await asyncio.Event().wait()


@pytest.fixture(params=["fake", "real"])
async def executor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyExecutor]:
    if request.param == "fake":
        yield FakeExecutor({"bump": bump, "hang": hang})
        return
    settings = ExecutorSettings(cache_dir=tmp_path / "cache", workers_max=1)
    async with Executor(settings, contract().offer()) as real:
        yield real


def job(function: str, arguments: Mapping[str, Any], **limits: Any) -> Job:
    async def load() -> bytes:
        return guest("stores")

    return Job(
        call_id="c1",
        tenant="default",
        level=Level.RESTRICTED,
        digest=sha256_hex(guest("stores")),
        load=load,
        function=function,
        arguments=arguments,
        limits=Limits(**limits),
    )


async def test_a_component_is_described_by_its_digest_size_and_functions(
    executor: AnyExecutor,
) -> None:
    found = await executor.admit(guest("stores"), wasi=True)

    assert found.digest == sha256_hex(guest("stores"))
    assert found.size_bytes == len(guest("stores"))
    assert {"bump", "hang"} <= set(found.functions)
    assert found.functions["bump"].parameters["type"] == "object"


async def test_text_is_no_component(executor: AnyExecutor) -> None:
    with pytest.raises(InvalidComponent):
        await executor.admit(b"text", wasi=True)


async def test_host_calls_are_asked_for_and_answered(executor: AnyExecutor) -> None:
    asked: list[Any] = []

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        asked.append((interface, function, list(arguments)))
        return {"tag": "ok", "val": 7}

    outcome = await executor.call(job("bump", {"key": "n", "by": 2}), answer)

    assert outcome.result == 7
    assert outcome.usage.wall_seconds > 0
    assert asked == [("kv", "increment", ["n", 2])]


async def test_an_error_of_the_guest_carries_its_payload(executor: AnyExecutor) -> None:
    refusal = {"tag": "denied", "val": "no"}

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        return {"tag": "err", "val": refusal}

    with pytest.raises(GuestError) as caught:
        await executor.call(job("bump", {"key": "n", "by": 2}), answer)
    assert caught.value.payload == refusal


async def test_a_hanging_call_ends_at_its_deadline_with_its_usage(executor: AnyExecutor) -> None:
    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        raise AssertionError

    with pytest.raises(DeadlineExceeded) as caught:
        await executor.call(job("hang", {}, wall_seconds=0.1), answer)
    assert caught.value.usage is not None
    assert caught.value.usage.wall_seconds >= 0.1


async def test_workers_are_counted(executor: AnyExecutor) -> None:
    report = executor.workers()

    assert report.busy == 0
    assert report.lost == 0
