"""Wrong keys: who sends too many has to wait, longer each time, and nobody else has.

What is counted is by where the guesses come from, and by what they begin with: an attacker with one
address is stopped by the first, and one with many who is after one key by the second. The counts
are in memory, and of this host.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wardian.errors import RateLimited

SOURCES_MAX = 8_192
"""So many sources are remembered; those whose last wrong key is the longest ago are forgotten."""

WAIT_SECONDS_MAX = 900.0
"""The longest that a source waits, and how long it must be quiet to be forgotten."""

TOLD_MAX = 64
"""So many sources are told of at a time."""


@dataclass(slots=True)
class _Source:
    wrong: int = 0
    trying: int = 0
    waits: int = 0
    until: float = 0.0
    last: float = 0.0
    told_at: float | None = None


@dataclass(frozen=True, slots=True)
class Guessed:
    """Where too many wrong keys came from, and how many."""

    address: str
    wrong: int


class Guesses:
    """Counts wrong keys by their sources."""

    def __init__(self, wrong_max: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """A source may be wrong ``wrong_max`` times before it has to wait."""
        self._wrong_max = wrong_max
        self._clock = clock
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._to_tell: OrderedDict[str, None] = OrderedDict()

    @contextmanager
    def one(self, address: str, prefix: str) -> Iterator[_Outcome]:
        """Let one key be looked at, and count it unless it turns out to be right.

        Args:
            address: where it comes from; empty within this process.
            prefix: what it begins with; empty if it is no key.

        Raises:
            RateLimited: its sources have been wrong too often; tells when to come back.
        """
        at = self._clock()
        names = [name for name in (address, prefix and f"prefix {prefix}") if name]
        self._check(names, at)
        sources = [self._source(name, at) for name in names]
        outcome = _Outcome()
        for source in sources:
            source.trying += 1
        try:
            yield outcome
        finally:
            for name, source in zip(names, sources, strict=True):
                source.trying -= 1
                if outcome.is_wrong:
                    self._count(name, source, self._clock(), is_address=name == address)
                elif not source.wrong and not source.trying:
                    self._sources.pop(name, None)  # the room is for those who guess

    def to_tell(self) -> list[Guessed]:
        """Return the addresses that had to wait since this was asked last; each once in a while."""
        names, self._to_tell = list(self._to_tell), OrderedDict()
        return [Guessed(name, self._sources[name].wrong) for name in names if name in self._sources]

    def _check(self, names: Iterable[str], at: float) -> None:
        waits = [self._seconds_to_wait(name, at) for name in names]
        longest = max(waits, default=0.0)
        if longest > 0:
            raise RateLimited(
                "Too many wrong API keys came from this address, or with this beginning; keys that "
                "were used here lately go on.",
                retry_after_seconds=longest,
            )

    def _seconds_to_wait(self, name: str, at: float) -> float:
        source = self._sources.get(name)
        if source is None or self._is_over(source, at):
            return 0.0
        if source.until > at:
            return source.until - at
        # What is being looked at counts as wrong until it is known: a thousand at once are no way.
        free = max(1, self._wrong_max - source.wrong)
        return 0.0 if source.trying < free else 1.0

    def _source(self, name: str, at: float) -> _Source:
        found = self._sources.get(name)
        if found is None or self._is_over(found, at):
            found = self._sources[name] = _Source(last=at)
            if len(self._sources) > SOURCES_MAX:
                self._sources.popitem(last=False)
        return found

    @staticmethod
    def _is_over(source: _Source, at: float) -> bool:
        return not source.trying and at >= max(source.until, source.last) + WAIT_SECONDS_MAX

    def _count(self, name: str, source: _Source, at: float, *, is_address: bool) -> None:
        source.wrong += 1
        source.last = at
        if name in self._sources:
            self._sources.move_to_end(name)
        if source.wrong < self._wrong_max:
            return
        source.until = at + min(2.0**source.waits, WAIT_SECONDS_MAX)
        source.waits = min(source.waits + 1, 10)
        is_due = source.told_at is None or at >= source.told_at + WAIT_SECONDS_MAX
        if is_address and is_due and len(self._to_tell) < TOLD_MAX:
            source.told_at = at
            self._to_tell[name] = None


class _Outcome:
    """What became of one key that was looked at."""

    is_wrong = False
