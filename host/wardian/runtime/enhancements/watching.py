"""``monitor``: how the last calls of a function went, and events when it does badly.

Every call of every plugin is counted and timed by the host. What is watched has its last calls kept
apart: how long each took as its caller saw it, waiting and further attempts included, and how it
ended. And subscribers hear, at most once in `WRITES_SECONDS`, that calls were slow
(``function.slow``) or failed (``function.failed``).
"""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from wardian.errors import GuestError, WardianError
from wardian.plugins import Installed
from wardian.plugins.enhancements import Monitor
from wardian.runtime.calls import CallRequest
from wardian.runtime.enhancements.passing import Onward, Passing
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import Journal
from wardian.runtime.views import CallOutcome

CALLS_KEPT = 512
"""Of how many of a function's last calls it is known how long they took."""

FUNCTIONS_KEPT = 4_096
"""How many functions are watched at most; those that were called last."""

WRITES_SECONDS = 10.0

_OUTCOMES_MAX = 32

_log = logging.getLogger("wardian.enhancements")


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How the calls of a function went since this host began to watch it.

    Attributes:
        outcomes: how many ended how: `ok`, or an error's type.
        cached: how many had an answer that was kept.
        attempts: that were made for all of them.
        p50_seconds, p95_seconds, p99_seconds: of the last calls; None before the first one.
    """

    calls: int
    outcomes: dict[str, int]
    cached: int
    attempts: int
    slow: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None


@dataclass(slots=True)
class _Watched:
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    cached: int = 0
    attempts: int = 0
    slow: int = 0

    def figures(self) -> Figures:
        ordered = sorted(self.seconds)
        return Figures(
            calls=self.outcomes.total(),
            outcomes=dict(self.outcomes),
            cached=self.cached,
            attempts=self.attempts,
            slow=self.slow,
            p50_seconds=_share(ordered, 0.5),
            p95_seconds=_share(ordered, 0.95),
            p99_seconds=_share(ordered, 0.99),
        )


@dataclass(slots=True)
class _ToTell:
    count: int = 0
    worst: float = 0.0
    last: str = ""


class _Function(NamedTuple):
    tenant: str
    plugin_id: str
    plugin: str
    function: str


class Watches:
    """What is known of watched functions; in memory, and this host's alone."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._watched: OrderedDict[_Function, _Watched] = OrderedDict()
        self._to_tell: dict[tuple[str, _Function], _ToTell] = {}

    def figures(self, plugin: Installed, function: str) -> Figures:
        """Return how the calls of a function went, in whatever version of this installation."""
        return self._watched.get(_function(plugin, function), _Watched()).figures()

    def note(self, whose: _Function, ended: _Ended, setting: Monitor) -> None:
        """Note how a call ended."""
        watched = self._watched.setdefault(whose, _Watched())
        self._watched.move_to_end(whose)
        if len(self._watched) > FUNCTIONS_KEPT:
            self._watched.popitem(last=False)
        known = ended.outcome in watched.outcomes or len(watched.outcomes) < _OUTCOMES_MAX
        watched.outcomes[ended.outcome if known else "other"] += 1
        watched.seconds.append(ended.seconds)
        watched.cached += ended.cached
        watched.attempts += ended.attempts
        if ended.seconds > setting.slow_seconds:
            watched.slow += 1
            self._tell("slow", whose, ended)
        if ended.failed:
            self._tell("failed", whose, ended)

    def _tell(self, what: str, whose: _Function, ended: _Ended) -> None:
        if whose.function.startswith("wardian:plugin/event-handler@"):
            # It may be what receives the very event of its being slow, and would be for ever.
            return
        found = self._to_tell.setdefault((what, whose), _ToTell())
        found.count += 1
        found.worst = max(found.worst, ended.seconds)
        found.last = ended.outcome

    async def flush(self) -> None:
        """Tell subscribers what came together since the last time."""
        to_tell, self._to_tell = self._to_tell, {}
        for (kind, whose), found in to_tell.items():
            detail: dict[str, Any] = {
                "function": whose.function,
                "count": found.count,
                "longest_seconds": found.worst,
                "outcome": found.last,
            }
            try:
                async with self._journal.change(whose.tenant, "host") as change:
                    await change.note_function(kind, whose.plugin, detail)
            except WardianError as error:
                _log.warning("That %s is %s is not told: %s", whose.function, kind, error)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Tell subscribers while this is open."""
        async with flushed(self.flush, seconds=WRITES_SECONDS, name="wardian-functions"):
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    outcome: str
    seconds: float
    attempts: int
    cached: bool = False
    failed: bool = False


class Watching:
    """Watches the calls of a function, from the outside of all else."""

    def __init__(
        self,
        setting: Monitor,
        watches: Watches,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.setting = setting
        self._watches = watches
        self._clock = clock

    async def __call__(self, passing: Passing, request: CallRequest, onward: Onward) -> CallOutcome:
        whose = _function(passing.plugin, passing.function)
        began = self._clock()
        try:
            outcome = await onward(request)
        except WardianError as error:
            self._watches.note(whose, _failed(error, self._clock() - began), self.setting)
            raise
        usage = outcome.usage
        ended = _Ended(
            outcome="ok",
            seconds=self._clock() - began,
            attempts=usage.attempts,
            cached=usage.cached,
        )
        self._watches.note(whose, ended, self.setting)
        return outcome


def _function(plugin: Installed, function: str) -> _Function:
    return _Function(plugin.tenant, plugin.id, plugin.name, function)


def _failed(error: WardianError, seconds: float) -> _Ended:
    usage = getattr(error, "usage", None)
    # An error that the function answers is an answer, and one for its caller is the caller's.
    failed = usage is not None and not isinstance(error, GuestError)
    attempts = 0 if usage is None else usage.attempts
    return _Ended(outcome=error.type, seconds=seconds, attempts=attempts, failed=failed)


def _share(ordered: list[float], share: float) -> float | None:
    """Return the value that this share of the values does not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
