"""How much it says of an agent that a question of somebody's failed, after others of theirs.

Who asks nonsense, or has found what an agent does not survive, can ask it without end. So the first
failures of one asker count whole, and each after them a share: a thousand weigh as much as some
fifty, and what others ask still shows what the agent is worth.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from wardian.agents.candidates import Candidate, Ending

WHOLE = 10.0
"""Failures of one asker that count whole."""

HALF_LIFE_SECONDS = 7 * 86_400.0

KEPT_MAX = 10_000
"""So many counts are kept: of an asker, a version of an agent and a capability each."""

_FAILURES = frozenset((Ending.REFUSED, Ending.FAILED, Ending.TIMED_OUT))

_Key = tuple[str, str, str, str, str]


class Askers:
    """Counts how many questions of each asker failed; each host those that it sees."""

    def __init__(
        self,
        half_life_seconds: float = HALF_LIFE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """After ``half_life_seconds`` a failure counts half."""
        self._half_life = half_life_seconds
        self._now = now
        self._failures: OrderedDict[_Key, tuple[float, float]] = OrderedDict()

    def share(self, tenant: str, asker: str, candidate: Candidate, ending: Ending) -> float:
        """Count how a question of an asker's ended; return how much that says, above 0 to 1."""
        if ending not in _FAILURES:
            return 1.0
        moment = self._now()
        key = tenant, candidate.plugin_id, candidate.version, candidate.capability, asker[:200]
        before, at = self._failures.pop(key, (0.0, moment))
        number = before * math.exp2((at - moment) / self._half_life) + 1.0
        self._failures[key] = number, moment
        if len(self._failures) > KEPT_MAX:
            self._failures.popitem(last=False)
        return min(1.0, WHOLE / number)
