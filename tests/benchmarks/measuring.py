"""The harness: contestants take turns in short batches, so that noise hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from statistics import quantiles

Call = Callable[[], object]
Work = Callable[[], Awaitable[float]]

MICRO = 1e6
MILLI = 1e3


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: turns of each contestant at most, when all of them are quick.
        batch_seconds: how long one turn takes, or one call where that takes longer.
        seconds: how long all turns of one comparison may take together; never fewer than three.
        quick: whether this is a run to see that everything works.
    """

    rounds: int
    batch_seconds: float
    seconds: float
    quick: bool = False

    def samples(self, wanted: int) -> int:
        """How many single samples to take where ``wanted`` make a good figure."""
        return max(4, wanted // 12) if self.quick else wanted


FULL = Effort(rounds=101, batch_seconds=0.004, seconds=2.5)
QUICK = Effort(rounds=7, batch_seconds=0.001, seconds=0.2, quick=True)


def compare(calls: Mapping[str, Call], effort: Effort) -> dict[str, float]:
    """Return each contestant's best turn, in seconds a call.

    What else the machine does can only add to a turn. Finding out how many calls make a batch is
    the warm-up.
    """
    sizes = {name: _batch_size(call, effort.batch_seconds) for name, call in calls.items()}
    turns: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    ends = time.perf_counter() + effort.seconds
    for number in range(effort.rounds):
        for name in order:
            turns[name].append(_batch(calls[name], sizes[name]) / sizes[name])
        order.append(order.pop(0))
        if number >= 2 and time.perf_counter() > ends:
            break
    return {name: min(found) for name, found in turns.items()}


async def take_turns(work: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """Run each contestant once a round, and return what each answered, in order."""
    turns: dict[str, list[float]] = {name: [] for name in work}
    order = list(work)
    for _ in range(rounds):
        for name in order:
            turns[name].append(await work[name]())
        order.append(order.pop(0))
    return turns


async def seconds_of(work: Awaitable[object]) -> float:
    """Await ``work`` and return how long that took."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def percentile(values: Iterable[float], percent: int) -> float:
    """Return the value that ``percent`` of ``values`` are not above."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def scaled(values: Mapping[str, float], unit: float) -> dict[str, float]:
    """Return ``values`` in another unit."""
    return {name: value * unit for name, value in values.items()}


def _batch(call: Call, size: int) -> float:
    started = time.perf_counter()
    for _ in repeat(None, size):
        call()
    return time.perf_counter() - started


def _batch_size(call: Call, seconds: float) -> int:
    _batch(call, 1)  # which also does what is done once, and would look like a long call
    size = 1
    while (took := _batch(call, size)) < seconds:
        size = max(size + 1, min(size * 8, int(size * seconds / max(took, 1e-9))))
    return size
