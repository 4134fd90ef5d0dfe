"""Rows about the memory of workers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import pairwise

from benchmarks import components
from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row
from benchmarks.processes import children_of, memory_of
from benchmarks.workers import calling, executor_of
from wardian.runtime.executor import Executor

TENANTS = ("one", "two", "three", "four")
FIRST = "first worker"

IDLE = Row("memory of an idle worker", "MiB")
IDLE_OWN = Row("memory of an idle worker, its own alone", "MiB")
TINY = Row("memory of a loaded tiny plugin", "MiB")
PYTHON = Row("memory of a loaded Python plugin", "MiB")
PYTHON_AGAIN = Row("memory of a Python plugin in a second worker", "MiB", FIRST)


def workers(bench: Bench) -> Iterator[Figure]:
    """Workers that have answered one call and wait for their next one."""
    yield from asyncio.run(_idle(bench))


def plugins(bench: Bench) -> Iterator[Figure]:
    """What all workers together gain when one of them is first called for a plugin."""
    yield from asyncio.run(_loaded(bench))


async def _idle(bench: Bench) -> list[Figure]:
    async with executor_of(bench, workers_max=len(TENANTS)) as executor:
        for tenant in TENANTS:
            await _call(executor, components.echo(), tenant)
        used = await _workers(len(TENANTS))
        found = memory_of(*used)
    return [Figure(IDLE, found.share / len(used)), Figure(IDLE_OWN, found.own / len(used))]


async def _loaded(bench: Bench) -> list[Figure]:
    python = bench.plugin("python")
    async with executor_of(bench, workers_max=2) as executor:
        await executor.admit(python)
        for tenant in TENANTS[:2]:
            await _call(executor, components.echoes(), tenant, "text")
        used = await _workers(2)
        shares = [memory_of(*used).share]
        for wasm, tenant in (
            (components.echo(), TENANTS[0]),
            (python, TENANTS[0]),
            (python, TENANTS[1]),
        ):
            await _call(executor, wasm, tenant)
            shares.append(memory_of(*used).share)
    tiny, first, second = (after - before for before, after in pairwise(shares))
    return [
        Figure(TINY, tiny),
        Figure(PYTHON, first),
        Figure(PYTHON_AGAIN, second, {FIRST: first}),
    ]


async def _call(executor: Executor, wasm: bytes, tenant: str, function: str = "echo") -> None:
    await (await calling(executor, wasm, function, tenant=tenant)).times(1)


async def _workers(count: int) -> list[int]:
    """Return the ``count`` oldest workers: the newest one is the spare, which ran nothing."""
    (zygote,) = children_of(os.getpid())
    async with asyncio.timeout(10):
        while len(found := sorted(children_of(zygote))) <= count:
            await asyncio.sleep(0.01)
    return found[:count]


MEASUREMENTS = (
    Measurement((IDLE, IDLE_OWN), workers),
    Measurement((TINY, PYTHON, PYTHON_AGAIN), plugins),
)
