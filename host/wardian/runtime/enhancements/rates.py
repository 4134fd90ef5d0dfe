"""``rate_limit``: how often a tenant may have a function called, on this host."""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from wardian.errors import RateLimited
from wardian.plugins.enhancements import RateLimit
from wardian.runtime.calls import CallRequest
from wardian.runtime.enhancements.passing import Onward, Passing
from wardian.runtime.views import CallOutcome


class RateLimits:
    """Counts calls: two numbers for each tenant and function, however many calls there are."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, item: RateLimitItemPerMinute, *whose: str) -> float | None:
        """Count one call; return after how many seconds to come again, if it was one too many."""
        if self._limiter.hit(item, *whose):
            return None
        return max(1.0, self._limiter.get_window_stats(item, *whose).reset_time - time.time())


class RateLimiting:
    """Lets so many calls of a function through, whoever makes them."""

    def __init__(self, setting: RateLimit, limits: RateLimits) -> None:
        self.setting = setting
        self._limits = limits
        self._item = RateLimitItemPerMinute(setting.requests_per_minute)

    async def __call__(self, passing: Passing, request: CallRequest, onward: Onward) -> CallOutcome:
        plugin = passing.plugin
        wait = self._limits.take(self._item, plugin.tenant, plugin.id, passing.function)
        if wait is not None:
            raise RateLimited(
                f"{passing.function} of {plugin.name} may be called "
                f"{self.setting.requests_per_minute} times a minute, and was. It is the rate limit "
                "that the plugin's manifest sets around this function.",
                retry_after_seconds=wait,
            )
        return await onward(request)
