"""An executor in which one tenant attacks and another one works.

Whatever the attack, four things hold, and ``Arena.attack`` checks them every time: it ends with a
documented error and in time; calls that another tenant makes meanwhile succeed; the attacker's next
call works; and when it is over the host has as many descriptors, threads and processes as before,
and no more memory.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executors import caller, no_host_calls
from guests import guest
from wardian.errors import WardianError
from wardian.policy.levels import Level
from wardian.runtime.executor import Executor, ExecutorSettings, HostCalls
from wardian.sandbox import Outcome
from wardian.worlds import contract

IN_WORKERS = (Level.STANDARD, Level.RESTRICTED, Level.ISOLATED)

LATE_SECONDS = 2.5
"""How much later than it should a call may end here, where anything may run beside the tests. The
figures are rows of ``make bench``."""

LOOP_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""The event loop's own, for files; it keeps those that it once started."""

KEPT_BYTES = 64 * 1024 * 1024
"""What the host's allocator may keep of large messages that it has passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One call that must not do what it wants.

    Attributes:
        limit: the field of ``Limits`` that stops it.
        error: what it must end with.
        wasm: makes its component.
        limits: lower than the level's own, so that tests are quick.
        answer: of host functions.
        seconds: after which it must be over.
        levels: at which it is made.
    """

    name: str
    limit: str
    error: type[WardianError]
    wasm: Callable[[], bytes]
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    answer: HostCalls = no_host_calls
    seconds: float = 0.5
    levels: tuple[Level, ...] = tuple(Level)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attack ended.

    Attributes:
        result: what it answered, or the error that it ended with.
        beside: how many calls of the other tenant succeeded meanwhile.
    """

    result: Outcome | WardianError
    seconds: float
    beside: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the host holds of its machine."""

    memory_bytes: int
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> Footprint:
        """Look at this process."""
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            resident * os.sysconf("SC_PAGE_SIZE"),
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
        )


class Arena:
    """Attacks on one executor."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.call = caller(executor)

    async def attack(self, attack: Attack, level: Level) -> Ended:
        """Run an attack at a level, with everything that must hold; return how it ended."""
        await self.executor.admit(attack.wasm())
        await self.works("attacker", level)
        await self.works("beside", Level.RESTRICTED)
        before = Footprint.now()
        ended = await self._fight(attack, level)
        assert isinstance(ended.result, attack.error), ended.result
        assert ended.seconds < attack.seconds + LATE_SECONDS
        assert ended.beside > 0
        await self.works("attacker", level)
        await self.is_as(before)
        return ended

    async def works(self, tenant: str, level: Level) -> None:
        """Check that an innocent call succeeds."""
        outcome = await self.call(guest("misbehaving"), "fine", tenant=tenant, level=level)
        assert outcome.result == 42

    async def is_as(self, before: Footprint) -> None:
        """Check that nothing was left behind; processes that were killed take a moment to end."""
        settings = self.executor._pool._settings
        generation = self.executor._zygote.current
        assert generation is not None
        for _ in range(100):
            now = Footprint.now()
            few = len(generation.processes) <= settings.workers_max + 1
            if few and now.descriptors <= before.descriptors + 2 * settings.workers_max:
                break
            await asyncio.sleep(0.05)
        assert few
        assert now.descriptors <= before.descriptors + 2 * settings.workers_max
        assert now.threads <= before.threads + LOOP_THREADS
        assert now.memory_bytes <= before.memory_bytes + KEPT_BYTES

    async def _fight(self, attack: Attack, level: Level) -> Ended:
        over = asyncio.Event()
        beside = asyncio.create_task(self._work_beside(over))
        started = time.monotonic()
        result = await self._made(attack, level)
        seconds = time.monotonic() - started
        over.set()
        return Ended(result, seconds, await beside)

    async def _made(self, attack: Attack, level: Level) -> Outcome | WardianError:
        try:
            return await self.call(
                attack.wasm(),
                attack.function,
                attack.arguments,
                level=level,
                tenant="attacker",
                answer=attack.answer,
                **attack.limits,
            )
        except WardianError as error:
            return error

    async def _work_beside(self, over: asyncio.Event) -> int:
        """Call as another tenant until the attack is over, once at least."""
        made = 0
        while not made or not over.is_set():
            await self.works("beside", Level.RESTRICTED)
            made += 1
        return made


@asynccontextmanager
async def arena(folder: Path, **settings: Any) -> AsyncIterator[Arena]:
    """Open an arena with an executor of its own."""
    chosen = {"workers_max": 2, "cache_dir": folder / "cache", **settings}
    async with Executor(ExecutorSettings(**chosen), contract().offer()) as executor:
        yield Arena(executor)
