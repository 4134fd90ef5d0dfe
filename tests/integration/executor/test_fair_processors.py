"""Calls that compute for long, and calls beside them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from executors import Call, caller
from guests import guest
from wardian import errors
from wardian.policy.levels import Level
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.runtime.executor.process import Process
from wardian.runtime.executor.worker import Worker
from wardian.worker.priority import BESIDE_NICE, Priority
from wardian.worlds import contract

pytestmark = [pytest.mark.anyio, pytest.mark.quiet]

MISBEHAVING = guest("misbehaving")
QUICK = guest("calculator")


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    settings = ExecutorSettings(cache_dir=tmp_path / "cache", workers_max=3)
    async with Executor(settings, contract().offer()) as opened:
        yield opened


@pytest.fixture
def call(executor: Executor) -> Call:
    return caller(executor)


def idle_workers(executor: Executor) -> list[Worker]:
    return [worker for workers in executor._pool._idle.values() for worker in workers]


def policy_of(worker: Worker) -> int:
    assert isinstance(worker._body, Process)
    return os.sched_getscheduler(worker._body.pid)


def nice_of(worker: Worker) -> int:
    assert isinstance(worker._body, Process)
    return os.getpriority(os.PRIO_PROCESS, worker._body.pid)


async def spin(call: Call, seconds: float = 0.3) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        await call(MISBEHAVING, "spin", wall_seconds=seconds)


async def test_a_call_that_computes_for_long_lets_all_others_go_first(
    executor: Executor, call: Call
) -> None:
    await spin(call)

    (worker,) = idle_workers(executor)
    assert worker.priority is Priority.LONG
    assert policy_of(worker) == os.SCHED_IDLE


async def test_quick_calls_do_not_meet_the_workers_of_long_ones(
    executor: Executor, call: Call
) -> None:
    await spin(call)
    for _ in range(3):
        assert (await call(MISBEHAVING, "fine")).result == 42

    behind, before = sorted(idle_workers(executor), key=lambda worker: -worker.priority)
    assert (behind.calls, policy_of(behind)) == (1, os.SCHED_IDLE)
    assert (before.calls, policy_of(before)) == (3, os.SCHED_OTHER)

    await spin(call, 0.1)
    assert (behind.calls, before.calls) == (2, 3)


async def test_a_function_that_was_long_once_is_quick_again(executor: Executor, call: Call) -> None:
    long_calls = executor._pool._long_calls
    (digest,) = {(await executor.admit(QUICK)).digest}
    long_calls._remember((digest, "add"))

    await call(QUICK, "add", {"a": 1, "b": 2})
    assert not long_calls.expected((digest, "add"))
    await call(QUICK, "add", {"a": 1, "b": 2})

    assert sorted(worker.priority for worker in idle_workers(executor)) == [
        Priority.FIRST,
        Priority.LONG,
    ]


async def test_a_call_that_waits_keeps_its_place(executor: Executor, call: Call) -> None:
    async def answer(interface: str, function: str, arguments: list[object]) -> object:
        await asyncio.sleep(0.2)
        return {"tag": "ok", "val": 1}

    await call(
        guest("stores"), "bump", {"key": "n", "by": 1}, level=Level.RESTRICTED, answer=answer
    )

    assert [worker.priority for worker in idle_workers(executor)] == [Priority.FIRST]


async def test_of_one_tenants_calls_at_once_one_goes_first(executor: Executor, call: Call) -> None:
    await call(MISBEHAVING, "fine")
    started, others_are_done = asyncio.Event(), asyncio.Event()

    async def answer(interface: str, function: str, arguments: list[object]) -> object:
        started.set()
        await others_are_done.wait()
        return {"tag": "ok", "val": 1}

    waiting = asyncio.create_task(
        call(guest("stores"), "bump", {"key": "n", "by": 1}, answer=answer)
    )
    await started.wait()
    await call(MISBEHAVING, "fine", tenant="other")
    await call(MISBEHAVING, "fine")
    others_are_done.set()
    await waiting
    await call(MISBEHAVING, "fine")

    found = sorted(
        (worker.priority, nice_of(worker), worker.calls) for worker in idle_workers(executor)
    )
    assert found == [
        (Priority.FIRST, 0, 1),
        (Priority.FIRST, 0, 3),
        (Priority.BESIDE, BESIDE_NICE, 1),
    ]


async def test_a_tenant_that_is_alone_has_all_there_is(executor: Executor, call: Call) -> None:
    await executor.admit(MISBEHAVING)
    await asyncio.gather(*(call(MISBEHAVING, "fine") for _ in range(3)))

    assert {worker.priority for worker in idle_workers(executor)} == {Priority.FIRST}


async def waiting_calls(call: Call, count: int) -> tuple[asyncio.Event, list[asyncio.Task[object]]]:
    """Have so many calls of one tenant wait in a host function until the event is set."""
    gate = asyncio.Event()

    async def answer(interface: str, function: str, arguments: list[object]) -> object:
        await gate.wait()
        return {"tag": "ok", "val": 1}

    calls = [
        asyncio.create_task(call(guest("stores"), "bump", {"key": "n", "by": 1}, answer=answer))
        for _ in range(count)
    ]
    return gate, calls


async def test_beside_others_a_tenants_short_calls_leave_a_processor_free(
    executor: Executor, call: Call
) -> None:
    pool = executor._pool
    pool._beside_others = 1
    most = 0

    async def many(tenant: str) -> None:
        nonlocal most
        for _ in range(30):
            await call(MISBEHAVING, "fine", tenant=tenant)
            most = max(most, pool._running["busy"] - pool._lasting["busy"])

    await many("busy")
    await many("other")
    most = 0
    await asyncio.gather(*(many("busy") for _ in range(3)), many("other"))

    assert most == 1


@pytest.mark.parametrize("before", [0, 1])
async def test_calls_that_wait_run_beside_each_other_whoever_else_calls(
    executor: Executor, call: Call, before: int
) -> None:
    """The first of them is taken for a short one, but not for long."""
    executor._pool._beside_others = 1
    await call(MISBEHAVING, "fine")
    await call(MISBEHAVING, "fine", tenant="other")
    for _ in range(before):
        gate, calls = await waiting_calls(call, 1)
        await asyncio.sleep(0.1)
        gate.set()
        await asyncio.gather(*calls)

    gate, calls = await waiting_calls(call, 3)
    async with asyncio.timeout(10):
        while executor.workers().busy < 3:
            await asyncio.sleep(0.01)
    gate.set()
    await asyncio.gather(*calls)

    assert executor._pool._lasting.total() == 0


async def test_callers_that_leave_while_a_worker_is_started_leave_none_behind(
    executor: Executor, call: Call
) -> None:
    await executor.admit(MISBEHAVING)
    for _ in range(10):
        calls = [asyncio.create_task(call(MISBEHAVING, "spin")) for _ in range(6)]
        await asyncio.sleep(0.01)
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert (await call(MISBEHAVING, "fine")).result == 42

    generation = executor._zygote.current
    assert generation is not None
    deadline = time.monotonic() + 10
    while len(generation.processes) > executor.workers().idle and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert len(generation.processes) <= executor.workers().idle
