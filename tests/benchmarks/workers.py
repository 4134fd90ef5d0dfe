"""Rows about calls in worker processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

from benchmarks import components
from benchmarks.bench import Bench, Measurement
from benchmarks.crossings import TEXT
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MICRO, MILLI, percentile, seconds_of, take_turns
from executors import no_host_calls
from wardian.errors import DeadlineExceeded
from wardian.policy.levels import LEVELS, Level
from wardian.runtime.executor import Executor, ExecutorSettings, Job
from wardian.runtime.executor.job import Place
from wardian.runtime.executor.worker import spawn_worker
from wardian.runtime.executor.zygote import Zygote
from wardian.sandbox import Limits, Sandbox
from wardian.worker.confinement import Bounds
from wardian.worlds import contract

Measure = Callable[[Bench], Coroutine[Any, Any, list[Figure]]]

IN_PROCESS = "in process"
ONE_WORKER = "1 worker"
CALLS_IN_A_TURN = 20
CALLERS = 8

THROUGH = Row("call through a worker, p50", "µs", IN_PROCESS)
ADDED = Row("what a worker adds to a call, p50", "µs", goal=at_most(120, absolute=True))
NEW_WORKER = Row("new confined worker, p50", "ms", goal=at_most(5, absolute=True))
NEW_AFTER_PAUSE = Row("new confined worker after a pause, p50", "ms")
FIRST_CALL = Row(
    "Python guest's first call in a new worker, p50", "ms", goal=at_most(15, absolute=True)
)
ISOLATED = Row("isolated call, p50", "ms", goal=at_most(5, absolute=True))
STOP = Row("stop of a spinning guest, p99 lateness", "ms", goal=at_most(20, absolute=True))
STOP_IN_PROCESS = Row("stop of a spinning guest in process, p99 lateness", "ms")
RATES = {
    guest: (
        Row(f"calls through 1 worker, {guest} guest", "calls/s"),
        Row(f"calls through 2 workers, {guest} guest", "calls/s", ONE_WORKER),
    )
    for guest in ("tiny", "Python")
}

SPIN_SECONDS = 0.05
PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Calling:
    """One call of one component, to be made again and again."""

    executor: Executor
    job: Job

    async def once(self) -> Any:
        """Make the call, and return its result."""
        # Each has a place of its own among those that run, as the host gives it.
        job = replace(self.job, place=Place())
        return (await self.executor.call(job, no_host_calls)).result

    async def times(self, count: int) -> None:
        """Make the call ``count`` times, one after the other."""
        for _ in range(count):
            await self.once()


def executor_of(bench: Bench, **settings: Any) -> Executor:
    """Make an executor that finds its compiled code again in the next run."""
    folder = bench.compiled_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Executor(ExecutorSettings(cache_dir=folder, **settings), contract().offer())


async def calling(
    executor: Executor,
    wasm: bytes,
    function: str = "echo",
    *,
    level: Level = Level.RESTRICTED,
    tenant: str = "default",
    **limits: Any,
) -> Calling:
    """Admit a component, and prepare a call of it."""
    description = await executor.admit(wasm)

    async def load() -> bytes:
        return wasm

    job = Job(
        call_id="bench",
        tenant=tenant,
        level=level,
        digest=description.digest,
        load=load,
        function=function,
        arguments={} if function == "spin" else {"value": TEXT},
        limits=LEVELS[level].limits.lowered(**limits),
    )
    return Calling(executor, job)


async def through(bench: Bench) -> list[Figure]:
    """The same fresh-instance call in a worker and in process, by turns."""
    wasm = components.echo()
    async with executor_of(bench) as executor:
        call = await calling(executor, wasm)
        with Sandbox() as sandbox:
            here = partial(sandbox.call, sandbox.load(wasm), "echo", {"value": TEXT})
            found = await _latencies(call, here, bench.effort.samples(100))
    worker, in_process = (median(each) * MICRO for each in found)
    return [
        Figure(THROUGH, worker, {IN_PROCESS: in_process}),
        Figure(ADDED, worker - in_process, {}),
    ]


async def _latencies(
    call: Calling, here: Callable[[], object], turns: int
) -> tuple[list[float], list[float]]:
    in_worker: list[float] = []
    in_process: list[float] = []
    await call.times(CALLS_IN_A_TURN)
    for _ in range(turns):
        for _ in range(CALLS_IN_A_TURN):
            in_worker.append(await seconds_of(call.once()))
        for _ in range(CALLS_IN_A_TURN):
            started = time.perf_counter()
            here()
            in_process.append(time.perf_counter() - started)
    return in_worker, in_process


async def new_worker(bench: Bench) -> list[Figure]:
    """From the request to a process that has given up everything and says that it is ready."""
    zygote = Zygote(bench.folder / "code")
    await zygote.start()
    try:
        count = bench.effort.samples(100)
        at_once = [await _spawned(zygote, bench, 0) for _ in range(count)]
        after_pause = [await _spawned(zygote, bench, PAUSE_SECONDS) for _ in range(count)]
    finally:
        await zygote.close()
    return [
        Figure(NEW_WORKER, median(at_once) * MILLI),
        Figure(NEW_AFTER_PAUSE, median(after_pause) * MILLI),
    ]


async def _spawned(zygote: Zygote, bench: Bench, pause: float) -> float:
    settings = ExecutorSettings(cache_dir=bench.folder)
    bounds = Bounds(memory_bytes=settings.worker_memory_bytes, file_bytes=0)
    await asyncio.sleep(pause)
    started = time.perf_counter()
    worker = await spawn_worker(zygote, bounds)
    took = time.perf_counter() - started
    worker.close()
    return took


async def first_call(bench: Bench) -> list[Figure]:
    """Each call in a worker that never ran anything; that it is ready is waited for untimed."""
    async with executor_of(bench, calls_per_worker=1) as executor:
        call = await calling(executor, bench.plugin("python"))
        took: list[float] = []
        for _ in range(bench.effort.samples(60)):
            await _spare_of(executor)
            took.append(await seconds_of(call.once()))
    return [Figure(FIRST_CALL, median(took) * MILLI)]


async def _spare_of(executor: Executor) -> None:
    async with asyncio.timeout(10):
        while not executor.workers().idle:
            await asyncio.sleep(0.005)


async def isolated(bench: Bench) -> list[Figure]:
    """Back to back, so that the process of the next call is made while this one runs."""
    async with executor_of(bench) as executor:
        call = await calling(executor, components.echo(), level=Level.ISOLATED)
        await call.times(3)
        took = [await seconds_of(call.once()) for _ in range(bench.effort.samples(200))]
    return [Figure(ISOLATED, median(took) * MILLI)]


async def stops(bench: Bench) -> list[Figure]:
    """How long after its deadline a call that never ends has ended."""
    limits = Limits(wall_seconds=SPIN_SECONDS)
    async with executor_of(bench) as executor:
        call = await calling(executor, components.spinner(), "spin", wall_seconds=SPIN_SECONDS)
        with Sandbox() as sandbox:
            component = sandbox.load(components.spinner())

            async def here() -> float:
                return _stopped(partial(sandbox.call, component, "spin", limits=limits))

            async def there() -> float:
                started = time.perf_counter()
                try:
                    await call.once()
                except DeadlineExceeded:
                    return time.perf_counter() - started - SPIN_SECONDS
                raise AssertionError("The guest ended by itself.")

            found = await take_turns({"there": there, "here": here}, bench.effort.samples(120))
    return [
        Figure(STOP, percentile(found["there"], 99) * MILLI),
        Figure(STOP_IN_PROCESS, percentile(found["here"], 99) * MILLI),
    ]


def _stopped(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    try:
        call()
    except DeadlineExceeded:
        return time.perf_counter() - started - SPIN_SECONDS
    raise AssertionError("The guest ended by itself.")


async def rates(guest: str, bench: Bench) -> list[Figure]:
    """Several callers at once, through one worker and through two, by turns."""
    wasm = components.echo() if guest == "tiny" else bench.plugin("python")
    async with AsyncExitStack() as stack:
        calls: dict[str, Calling] = {}
        for count in (1, 2):
            executor = await stack.enter_async_context(executor_of(bench, workers_max=count))
            calls[f"{count}"] = await calling(executor, wasm)
        await asyncio.gather(*(_rate(call, CALLERS) for call in calls.values()))
        turn = 800 if guest == "tiny" else 200
        found = await take_turns(
            {
                name: partial(_rate, call, bench.effort.samples(turn))
                for name, call in calls.items()
            },
            bench.effort.samples(15),
        )
    one, two = (median(found[name]) for name in calls)
    return [Figure(RATES[guest][0], one), Figure(RATES[guest][1], two, {ONE_WORKER: one})]


async def _rate(call: Calling, count: int) -> float:
    """Make ``count`` calls from `CALLERS` callers, and return how many that were a second."""
    share = max(1, count // CALLERS)
    took = await seconds_of(asyncio.gather(*(call.times(share) for _ in range(CALLERS))))
    return share * CALLERS / took


def _to_the_end(measure: Measure, bench: Bench) -> Iterator[Figure]:
    yield from asyncio.run(measure(bench))


def _measurement(rows: tuple[Row, ...], measure: Measure) -> Measurement:
    return Measurement(rows, partial(_to_the_end, measure))


MEASUREMENTS = (
    _measurement((THROUGH, ADDED), through),
    _measurement((NEW_WORKER, NEW_AFTER_PAUSE), new_worker),
    _measurement((FIRST_CALL,), first_call),
    _measurement((ISOLATED,), isolated),
    _measurement((STOP, STOP_IN_PROCESS), stops),
    *(_measurement(RATES[guest], partial(rates, guest)) for guest in RATES),
)
