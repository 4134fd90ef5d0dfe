"""An event loop whose clock jumps: what waits for a time does not wait, and is still in order.

For tests of deadlines between the two ends of a socket pair. When nothing is ready, time goes on
to the next timer at once; so a test of a minute takes no longer than its steps, and a task that
waits for something that never comes is an error instead of a test that hangs.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.EpollSelector):
    """Never waits: where it would have, it says how long."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("something waits for what never comes")
        if not ready and timeout:
            self.now += timeout
        return ready


class TimelessLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, which starts at zero."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_timeless(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        return runner.run(main)
