"""What becomes of plugins that cost their workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guests import guest
from packages import package
from wardian import Settings, open_host
from wardian.errors import Conflict, Overloaded, WorkerLost
from wardian.plugins import Installed
from wardian.runtime.executor import Executor
from wardian.runtime.executor.generation import Generation
from wardian.runtime.host import PluginHost
from wardian.runtime.supervision import RESTING_CALLS_MAX, CrashPolicy, Supervisor

pytestmark = pytest.mark.anyio

CRASHES = 3


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[PluginHost]:
    settings = Settings(data_dir=tmp_path / "data", workers_max=2, crashes_max=CRASHES)
    async with open_host(settings) as opened:
        for name in ("crashes", "behaves"):
            await opened.install(package(name, guest("misbehaving")))
        yield opened


def executor_of(host: PluginHost) -> Executor:
    executor = host._parts.executor
    assert isinstance(executor, Executor)
    return executor


async def running(host: PluginHost) -> tuple[asyncio.Task[object], Generation]:
    """A call that spins in a worker, and what forked that."""
    executor = executor_of(host)
    call = asyncio.create_task(host.call("crashes", "spin", {}))
    while True:
        generation = executor._zygote.current
        if executor.workers().busy and generation is not None and generation.processes:
            await asyncio.sleep(0.1)
            return call, generation
        await asyncio.sleep(0.01)


async def crash(host: PluginHost, number: signal.Signals = signal.SIGKILL) -> None:
    """Make a call, and end its worker as a fault of the runtime would."""
    call, generation = await running(host)
    for process in list(generation.processes.values()):
        os.kill(process.pid, number)
    with pytest.raises(WorkerLost, match="ended by signal"):
        await call


async def test_a_crash_loop_quarantines_the_plugin_and_says_why(host: PluginHost) -> None:
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
        await crash(host, number)

    view = await host.plugin("crashes")
    assert view.state == "quarantined"
    assert view.state_reason.startswith("3 calls in a row cost their workers; the last: ")
    assert "SIGKILL" in view.state_reason
    with pytest.raises(Conflict, match="3 calls in a row"):
        await host.call("crashes", "fine", {})
    (event,) = await host.events.recent(1, "plugin.quarantined", tenant="default")
    told = json.loads(event.data)
    assert (told["plugin"], told["reason"]) == ("crashes", view.state_reason)


async def test_other_plugins_of_the_tenant_are_not_touched(host: PluginHost) -> None:
    for _ in range(CRASHES):
        await crash(host)
        assert (await host.call("behaves", "fine", {})).result == 42

    assert (await host.plugin("behaves")).state == "active"


async def test_a_plugin_that_was_quarantined_starts_over_when_it_is_enabled(
    host: PluginHost,
) -> None:
    for _ in range(CRASHES):
        await crash(host)
    with pytest.raises(Conflict):
        await host.enable("crashes")

    await host.disable("crashes")
    await host.enable("crashes")
    await crash(host)

    assert (await host.call("crashes", "fine", {})).result == 42


async def test_crashes_from_before_it_was_enabled_again_are_not_held_against_a_plugin(
    host: PluginHost,
) -> None:
    for _ in range(CRASHES - 1):
        await crash(host)
    await host.disable("crashes")
    await host.enable("crashes")
    for _ in range(CRASHES - 1):
        await crash(host)

    assert (await host.plugin("crashes")).state == "active"


async def test_a_call_that_ends_well_ends_the_row(host: PluginHost) -> None:
    for _ in range(CRASHES):
        await crash(host)
        assert (await host.call("crashes", "fine", {})).result == 42

    assert (await host.plugin("crashes")).state == "active"


async def test_after_the_second_crash_in_a_row_the_next_call_waits(host: PluginHost) -> None:
    await crash(host)
    await crash(host)
    began = time.monotonic()

    assert (await host.call("crashes", "fine", {})).result == 42

    assert time.monotonic() - began > 0.05


async def test_the_end_of_the_process_that_starts_workers_is_no_plugins_fault(
    host: PluginHost,
) -> None:
    for _ in range(CRASHES):
        call, generation = await running(host)
        assert generation.program is not None
        generation.program.kill()
        with pytest.raises(WorkerLost):
            await call

    assert (await host.plugin("crashes")).state == "active"
    assert (await host.call("crashes", "fine", {})).result == 42


@pytest.fixture
async def plugin(host: PluginHost) -> Installed:
    return await host._parts.registry.get("default", "crashes")


async def unexpected(_plugin: Installed, reason: str) -> None:
    raise AssertionError(reason)


async def test_calls_that_wait_for_a_resting_plugin_are_bounded(plugin: Installed) -> None:
    supervisor = Supervisor(CrashPolicy(crashes_max=100), unexpected)
    for _ in range(3):
        await supervisor.lost(plugin, WorkerLost(by_call=True))
    waiting = [asyncio.create_task(supervisor.rested(plugin)) for _ in range(RESTING_CALLS_MAX)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded, match="3 calls in a row and rests") as refused:
        await supervisor.rested(plugin)

    assert 0 < refused.value.retry_after_seconds <= 0.2
    await asyncio.gather(*waiting)
    assert not supervisor.rests(plugin)


async def test_crashes_that_are_far_apart_are_no_loop(plugin: Installed) -> None:
    supervisor = Supervisor(CrashPolicy(crashes_max=2, window_seconds=0.01), unexpected)
    for _ in range(4):
        await supervisor.lost(plugin, WorkerLost(by_call=True))
        await asyncio.sleep(0.02)


async def test_a_worker_that_could_not_be_started_is_no_plugins_fault(plugin: Installed) -> None:
    supervisor = Supervisor(CrashPolicy(crashes_max=1), unexpected)

    await supervisor.lost(plugin, WorkerLost("No worker process could be started."))

    assert not supervisor.rests(plugin)
