"""Who waits for a job is woken when something happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LOOKS_SECONDS = 1.0
"""How long it takes at most until it is seen what another host did to a job."""


class Watch:
    """Wakes one who waits for a job.

    Attributes:
        beside: called with each `wake`, for what else is waited for.
        is_closed: whether nobody is to wait any longer.
    """

    def __init__(self, *, is_shared: bool) -> None:
        self.beside: Callable[[], None] | None = None
        self.is_closed = False
        self._moved = asyncio.Event()
        self._is_shared = is_shared

    def wake(self) -> None:
        """Have who waits look."""
        self._moved.set()
        if self.beside is not None:
            self.beside()

    def close(self) -> None:
        """Have who waits go."""
        self.is_closed = True
        self.wake()

    @property
    def is_moved(self) -> bool:
        """Whether there may be something new."""
        return self._moved.is_set()

    def has_moved(self) -> bool:
        """Tell, once, whether there may be something new."""
        moved = self._moved.is_set()
        self._moved.clear()
        return moved

    def most(self, seconds: float) -> float:
        """Return how long may be waited, of so many seconds, until it is looked again."""
        return min(seconds, LOOKS_SECONDS) if self._is_shared else seconds

    async def moved(self, seconds: float) -> None:
        """Return when there may be something new, and after so many seconds at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.most(seconds)):
                await self._moved.wait()
        self._moved.clear()


class Watches:
    """Those who wait for jobs, on this host."""

    def __init__(self, *, is_shared: bool) -> None:
        """``is_shared`` tells that other hosts may change jobs."""
        self._is_shared = is_shared
        self._open: dict[str, set[Watch]] = {}

    def tell(self, job_id: str) -> None:
        """Have those look who wait for a job."""
        for watch in self._open.get(job_id, ()):
            watch.wake()

    @contextmanager
    def watched(self, job_id: str) -> Iterator[Watch]:
        """Be woken, while this is open, when something happens to a job."""
        watch = Watch(is_shared=self._is_shared)
        self._open.setdefault(job_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._open[job_id].discard(watch)
            if not self._open[job_id]:
                del self._open[job_id]
