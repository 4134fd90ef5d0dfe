"""Many changes in one transaction, where each would have one of its own.

Because a commit takes a thousand times as long as what it commits here, and who writes to a tenant
waits for whoever else does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Generic, TypeVar

AT_ONCE = 500
"""Changes of one transaction."""

Item = TypeVar("Item")
Done = TypeVar("Done")


class Together(Generic[Item, Done]):
    """Does what comes while something is being done right afterwards, all of it at once.

    What may wait is done after a pause, or with the next that may not, in the order in which all
    of it came.
    """

    def __init__(
        self,
        work: Callable[[str, Sequence[Item]], Awaitable[Sequence[Done | Exception]]],
        *,
        pause: float = 0.0,
    ) -> None:
        """``work`` does a tenant's items, in order; it returns what came of each, or raises what
        kept it from doing any. ``pause`` is how long things wait that may, in seconds."""
        self._work = work
        self._pause = pause
        self._hurries: dict[str, asyncio.Event] = {}
        self._waiting: dict[str, deque[tuple[Item, asyncio.Future[Done]]]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._last: dict[str, asyncio.Future[Done]] = {}

    def waiting(self, tenant: str) -> int:
        """Return how many items of a tenant nobody has begun to do."""
        return len(self._waiting.get(tenant, ()))

    def is_busy(self, tenant: str) -> bool:
        """Tell whether anything of a tenant's is yet to be done."""
        return tenant in self._running

    def submit(self, tenant: str, item: Item, *, may_wait: bool = False) -> asyncio.Future[Done]:
        """Have an item done; whoever stops waiting for it does not keep it from being done."""
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_look_at)
        self._waiting.setdefault(tenant, deque()).append((item, future))
        self._last[tenant] = future
        hurry = self._hurries.setdefault(tenant, asyncio.Event())
        if not may_wait or len(self._waiting[tenant]) >= AT_ONCE:
            hurry.set()
        if tenant not in self._running:
            name = f"wardian-together-{tenant}"
            self._running[tenant] = asyncio.create_task(self._run(tenant), name=name)
        return future

    async def do(self, tenant: str, item: Item) -> Done:
        """Have an item done, and return what came of it."""
        return await asyncio.shield(self.submit(tenant, item))

    async def caught_up(self, tenant: str) -> None:
        """Wait until what a tenant has submitted up to now is done, or cannot be."""
        last = self._last.get(tenant)
        if last is not None:
            self._hurries[tenant].set()
            await asyncio.wait([last])

    async def idle(self) -> None:
        """Wait until all is done."""
        while self._running:
            for hurry in self._hurries.values():
                hurry.set()
            await asyncio.wait(list(self._running.values()))

    async def _run(self, tenant: str) -> None:
        try:
            while waiting := self._waiting[tenant]:
                await self._paused(self._hurries[tenant])
                batch = [waiting.popleft() for _ in range(min(len(waiting), AT_ONCE))]
                await self._do(tenant, batch)
        finally:
            del self._waiting[tenant]
            del self._running[tenant], self._last[tenant], self._hurries[tenant]

    async def _paused(self, hurry: asyncio.Event) -> None:
        if self._pause and not hurry.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await hurry.wait()
        hurry.clear()

    async def _do(self, tenant: str, batch: list[tuple[Item, asyncio.Future[Done]]]) -> None:
        done: Sequence[Done | Exception]
        try:
            done = await self._work(tenant, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 -- it is for those who wait, each on its own
            done = [deepcopy(error) for _ in batch]
        for (_, future), result in zip(batch, done, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)


def _look_at(future: asyncio.Future[Done]) -> None:
    if not future.cancelled():
        future.exception()  # looked at, so that asyncio does not report it as forgotten
