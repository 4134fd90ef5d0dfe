"""Workers that die, whenever they die, take their own call with them and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import pytest

from guests import guest
from security.arena import Arena, Footprint, arena
from wardian import errors
from wardian.policy.levels import Level
from wardian.runtime.executor.process import Process

pytestmark = [pytest.mark.anyio, pytest.mark.quiet]

STORM_SECONDS = 4.0
CALLERS = 6
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGTERM)


def busy_workers_of(fight: Arena) -> list[int]:
    lent = [worker._body for worker in fight.executor._pool._long_calls._lent]
    return [body.pid for body in lent if isinstance(body, Process)]


def workers_of(fight: Arena) -> list[int]:
    generation = fight.executor._zygote.current
    return [] if generation is None else list(generation.processes)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_a_worker_that_dies_loses_the_call_that_it_ran(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with arena(tmp_path) as fight:
        await fight.works("beside", Level.RESTRICTED)
        spinning = asyncio.create_task(fight.call(guest("misbehaving"), "spin", tenant="attacker"))
        while not (victims := busy_workers_of(fight)):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        over = asyncio.Event()
        beside = asyncio.create_task(fight._work_beside(over))
        for pid in victims:
            os.kill(pid, number)

        with pytest.raises(errors.WorkerLost, match="ended by signal") as caught:
            await spinning

        over.set()
        assert caught.value.usage is not None
        assert caught.value.usage.wall_seconds >= 0.1
        assert await beside > 0
        await fight.works("attacker", Level.RESTRICTED)


@pytest.mark.parametrize("level", [Level.STANDARD, Level.RESTRICTED, Level.ISOLATED])
async def test_workers_killed_at_any_moment_lose_only_their_calls(
    tmp_path: Path, level: Level
) -> None:
    chance = random.Random(f"{level}")
    outcomes: list[int | errors.WardianError] = []
    async with arena(tmp_path, workers_max=3) as fight:
        await fight.works("tenant-0", level)
        await fight.executor.admit(guest("calculator"))
        before = Footprint.now()
        over = asyncio.Event()

        async def call(tenant: str) -> None:
            while not over.is_set():
                a, b = chance.randrange(1_000_000), chance.randrange(1_000_000)
                try:
                    sum_ = await fight.call(
                        guest("calculator"), "add", {"a": a, "b": b}, tenant=tenant, level=level
                    )
                except errors.WorkerLost as error:
                    outcomes.append(error)
                else:
                    assert sum_.result == a + b
                    outcomes.append(a + b)

        async def kill() -> int:
            kills = 0
            while not over.is_set():
                await asyncio.sleep(chance.uniform(0.001, 0.05))
                alive = workers_of(fight)
                with contextlib.suppress(ProcessLookupError, IndexError):
                    os.kill(chance.choice(alive), chance.choice(SIGNALS))
                    kills += 1
            return kills

        callers = [asyncio.create_task(call(f"tenant-{n % 2}")) for n in range(CALLERS)]
        killer = asyncio.create_task(kill())
        await asyncio.sleep(STORM_SECONDS)
        over.set()
        kills = await killer
        await asyncio.gather(*callers)

        lost = [each for each in outcomes if isinstance(each, errors.WorkerLost)]
        assert kills > 20
        assert len(lost) <= kills
        assert len(outcomes) - len(lost) > len(lost)
        await fight.works("tenant-0", level)
        await fight.is_as(before)


async def test_workers_are_replaced_after_their_calls_and_nothing_grows(tmp_path: Path) -> None:
    async with arena(tmp_path, calls_per_worker=100) as fight:

        async def calls(count: int) -> None:
            for _ in range(count):
                await fight.works("default", Level.RESTRICTED)

        await calls(500)
        before = Footprint.now()
        spawned = fight.executor.workers().spawned
        await asyncio.gather(calls(1_500), calls(1_500))

        assert fight.executor.workers().spawned - spawned >= 28
        assert Footprint.now().memory_bytes - before.memory_bytes < 8 * 1024 * 1024
        await fight.is_as(before)
