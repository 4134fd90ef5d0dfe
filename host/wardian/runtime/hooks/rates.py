"""How many requests to webhooks are taken: of one, and of one tenant, verified or not.

What is counted is by what the address says, whether there is such a webhook or not, so that to be
refused tells nothing. The counts are in memory, and of this host.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from wardian.errors import RateLimited
from wardian.runtime.hooks.incoming import Place

BURST_SECONDS = 10.0
"""A webhook takes at once what it takes in this time."""

TENANT_SHARE = 4.0
"""A tenant's webhooks together take so many times what one of them does."""

UNVERIFIED_SHARE = 4.0
"""So many requests are looked at for each that is taken."""

SLOTS = 16_384
"""Counts are kept in so many places; those that meet in one share it, and none is forgotten."""


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """What the operator set: verified requests of one webhook a second, in the long run."""

    per_second: float = 20.0


class Rates:
    """Tells whether a request may go on."""

    def __init__(self, policy: RatePolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._buckets: dict[tuple[str, int], tuple[float, float]] = {}

    def look_at(self, place: Place) -> None:
        """Count a request before anything of it is looked at.

        Raises:
            RateLimited: there were too many.
        """
        self._take("unverified", place, UNVERIFIED_SHARE)

    def accept(self, place: Place) -> None:
        """Count a request whose signature holds.

        Raises:
            RateLimited: there were too many.
        """
        self._take("verified", place, 1.0)

    def _take(self, kind: str, place: Place, share: float) -> None:
        ways = (
            (f"{kind} webhook", f"{place.path}", share),
            (f"{kind} tenant", place.tenant, share * TENANT_SHARE),
        )
        at = self._clock()
        # Both, before either is taken from: what is refused costs nobody else a turn.
        found = [self._left(key, name, at, times) for key, name, times in ways]
        if any(left < 1 for _, left in found):
            raise RateLimited("Too many requests to this webhook, or to the tenant's; try later.")
        for slot, left in found:
            self._buckets[slot] = (left - 1, at)

    def _left(self, kind: str, name: str, at: float, times: float) -> tuple[tuple[str, int], float]:
        rate = self._policy.per_second * times
        slot = (kind, hash(name) % SLOTS)
        burst = max(rate * BURST_SECONDS, 1.0)
        left, since = self._buckets.get(slot, (burst, at))
        return slot, min(burst, left + (at - since) * rate)
