"""How much may be published: so far from what began it, and so many a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

BURST_SECONDS = 10.0
"""A publisher may publish at once what it may publish in this time."""

PUBLISHERS_MAX = 10_000
"""How many publishers' rates are remembered; whoever published longest ago is forgotten first."""

KEY_SHARE = 4
"""With one API key may be published so many times less than by its whole tenant."""


class Kind(StrEnum):
    """What an event is published or received by."""

    PLUGIN = "plugin"
    ENDPOINT = "endpoint"
    APP = "app"


class DropReason(StrEnum):
    """Why an event did not reach a plugin or an endpoint, or anybody."""

    HOPS = "hops"
    RATE = "rate"
    QUEUE_FULL = "queue-full"
    NOT_GRANTED = "not-granted"
    NO_HANDLER = "no-handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """One event that was dropped.

    Attributes:
        whose: the name of the plugin which was to publish or to receive it, the id of the endpoint,
            or the source that it would have had from a host app; by ``kind``.
    """

    tenant: str
    whose: str
    topic: str
    reason: DropReason
    kind: Kind = Kind.PLUGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPolicy:
    """What the operator set for what plugins publish.

    Attributes:
        hops_max: how many events may lead to one, each published by a plugin that handled the one
            before.
        per_second: what a plugin may publish, in the long run.
    """

    hops_max: int = 8
    per_second: float = 100.0


class Rate:
    """So many a second for each of many, in the long run, and at once those of `BURST_SECONDS`.

    A bucket for each, which an event takes a drop from and time fills.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self.per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, publisher: str) -> float:
        """Take one for a publisher and return 0; or none, and the seconds until there is one."""
        at, burst = self._clock(), self.per_second * BURST_SECONDS
        left, since = self._buckets.pop(publisher, (burst, at))
        left = min(burst, left + (at - since) * self.per_second)
        taken = left >= 1
        self._buckets[publisher] = (left - taken, at)
        if len(self._buckets) > PUBLISHERS_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) / self.per_second


class PublishLimits:
    """Tells whether a plugin may publish now. What it knows is in memory, and of this host."""

    def __init__(
        self, policy: PublishPolicy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy or PublishPolicy()
        self._rate = Rate(self._policy.per_second, clock)

    def refusal(self, plugin_id: str, hops: int) -> tuple[DropReason, str] | None:
        """Return why a plugin may not publish an event of so many ``hops``; counts it if it may."""
        if hops > self._policy.hops_max:
            return DropReason.HOPS, (
                f"{hops} events led to this one, each handled by a plugin that published the "
                f"next, and this host ends that after {self._policy.hops_max}."
            )
        if self._rate.wait(plugin_id):
            return DropReason.RATE, (
                f"This plugin publishes more than {self._policy.per_second:g} events a second. "
                "Try again later."
            )
        return None


@dataclass(frozen=True, slots=True)
class TooMany:
    """Why a host app may not publish now, and when it may again."""

    text: str
    retry_after_seconds: float


class AppLimits:
    """Tells whether a host app may publish now over the API; in memory, and of this host."""

    def __init__(
        self, per_second: float = 400.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``per_second`` is what a tenant may; with one key it is a part of that, `KEY_SHARE`."""
        self._rates = (
            ("with this API key", Rate(per_second / KEY_SHARE, clock)),
            ("by this tenant's apps", Rate(per_second, clock)),
        )

    def refusal(self, tenant: str, key_id: str) -> TooMany | None:
        """Return why a key may not be published with; counts one event if it may."""
        for publisher, (whose, rate) in zip((key_id, tenant), self._rates, strict=True):
            seconds = rate.wait(publisher)
            if seconds:
                return TooMany(
                    f"More than {rate.per_second:g} events a second are published {whose}; see "
                    "WARDIAN_APP_EVENT_RATE_MAX. Try again later.",
                    seconds,
                )
        return None
