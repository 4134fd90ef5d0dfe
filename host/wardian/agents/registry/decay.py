"""What was seen of an agent, growing old: sums that lose half their weight in each half-life.

What was seen ``age`` seconds ago counts ``2 ** -(age / half_life)`` of what it counts now. That is
linear, so sums can be decayed as a whole, and two hosts' sums of the same age are added: the order
in which they come, and how they were cut into pieces, makes no difference but for rounding.
A mean is a ratio of two sums of the same half-life, and stays as it is until there is news.

Of how good answers are no more than `WEIGHT_MAX` is kept: what is newer takes the place of what is
older. So one who is asked a thousand times a day is found out to be worse after as many judgements
as one who is asked ten times, and not when his thousands have grown old. Hosts' sums that are cut
into small pieces come to nearly the same in whatever order they are added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

CLOCKS_APART_SECONDS = 60.0
"""Sums from so far in the future were written by a clock that is wrong."""

WEIGHT_MAX = 200.0
"""So much is known of the quality of a version at most: two hundred scores."""

_ROOM_LEAST = 2.0**-64


@dataclass(frozen=True, slots=True)
class HalfLives:
    """How long it takes until what was seen counts half, in seconds.

    Attributes:
        quality: of how good answers are, whether there are any, and how many units they take.
        latency: of how long they take.
    """

    quality: float = 7 * 86_400.0
    latency: float = 1_800.0


def share_left(age_seconds: float, half_life_seconds: float) -> float:
    """Return how much counts of what was seen some time ago; all of what is yet to be seen."""
    if age_seconds <= 0.0:
        return 1.0
    # Later than in a thousand half-lives there is nothing left that a float could tell from none.
    return halved(age_seconds / half_life_seconds)


def halved(times: float) -> float:
    """Return what is left of one that was halved so many times."""
    return float(2.0 ** -min(max(times, 0.0), 1_000.0))


@dataclass(slots=True)
class Evidence:
    """Sums of what was seen, as of one moment.

    Attributes:
        as_of: seconds since 1970.
        good, bad: how good answers were: outcomes and scores by their weights.
        answered, failed: outcomes.
        units: that the answered ones took, all together.
        timed: outcomes that say how long an answer takes, and ``latency_ms`` how long they took.
        asked: outcomes, not decayed.
        halvings: how often half of all but the times has made room for what is newer; not decayed,
            so what is left of a score is told by how many there were when it was given.
    """

    as_of: float = 0.0
    good: float = 0.0
    bad: float = 0.0
    answered: float = 0.0
    failed: float = 0.0
    units: float = 0.0
    timed: float = 0.0
    latency_ms: float = 0.0
    asked: int = 0
    halvings: float = 0.0

    def grow_old(self, moment: float, lives: HalfLives) -> None:
        """Have the sums be as of a moment; those of a later one stay."""
        age = moment - self.as_of
        if age <= 0.0:
            return
        self._count(share_left(age, lives.quality), share_left(age, lives.latency))
        self.as_of = moment

    def add(self, other: Evidence, lives: HalfLives) -> None:
        """Add what another has seen since, as of the later of both moments; that stays as it is."""
        self.grow_old(other.as_of, lives)
        age = self.as_of - other.as_of
        quality, latency = share_left(age, lives.quality), share_left(age, lives.latency)
        self._make_room((other.good + other.bad) * quality)
        self.good += other.good * quality
        self.bad += other.bad * quality
        self.answered += other.answered * quality
        self.failed += other.failed * quality
        self.units += other.units * quality
        self.timed += other.timed * latency
        self.latency_ms += other.latency_ms * latency
        self.asked += other.asked
        self.halvings += other.halvings

    def no_later_than(self, moment: float) -> Evidence:
        """Return the same as of a moment, if it says that it is of a later one."""
        return self if self.as_of <= moment else replace(self, as_of=moment)

    def part(self, share: float) -> Evidence:
        """Return a share of the sums, of outcomes that were another's: nothing was asked."""
        found = Evidence(
            self.as_of,
            self.good,
            self.bad,
            self.answered,
            self.failed,
            self.units,
            self.timed,
            self.latency_ms,
        )
        found._count(share, share)
        return found

    def _make_room(self, weight: float) -> None:
        """Have what is known of quality count less, if it and what is to come are too much."""
        there = self.good + self.bad
        if there > 0.0 and there + weight > WEIGHT_MAX:
            share = max((WEIGHT_MAX - weight) / there, _ROOM_LEAST)
            if share < 1.0:
                self._count(share, 1.0)
                self.halvings -= math.log2(share)

    def _count(self, quality: float, latency: float) -> None:
        self.good *= quality
        self.bad *= quality
        self.answered *= quality
        self.failed *= quality
        self.units *= quality
        self.timed *= latency
        self.latency_ms *= latency
