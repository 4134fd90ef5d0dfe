"""A circuit breaker as a value: closed, open, half-open, and what makes one of another.

It opens on so many failures in a row, or when most of what was asked lately failed. While it is
open nothing is asked; then one question is let through as a trial. If that is answered it closes;
if not it waits twice as long, up to a bound. The pattern is Michael Nygard's (*Release It!*, 2007).

Nothing here knows a clock or remembers anything: each function takes a `Breaker` and the time, in
seconds of any clock that all who share the breaker have in common, and returns the next one. One
that is replaced in one step, in memory or by a conditional UPDATE, lets exactly one trial through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from wardian.agents.candidates import Ending

_DOUBLINGS_MAX = 30


class State(StrEnum):
    """What a breaker does with questions."""

    CLOSED = "closed"
    """It lets them through."""
    OPEN = "open"
    """It lets none through."""
    HALF_OPEN = "half-open"
    """It has let one through, to see whether the agent answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """When a breaker opens, and for how long.

    Attributes:
        failures_in_row: as many open it.
        failure_rate: so much of what was asked lately, 0 to 1, opens it as well.
        rate_least: but not before so many questions, decayed, are there to tell from.
        half_life_seconds: after which a question counts half for the rate.
        open_seconds: before the first trial; twice as long after each that fails.
        open_seconds_max: but never longer.
        trial_seconds: after which a trial that never ended counts for nothing, and the next may
            begin; longer than a question may take.
        lease_seconds: after which the trial of a host that says nothing counts for nothing.
    """

    failures_in_row: int = 5
    failure_rate: float = 0.5
    rate_least: float = 10.0
    half_life_seconds: float = 60.0
    open_seconds: float = 5.0
    open_seconds_max: float = 300.0
    trial_seconds: float = 120.0
    lease_seconds: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """One agent's.

    Attributes:
        since: when it closed or opened; a half-open one's is when it opened.
        failures: in a row; ``probed`` of them are probes of the host's own, which one that is
            answered takes back.
        good, bad: what was asked lately, but for probes, decayed to ``as_of``.
        openings: how many times in a row it opened, which the wait doubles with.
        open_until: when a trial may begin, of an open one.
        trial_until: when the trial that is under way is given up, of a half-open one.
        reason: why it opened, for people; empty if it is closed.
    """

    state: State = State.CLOSED
    since: float = 0.0
    failures: int = 0
    probed: int = 0
    good: float = 0.0
    bad: float = 0.0
    as_of: float = 0.0
    openings: int = 0
    open_until: float = 0.0
    trial_until: float = 0.0
    reason: str = ""

    def may_be_tried(self, now: float) -> bool:
        """Tell whether the next question would be a trial."""
        if self.state is State.OPEN:
            return now >= self.open_until
        return self.state is State.HALF_OPEN and now >= self.trial_until


def admit(breaker: Breaker, limits: BreakerLimits, now: float) -> tuple[Breaker, bool]:
    """Tell whether a question may be put, and return what that makes of the breaker.

    The same object is returned where nothing changes. A question that is let through by one that
    is half-open afterwards is its trial.
    """
    if breaker.state is State.CLOSED:
        return breaker, True
    if not breaker.may_be_tried(now):
        return breaker, False
    until = now + limits.trial_seconds
    return replace(breaker, state=State.HALF_OPEN, trial_until=until), True


def ended(
    breaker: Breaker,
    limits: BreakerLimits,
    now: float,
    ending: Ending,
    begun: float,
    *,
    is_probe: bool = False,
) -> Breaker:
    """Return what the end of a question that was let through makes of a breaker.

    A question that had ``begun`` before the breaker closed or opened says nothing of what came
    after, however late it ends: half-open, all that counts is the trial. A probe that is answered
    says that an agent is there, and not that it answers what others ask: it ends no row of
    questions that failed, and after a trial that was one the next question that fails opens again.
    """
    if breaker.state is State.OPEN or begun < breaker.since:
        return breaker
    if ending in _FAILURES:
        return _failed(_counted(breaker, limits, now, is_probe=is_probe), limits, now, ending)
    if ending in _ANSWERS:
        return (
            _probe_answered(breaker, limits, now) if is_probe else _answered(breaker, limits, now)
        )
    if breaker.state is State.HALF_OPEN:
        # The trial was not put, or nobody waited for its end: the next question is one.
        return replace(breaker, state=State.OPEN, open_until=now, trial_until=0.0)
    return breaker


def opened(breaker: Breaker, limits: BreakerLimits, now: float, reason: str) -> Breaker:
    """Return a breaker opened; the first wait again if it was closed for longer than the last."""
    is_again = breaker.state is not State.CLOSED or now - breaker.since < _wait(
        breaker.openings, limits
    )
    openings = min(breaker.openings + 1, _DOUBLINGS_MAX) if is_again else 1
    return replace(
        breaker,
        state=State.OPEN,
        since=now,
        openings=openings,
        open_until=now + _wait(openings, limits),
        trial_until=0.0,
        reason=reason,
    )


def closed(breaker: Breaker, now: float) -> Breaker:
    """Return a breaker closed, with nothing held against it but how often it opened."""
    return Breaker(since=now, as_of=now, openings=breaker.openings)


_FAILURES = frozenset({Ending.FAILED, Ending.TIMED_OUT})
_ANSWERS = frozenset({Ending.ANSWERED, Ending.REFUSED})


def _failed(found: Breaker, limits: BreakerLimits, now: float, ending: Ending) -> Breaker:
    if found.state is State.HALF_OPEN:
        return opened(found, limits, now, f"It was tried again, and that {_ENDED[ending]}.")
    reason = _why(found, limits, ending)
    return opened(found, limits, now, reason) if reason else found


def _answered(breaker: Breaker, limits: BreakerLimits, now: float) -> Breaker:
    if breaker.state is State.HALF_OPEN:
        return closed(breaker, now)
    return replace(_decayed(breaker, limits, now, good=1), failures=0, probed=0)


def _probe_answered(breaker: Breaker, limits: BreakerLimits, now: float) -> Breaker:
    if breaker.state is State.HALF_OPEN:
        return replace(closed(breaker, now), failures=limits.failures_in_row - 1)
    return replace(breaker, failures=breaker.failures - breaker.probed, probed=0)


def _why(breaker: Breaker, limits: BreakerLimits, ending: Ending) -> str:
    """Return why a closed breaker has to open; empty if it need not."""
    if breaker.failures >= limits.failures_in_row:
        return f"{breaker.failures} questions in a row failed; the last one {_ENDED[ending]}."
    total = breaker.good + breaker.bad
    if total >= limits.rate_least and breaker.bad >= limits.failure_rate * total:
        return f"{breaker.bad / total:.0%} of what it was asked lately failed."
    return ""


def _counted(breaker: Breaker, limits: BreakerLimits, now: float, *, is_probe: bool) -> Breaker:
    found = breaker if is_probe else _decayed(breaker, limits, now, bad=1)
    return replace(found, failures=found.failures + 1, probed=found.probed + is_probe)


def _decayed(
    breaker: Breaker, limits: BreakerLimits, now: float, *, good: int = 0, bad: int = 0
) -> Breaker:
    """Return a breaker with one question more."""
    # A clock that was set back must not make evidence grow.
    elapsed = max(0.0, now - breaker.as_of)
    kept = 0.5 ** (elapsed / limits.half_life_seconds)
    return replace(
        breaker,
        good=breaker.good * kept + good,
        bad=breaker.bad * kept + bad,
        as_of=max(now, breaker.as_of),
    )


def _wait(openings: int, limits: BreakerLimits) -> float:
    if openings == 0:
        return 0.0
    return min(limits.open_seconds * 2.0 ** (openings - 1), limits.open_seconds_max)


_ENDED = {Ending.FAILED: "broke off", Ending.TIMED_OUT: "took too long"}
