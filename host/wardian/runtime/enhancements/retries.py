"""``retry``: another attempt at a call that failed by chance, within one budget for all of them.

No attempt begins that what is left of the call's time, fuel and counts does not allow. And none
follows one that stored, published, sent or called something, unless the function says that it may
be repeated: whether it did is what the host saw of it, and not what the plugin says.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from wardian.capabilities import Refused
from wardian.crypto.identifiers import new_id
from wardian.errors import CallError, WardianError
from wardian.plugins import Installed
from wardian.plugins.enhancements import Retry
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.enhancements.passing import Onward, Passing
from wardian.runtime.views import CallOutcome

BACKOFF_SECONDS_MAX = 60.0

LEFT_SECONDS_MIN = 0.001
"""With less than this no attempt begins."""

_COUNTS = ("host_calls", "http_requests", "events", "log_lines")
_NOT_ADDED = frozenset(("memory_bytes", "output_bytes", "attempts", "cached"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How the time between two attempts passes.

    Attributes:
        jitter: the share of a pause that is taken, so that many do not come again at once.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.5, 1.0))  # noqa: S311


class Retrying:
    """Makes a call again."""

    def __init__(self, setting: Retry, calls: Calls, pauses: Pauses) -> None:
        self.setting = setting
        self._calls = calls
        self._pauses = pauses
        self._types = frozenset(each.value for each in setting.on)

    async def __call__(self, passing: Passing, request: CallRequest, onward: Onward) -> CallOutcome:
        spent = _Spent(self._calls.limits(passing.plugin, request), self._pauses.clock)
        # What the attempts have in common, also where the first one's id is nobody's but its own.
        call_id = request.call_id or new_id()
        common = request.correlation_id or call_id
        wanted = request = replace(request, call_id=call_id, correlation_id=common)
        while True:
            try:
                outcome = await onward(wanted)
            except WardianError as error:
                spent.add(getattr(error, "usage", None))
                following = await self._following(passing, request, spent, error)
                if following is None:
                    _tell(error, spent)
                    raise
                wanted = following
                continue
            spent.add(outcome.usage)
            # Those that follow the first have ids of their own; the call has that of the first.
            return replace(outcome, usage=spent.usage, call_id=call_id)

    async def _following(
        self, passing: Passing, request: CallRequest, spent: _Spent, error: WardianError
    ) -> CallRequest | None:
        """Return what is asked next, once it is time; None if nothing is."""
        if not self._may_repeat(passing, spent, error):
            return None
        pause = min(self.setting.backoff_seconds * 2 ** (spent.attempts - 1), BACKOFF_SECONDS_MAX)
        pause *= self._pauses.jitter()
        if spent.left(pause) is None:
            return None
        await self._pauses.sleep(pause)
        plugin = await _same(passing)
        left = spent.left(0.0)
        if plugin is None or left is None:
            return None
        passing.plugin = plugin
        return replace(request, limits={**(request.limits or {}), **left}, call_id=None)

    def _may_repeat(self, passing: Passing, spent: _Spent, error: WardianError) -> bool:
        return (
            spent.attempts < self.setting.attempts
            and error.type in self._types
            and (self.setting.idempotent or not passing.course.had_effects)
            # Because whoever hears the pieces of an answer would hear them twice.
            and not passing.course.was_heard
        )


class _Spent:
    """What the attempts of one call have spent together."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.usage = Usage()
        self.attempts = 0
        self._limits = limits
        self._clock = clock
        self._began_at = clock()

    def add(self, usage: Usage | None) -> None:
        """Add an attempt, and what it spent, if it came so far."""
        self.attempts += 1
        if usage is not None:
            self.usage = added(self.usage, usage)
        self.usage.attempts = self.attempts

    def left(self, pause: float) -> Mapping[str, Any] | None:
        """Return what the next attempt may spend, after a pause; None if it is too little."""
        limits, usage = self._limits, self.usage
        seconds = limits.wall_seconds - (self._clock() - self._began_at) - pause
        counts = {name: getattr(limits, name) - getattr(usage, name) for name in _COUNTS}
        fuel = None if limits.fuel is None else limits.fuel - usage.fuel
        if (
            seconds < LEFT_SECONDS_MIN
            or (fuel is not None and fuel <= 0)
            or min(counts.values()) < 0
        ):
            return None
        return {"wall_seconds": seconds, **counts} | ({} if fuel is None else {"fuel": fuel})


def added(first: Usage, second: Usage) -> Usage:
    """Return what two attempts spent together; of memory the more, of results the last one's."""
    total = Usage(
        **{
            each.name: getattr(first, each.name) + getattr(second, each.name)
            for each in fields(Usage)
            if each.name not in _NOT_ADDED
        }
    )
    total.memory_bytes = max(first.memory_bytes, second.memory_bytes)
    total.output_bytes = second.output_bytes
    return total


async def _same(passing: Passing) -> Installed | None:
    """Return the plugin as it is now; None if it is another version, or takes no calls."""
    try:
        found = await passing.find()
    except (WardianError, Refused):
        return None
    before = passing.plugin
    is_same = (found.id, found.package_digest) == (before.id, before.package_digest)
    return found if is_same else None


def _tell(error: WardianError, spent: _Spent) -> None:
    if isinstance(error, CallError):
        error.usage = spent.usage
    if spent.attempts > 1:
        error.reword(f"{error.message} It was the last of {spent.attempts} attempts.")
