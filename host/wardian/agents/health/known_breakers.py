"""What one host knows of breakers, in memory: what questions are decided by."""

from __future__ import annotations

from collections.abc import Callable, ItemsView
from dataclasses import dataclass, field, replace

from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.health import breaker as breakers
from wardian.agents.health.breaker import Breaker, BreakerLimits, State

Key = tuple[str, str]
"""A tenant, and an agent's id."""

Changed = Callable[[str, str, str], None]
"""Hears of a tenant, an agent's id, and why it is not asked; empty if it is."""

DEGRADED = "plugin.degraded"
"""The event of a plugin whose health checks, or calls, fail."""


@dataclass(slots=True)
class KnownBreaker:
    """One agent's.

    Attributes:
        has_right: whether this host may let one question through, until ``right_until``.
        is_trying: whether that question is under way.
        claimed_at: when this host got that right; it is a lease, until the breaker's
            ``trial_until``.
        wait_until: before that this host does not ask for the right again.
        starts_anew: whether it was closed because the plugin begins anew, and not by an answer.
    """

    agent: str
    breaker: Breaker = field(default_factory=Breaker)
    has_right: bool = False
    right_until: float = 0.0
    is_trying: bool = False
    claimed_at: float = 0.0
    wait_until: float = 0.0
    starts_anew: bool = False

    @property
    def why(self) -> str:
        """Why it is not asked, for people; empty if it is."""
        if self.breaker.state is State.CLOSED or self.has_right:
            return ""
        if self.breaker.state is State.HALF_OPEN:
            return f"It is being tried again, since it did not answer: {self.breaker.reason}"
        return f"It is not asked for a while, since it did not answer: {self.breaker.reason}"


class KnownBreakers:
    """The breakers that one host knows of.

    Attributes:
        moved: those that changed here and are to be written down.
    """

    def __init__(self, limits: BreakerLimits, clock: Callable[[], float], changed: Changed) -> None:
        self.limits = limits
        self.moved: dict[Key, None] = {}
        self._strict = replace(limits, failures_in_row=max(1, limits.failures_in_row // 2))
        self._clock = clock
        self._changed = changed
        self._known: dict[Key, KnownBreaker] = {}
        self._degraded: set[tuple[str, str]] = set()

    def get(self, key: Key) -> KnownBreaker | None:
        """Return what is known of an agent's."""
        return self._known.get(key)

    def items(self) -> ItemsView[Key, KnownBreaker]:
        """Return all."""
        return self._known.items()

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._clock()

    def why(self, key: Key) -> str:
        """Return why an agent is not asked; empty if it is."""
        known = self._known.get(key)
        return "" if known is None else known.why

    def admit(self, key: Key) -> bool:
        """Tell whether a question may be put, and use up the right to the one that tries."""
        known = self._known.get(key)
        if known is None or known.breaker.state is State.CLOSED:
            return True
        if not known.has_right or self._clock() >= known.breaker.trial_until:
            return False
        known.has_right = False
        known.is_trying = True
        self._tell(key, known)
        return True

    def ended(self, key: Key, candidate: Candidate, outcome: Outcome) -> bool:
        """Learn how a question ended; tell whether there is something to be written down."""
        # What the other version of a trial does is no sign of how well the agent is.
        ending = Ending.NOT_BEGUN if candidate.is_trial else outcome.ending
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = KnownBreaker(candidate.agent)
        before, now = known.breaker, self._clock()
        if before.state is State.HALF_OPEN and not known.is_trying:
            return False  # another host tries it, and this question is from before
        latency = outcome.latency_ms if outcome.latency_ms > 0.0 else 0.0
        limits, begun = self._limits(key[0], known.agent), now - latency / 1_000
        if before.since > now:  # the clock was set back
            before = replace(before, since=begun)
        known.breaker = breakers.ended(
            before, limits, now, ending, begun, is_probe=outcome.is_probe
        )
        if known.breaker.state is before.state:
            return False
        known.is_trying = False
        self.moved[key] = None
        self._tell(key, known)
        return True

    def give_right(self, key: Key, trial_until: float, right_until: float) -> None:
        """Let one question through."""
        known = self._known[key]
        now = self._clock()
        since = known.breaker.since if known.breaker.since < now else now - 1.0
        known.breaker = replace(
            known.breaker, state=State.HALF_OPEN, since=since, trial_until=trial_until
        )
        known.has_right, known.right_until, known.is_trying = True, right_until, False
        known.claimed_at = now
        self._tell(key, known)

    def keep_right(self, key: Key, trial_until: float) -> None:
        """Have nobody else try an agent for longer, because it is still tried here."""
        known = self._known[key]
        known.breaker = replace(known.breaker, trial_until=trial_until)

    def lose_right(self, key: Key) -> None:
        """Let no question through: another host may."""
        known = self._known[key]
        known.has_right = False
        self._tell(key, known)

    def give_back(self, key: Key, wait_until: float) -> None:
        """Have no question here that could use the right: let another host have it."""
        known = self._known[key]
        known.breaker = replace(
            known.breaker, state=State.OPEN, open_until=self._clock(), trial_until=0.0
        )
        known.has_right, known.wait_until = False, wait_until
        self.moved[key] = None
        self._tell(key, known)

    def take(self, key: Key, agent: str, breaker: Breaker) -> None:
        """Go by what another host wrote down."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = KnownBreaker(agent)
        if known.breaker == breaker:
            return
        known.agent, known.breaker = agent, breaker
        known.has_right = known.is_trying = False
        self._tell(key, known)

    def begin_anew(self, tenant: str, agent: str) -> None:
        """Hold nothing against an agent any more."""
        for key in self._named(tenant, agent):
            known = self._known[key]
            was_open = known.breaker.state is not State.CLOSED
            now = self._clock()
            known.breaker = Breaker(since=now, as_of=now)
            known.has_right = known.is_trying = False
            known.starts_anew = was_open
            if was_open:
                self.moved[key] = None
                self._tell(key, known)

    def forget(self, tenant: str, agent: str) -> None:
        """Know nothing of an agent that is no more."""
        for key in self._named(tenant, agent):
            self.drop(key)
        self._degraded.discard((tenant, agent))

    def drop(self, key: Key) -> None:
        """Know nothing of one."""
        self._known.pop(key, None)
        self.moved.pop(key, None)

    def note_state(self, tenant: str, agent: str, topic: str) -> None:
        """Learn that a plugin's state changed: one that is degraded has to fail half as often."""
        if topic == DEGRADED:
            self._degraded.add((tenant, agent))
        elif self._degraded and topic in _OF_STATES:
            self._degraded.discard((tenant, agent))

    def _limits(self, tenant: str, agent: str) -> BreakerLimits:
        if self._degraded and (tenant, agent) in self._degraded:
            return self._strict
        return self.limits

    def _named(self, tenant: str, agent: str) -> list[Key]:
        return [
            key for key, known in self._known.items() if key[0] == tenant and known.agent == agent
        ]

    def _tell(self, key: Key, known: KnownBreaker) -> None:
        self._changed(*key, known.why)


_OF_STATES = frozenset({"plugin.active", "plugin.enabled", "plugin.disabled", "plugin.quarantined"})
