"""The broker's side of the zygote: whom to ask for processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

from wardian.errors import HostUnusable, WorkerLost
from wardian.runtime.executor.generation import Generation
from wardian.runtime.executor.process import Process
from wardian.worker.confinement import Bounds
from wardian.worker.protections import NONE, Protections
from wardian.worker.zygote import main

SETTLED_SECONDS = 10.0
FIRST_REST_SECONDS = 0.1
REST_SECONDS_MAX = 5.0


class Zygote:
    """Forks workers in about a millisecond, because everything is imported already.

    There is another one when it died, or when ``code``, the directory of compiled code, was removed
    and made again: its children would go on seeing the one that is gone. One that ends within
    ``SETTLED_SECONDS`` of its start is replaced at once the first time, and then after rests that
    double. ``entry`` names the function that it runs.
    """

    def __init__(self, code: Path, entry: str = f"{main.__module__}:{main.__name__}") -> None:
        self._code = code.resolve()
        self._entry = entry
        self._seen: tuple[int, int] | None = None
        self._current: Generation | None = None
        self._ends = 0
        self._started_at = 0.0
        self._protections = NONE
        self._running_out: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    @property
    def current(self) -> Generation | None:
        """What runs now."""
        return self._current

    @property
    def protections(self) -> Protections:
        """What holds its children on this machine; known once it was started."""
        return self._protections

    async def start(self) -> None:
        """Start the zygote and wait until it is warm.

        Raises:
            HostUnusable: it did not start; says why.
        """
        self._seen = _identity(self._code)
        self._started_at = monotonic()
        generation = Generation()
        await generation.start(self._entry, self._code)
        self._current = generation
        self._protections = generation.protections

    async def spawn(
        self, bounds: Bounds, descriptors: list[int], *, compiles: bool = False
    ) -> Process:
        """Fork a child with these descriptors.

        Raises:
            WorkerLost: the zygote is gone or does not answer.
        """
        try:
            generation = await self._ensured()
        except (HostUnusable, OSError) as error:
            raise WorkerLost(f"No worker process could be started: {error}.") from error
        return await generation.spawn(bounds, descriptors, compiles=compiles)

    async def close(self) -> None:
        """End the zygote and with it every child."""
        for task in self._running_out:
            task.cancel()
        if self._running_out:
            await asyncio.wait(self._running_out)
        if self._current is not None:
            await self._current.close()
            self._current = None

    async def _ensured(self) -> Generation:
        async with self._lock:
            current = self._current
            if current is not None and not current.running:
                self._current = None
                self._note_end(soon=monotonic() - self._started_at < SETTLED_SECONDS)
                await current.close()
            elif current is not None and _identity(self._code) != self._seen:
                self._current = None
                self._run_out(current)
            if self._current is None:
                await self._start_again()
            assert self._current is not None  # noqa: S101 -- `start` raises otherwise
            return self._current

    async def _start_again(self) -> None:
        """Start another in place of one that ended, the later the more of them ended soon."""
        if self._ends > 1:
            await asyncio.sleep(min(FIRST_REST_SECONDS * 2 ** (self._ends - 2), REST_SECONDS_MAX))
        try:
            await self.start()
        except (HostUnusable, OSError):
            self._note_end(soon=True)
            raise

    def _note_end(self, *, soon: bool) -> None:
        self._ends = self._ends + 1 if soon else 1

    def _run_out(self, generation: Generation) -> None:
        """Let calls that run end where they are."""
        task = asyncio.get_running_loop().create_task(generation.run_out())
        self._running_out.add(task)
        task.add_done_callback(self._running_out.discard)


def _identity(directory: Path) -> tuple[int, int]:
    """Tell a directory from another one in its place; makes it where there is none."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    return found.st_dev, found.st_ino
