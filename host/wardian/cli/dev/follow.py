"""One attempt at a time, of the newest state: what changed meanwhile is taken up afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from wardian.cli.dev.watching import State


class Follower:
    """Hands new states to ``attempt``, never two at once.

    However often the files change while an attempt runs, there is one more attempt after it, of
    the files as they are then. ``overtaken`` is told of each newer state, and may make an attempt
    that runs end sooner.
    """

    def __init__(
        self, attempt: Callable[[State], Awaitable[object]], overtaken: Callable[[State], None]
    ) -> None:
        self._attempt = attempt
        self._overtaken = overtaken
        self._newest: State | None = None
        self._has_ended = False
        self._changed = asyncio.Event()

    async def follow(self, states: AsyncIterator[State]) -> None:
        """Go on until ``states`` end and the last of them was attempted, or until cancelled.

        What ``attempt`` or ``states`` raise ends it.
        """
        tasks = [asyncio.create_task(self._read(states)), asyncio.create_task(self._attempts())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, states: AsyncIterator[State]) -> None:
        async for state in states:
            self._newest = state
            self._changed.set()
            self._overtaken(state)
        self._has_ended = True
        self._changed.set()

    async def _attempts(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            state, self._newest = self._newest, None
            if state is not None:
                await self._attempt(state)
            if self._newest is None and self._has_ended:
                return
