"""Who gets an agent's last places: while several ask, nobody has all of them.

An agent answers so many questions at once, and turns away whoever comes then. One asker that always
has as many under way would keep it from everybody else. So the last quarter of its places is for
those that have no more than half of what it answers; where only one asks, all of them are its.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from wardian.agents.candidates import Candidate

BESIDE_SECONDS = 10.0
"""For so long after somebody else's question the last places are not for everybody."""

KEPT_MAX = 10_000
"""Of so many capabilities it is known who asked last."""

_Agent = tuple[str, str]


@dataclass(slots=True)
class _Wanted:
    """Who asked for a capability last, and who else did before, and when."""

    last: str
    at: float
    before: str | None = None
    before_at: float = 0.0

    def also_by(self, asker: str, at: float) -> None:
        if asker != self.last:
            self.before, self.before_at = self.last, self.at
            self.last = asker
        self.at = at

    def is_by_others(self, asker: str, since: float) -> bool:
        if asker != self.last:
            return self.at >= since
        return self.before is not None and self.before_at >= since


class Places:
    """Knows who asks, and how many of an agent's places each asker has on this host."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wanted: OrderedDict[tuple[str, str], _Wanted] = OrderedDict()
        self._taken: dict[_Agent, Counter[str]] = {}

    def wanted(self, tenant: str, capability: str, asker: str) -> None:
        """Somebody asks for a capability, whether there is a place or not."""
        key, at = (tenant, capability), self._now()
        known = self._wanted.get(key)
        if known is None:
            self._wanted[key] = _Wanted(asker, at)
            if len(self._wanted) > KEPT_MAX:
                self._wanted.popitem(last=False)
        else:
            known.also_by(asker, at)
            self._wanted.move_to_end(key)

    def are_for(self, tenant: str, asker: str, candidate: Candidate) -> bool:
        """Tell whether an asker may have one more of a candidate's places, if one is free."""
        free = candidate.concurrent_max - candidate.in_flight
        if free > candidate.concurrent_max // 4:
            return True
        taken = self._taken.get((tenant, candidate.plugin_id))
        if taken is None or taken[asker] * 2 <= taken.total():
            return True
        wanted = self._wanted.get((tenant, candidate.capability))
        return wanted is None or not wanted.is_by_others(asker, self._now() - BESIDE_SECONDS)

    def take(self, tenant: str, asker: str, candidate: Candidate) -> None:
        """Have a place taken."""
        self._taken.setdefault((tenant, candidate.plugin_id), Counter())[asker] += 1

    def leave(self, tenant: str, asker: str, candidate: Candidate) -> None:
        """Have one left that was taken."""
        key = tenant, candidate.plugin_id
        taken = self._taken[key]
        taken[asker] -= 1
        if not taken[asker]:
            del taken[asker]
            if not taken:
                del self._taken[key]
