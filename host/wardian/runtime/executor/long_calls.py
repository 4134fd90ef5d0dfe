"""Calls that compute for long let the others go first.

A kernel shares processors between processes and knows nothing of tenants: four guests that spin on
two cores make everybody's next call wait for their time slices. So a worker whose call has used
``LONG_SECONDS`` of processor time steps back: it runs when nobody else of the host wants to. Only
root could take that back, so such workers serve calls of functions that were long the last time,
and those never meet the others again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from wardian.runtime.executor.worker import Worker
from wardian.worker.priority import Priority

LONG_SECONDS = 0.02
LOOK_SECONDS = 0.025
FUNCTIONS_MAX = 4_096

Function = tuple[str, str]
"""The digest of a component, and the name of a function."""


class LongCalls:
    """Watches the workers that are lent, and remembers which functions took long.

    While any is lent, ``looked`` is called every ``LOOK_SECONDS``.
    """

    def __init__(self, looked: Callable[[], None]) -> None:
        self._looked = looked
        # With the processor time that the worker had used when its call was first looked at.
        self._lent: dict[Worker, tuple[Function, float | None]] = {}
        self._long: OrderedDict[Function, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def expected(self, function: Function) -> bool:
        """Tell whether a call of ``function`` took long the last time."""
        return function in self._long

    def quick(self) -> int:
        """Count the calls that run and have not stepped back."""
        return sum(not _is_long(worker) for worker in self._lent)

    def begin(self, worker: Worker, function: Function) -> None:
        """A call begins."""
        self._lent[worker] = function, worker.cpu_seconds() if _is_long(worker) else None
        if self._timer is None:
            self._look_again()

    def end(self, worker: Worker) -> None:
        """A call has ended."""
        function, before = self._lent.pop(worker)
        if before is None or not _is_long(worker) or worker.lost:
            return
        if worker.cpu_seconds() - before < LONG_SECONDS:
            self._long.pop(function, None)

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        for worker, (function, before) in self._lent.items():
            if not _is_long(worker):
                used = worker.cpu_seconds()
                if before is None:
                    self._lent[worker] = function, used
                elif used - before >= LONG_SECONDS:
                    worker.lower(Priority.LONG)
                    self._remember(function)
        self._looked()
        if self._lent:
            self._look_again()

    def _remember(self, function: Function) -> None:
        self._long[function] = None
        if len(self._long) > FUNCTIONS_MAX:
            self._long.popitem(last=False)


def _is_long(worker: Worker) -> bool:
    return worker.priority is Priority.LONG
