"""How much plugins may publish: so far from what began it, and so many a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

BURST_SECONDS = 10.0
"""A plugin may publish at once what it may publish in this time."""

PUBLISHERS_MAX = 10_000
"""How many plugins' rates are remembered; whoever published longest ago is forgotten first."""


class Kind(StrEnum):
    """What an event is published or received by."""

    PLUGIN = "plugin"
    ENDPOINT = "endpoint"


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
        plugin: which was to publish or to receive it; or the id of the endpoint, by ``kind``.
    """

    tenant: str
    plugin: str
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


class PublishLimits:
    """Tells whether a plugin may publish now. What it knows is in memory, and of this host."""

    def __init__(
        self, policy: PublishPolicy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy or PublishPolicy()
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def refusal(self, plugin_id: str, hops: int) -> tuple[DropReason, str] | None:
        """Return why a plugin may not publish an event of so many ``hops``; counts it if it may."""
        if hops > self._policy.hops_max:
            return DropReason.HOPS, (
                f"{hops} events led to this one, each handled by a plugin that published the "
                f"next, and this host ends that after {self._policy.hops_max}."
            )
        if not self._take(plugin_id):
            return DropReason.RATE, (
                f"This plugin publishes more than {self._policy.per_second:g} events a second. "
                "Try again later."
            )
        return None

    def _take(self, plugin_id: str) -> bool:
        at, burst = self._clock(), self._policy.per_second * BURST_SECONDS
        left, since = self._buckets.pop(plugin_id, (burst, at))
        left = min(burst, left + (at - since) * self._policy.per_second)
        taken = left >= 1
        self._buckets[plugin_id] = (left - taken, at)
        if len(self._buckets) > PUBLISHERS_MAX:
            self._buckets.popitem(last=False)
        return taken
