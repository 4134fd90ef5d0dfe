"""Rows about calls beside guests that take what they can."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator, Iterator

from benchmarks import components
from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MICRO, MILLI, percentile, seconds_of
from benchmarks.processes import memory_of
from benchmarks.workers import SPIN_SECONDS, Calling, calling, executor_of
from wardian.errors import DeadlineExceeded

ALONE = "alone"
SPINNING_BESIDE = 2
GREEDY_CALLERS = 8
SHORT_SPIN_SECONDS = 0.005
SETTLED_SECONDS = 0.5

STOP = Row(
    "stop of a spinning guest, two spinning beside, p99 lateness",
    "ms",
    goal=at_most(20, absolute=True),
)
BESIDE_SPINNING = Row("call beside a tenant whose guests spin, p99", "µs", ALONE, at_most(3))
BESIDE_CALLING = Row("call beside a tenant that calls incessantly, p99", "µs", ALONE, at_most(3))
AFTER_CALLS = Row("broker's memory gained by 100,000 calls with recycling", "MiB")
AFTER_SPINS = Row("broker's memory gained by 1,000 guests stopped at their deadline", "MiB")


def stops(bench: Bench) -> Iterator[Figure]:
    """How long after its deadline a call has ended while others spin on all cores."""
    yield from asyncio.run(_stops(bench))


def neighbours(bench: Bench) -> Iterator[Figure]:
    """One tenant calls, alone and beside another that has as many calls running as it can."""
    yield from asyncio.run(_neighbours(bench))


def lasting(bench: Bench) -> Iterator[Figure]:
    """What stays behind in the broker after very many calls."""
    yield from asyncio.run(_lasting(bench))


async def _stops(bench: Bench) -> list[Figure]:
    wasm = components.spinner()
    async with executor_of(bench, workers_max=SPINNING_BESIDE + 1) as executor:
        call = await calling(executor, wasm, "spin", wall_seconds=SPIN_SECONDS)
        beside = await calling(executor, wasm, "spin", tenant="other", wall_seconds=1.0)
        async with _busy(beside, SPINNING_BESIDE):
            late = [await _lateness(call) for _ in range(bench.effort.samples(200))]
    return [Figure(STOP, percentile(late, 99) * MILLI)]


async def _neighbours(bench: Bench) -> list[Figure]:
    wasm = components.echo()
    async with executor_of(bench) as executor:
        modest = await calling(executor, wasm)
        callers = {
            BESIDE_SPINNING: await calling(executor, components.spinner(), "spin", tenant="other"),
            BESIDE_CALLING: await calling(executor, wasm, tenant="other"),
        }
        found: dict[Row, list[float]] = {row: [] for row in callers}
        alone: list[float] = []
        samples = bench.effort.samples(1_000)
        for _ in range(3):
            alone += await _times(modest, samples)
            for row, greedy in callers.items():
                async with _busy(greedy, GREEDY_CALLERS):
                    found[row] += await _times(modest, samples)
    peer = {ALONE: percentile(alone, 99) * MICRO}
    return [Figure(row, percentile(took, 99) * MICRO, peer) for row, took in found.items()]


async def _times(call: Calling, count: int) -> list[float]:
    await call.times(50)
    return [await seconds_of(call.once()) for _ in range(count)]


async def _lasting(bench: Bench) -> list[Figure]:
    async with executor_of(bench, calls_per_worker=1_000) as executor:
        call = await calling(executor, components.echo())
        spin = await calling(
            executor, components.spinner(), "spin", wall_seconds=SHORT_SPIN_SECONDS
        )
        await call.times(2_000)
        after_calls = await _gained(call, bench.effort.samples(100_000))
        await _lateness(spin)
        started = _own_memory()
        for _ in range(bench.effort.samples(1_000)):
            await _lateness(spin)
        after_spins = _own_memory() - started
    return [Figure(AFTER_CALLS, after_calls), Figure(AFTER_SPINS, after_spins)]


async def _gained(call: Calling, count: int) -> float:
    started = _own_memory()
    await asyncio.gather(*(call.times(count // 4) for _ in range(4)))
    return _own_memory() - started


def _own_memory() -> float:
    gc.collect()
    return memory_of(os.getpid()).own


async def _lateness(call: Calling) -> float:
    started = time.perf_counter()
    with contextlib.suppress(DeadlineExceeded):
        await call.once()
    return time.perf_counter() - started - call.job.limits.wall_seconds


@contextlib.asynccontextmanager
async def _busy(call: Calling, callers: int) -> AsyncIterator[None]:
    """Have so many callers make a call again and again."""
    tasks = [asyncio.create_task(_forever(call)) for _ in range(callers)]
    await asyncio.sleep(SETTLED_SECONDS)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forever(call: Calling) -> None:
    while True:
        with contextlib.suppress(DeadlineExceeded):
            await call.once()


MEASUREMENTS = (
    Measurement((STOP,), stops),
    Measurement((BESIDE_SPINNING, BESIDE_CALLING), neighbours),
    Measurement((AFTER_CALLS, AFTER_SPINS), lasting),
)
