"""Ticks and what becomes of them, as a function of the time: nothing here waits or remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wardian.crypto.digests import sha256_hex
from wardian.plugins.schedules import Missed
from wardian.plugins.timing import Timing

AT_ONCE = 500
"""Ticks that are looked through in one go; after a year of silence that is done again and again."""

SPREAD_SHARE = 4
"""No tick waits longer than this part of the time to the next one so that others may go first."""

_SECOND = timedelta(seconds=1)
_HASHES = 2**32


class Cause(StrEnum):
    """Why there is a run."""

    TICK = "tick"
    MISSED = "missed"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePolicy:
    """What the operator set for schedules.

    Attributes:
        is_on: whether this host runs what is due.
        schedules_max: how many of a plugin's are taken, in the manifest's order.
        apart: the least time between two ticks of a schedule; those in between are left out.
        made_up_max: runs for ticks that were missed, where each is to have one.
        jitter: within this time of its tick a run begins, each schedule at a moment of its own.
        late: a tick that is behind by more is missed.
        lease: how long another host waits for one that has begun a run and is gone.
        runs_kept: of each schedule.
    """

    is_on: bool = True
    schedules_max: int = 16
    apart: timedelta = timedelta(seconds=60)
    made_up_max: int = 24
    jitter: timedelta = timedelta(seconds=30)
    late: timedelta = timedelta(seconds=60)
    lease: timedelta = timedelta(seconds=30)
    runs_kept: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The ticks of one schedule on this host.

    Attributes:
        anchor: what an interval's are counted from.
        seed: what tells this schedule from all others; by it, it has its place among them.
    """

    timing: Timing
    anchor: datetime
    apart: timedelta
    jitter: timedelta
    seed: str

    def first(self, moment: datetime) -> datetime | None:
        """Return the first tick after a moment."""
        return self.timing.after(moment, self.anchor)

    def following(self, tick: datetime) -> datetime | None:
        """Return the tick to be taken after this one."""
        return self.timing.after(tick + max(self.apart - _SECOND, timedelta()), self.anchor)

    def due_at(self, tick: datetime) -> datetime:
        """Return when a tick's run is to begin: not all at the full hour."""
        following = self.following(tick)
        most = self.jitter
        if following is not None:
            most = min(most, (following - tick) / SPREAD_SHARE)
        share = int(sha256_hex(self.seed.encode())[:8], 16) / _HASHES
        return tick + most * share


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of the ticks that are due.

    Attributes:
        run: the tick to run now, if there is one.
        next_tick: the first that is not dealt with by this.
        missed: how many have no run, now or later.
    """

    run: datetime | None
    cause: Cause
    next_tick: datetime | None
    missed: int


def decide(
    grid: Grid, first: datetime, now: datetime, missed: Missed, policy: SchedulePolicy
) -> Decision:
    """Decide about the ticks from ``first``, which is due, up to now.

    One run is begun at a time: what else is to be run stays due. The newest tick counts as missed
    only if it is late, and all before it do, since each was to be run before the next.
    """
    wait = grid.due_at(first) - first
    ticks = [first]
    following = grid.following(first)
    while following is not None and following + wait <= now:
        if len(ticks) == AT_ONCE:
            # Which are the last is not known yet. Those that surely are none of them are done with.
            kept = ticks[-policy.made_up_max :]
            return Decision(
                run=None,
                cause=Cause.MISSED,
                next_tick=kept[0],
                missed=len(ticks) - len(kept),
            )
        ticks.append(following)
        following = grid.following(following)
    is_late = now > ticks[-1] + wait + policy.late
    wanted = _wanted(ticks, missed, policy, is_late=is_late)
    is_made_up = is_late or wanted[:1] != ticks[-1:]
    return Decision(
        run=wanted[0] if wanted else None,
        cause=Cause.MISSED if is_made_up else Cause.TICK,
        next_tick=wanted[1] if len(wanted) > 1 else following,
        missed=len(ticks) - len(wanted),
    )


def _wanted(
    ticks: Sequence[datetime], missed: Missed, policy: SchedulePolicy, *, is_late: bool
) -> Sequence[datetime]:
    """Return the ticks that are to have a run."""
    if missed is Missed.RUN_ALL:
        return ticks[-policy.made_up_max :]
    return ticks[-1:] if missed is Missed.RUN_ONCE or not is_late else ()
