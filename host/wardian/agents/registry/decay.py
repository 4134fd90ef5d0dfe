"""What was seen of an agent, growing old: sums that lose half their weight in each half-life.

What was seen ``age`` seconds ago counts ``2 ** -(age / half_life)`` of what it counts now. That is
linear, so sums can be decayed as a whole, and two hosts' sums of the same age are added: the order
in which they come, and how they were cut into pieces, makes no difference but for rounding.
A mean is a ratio of two sums of the same half-life, and stays as it is until there is news.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CLOCKS_APART_SECONDS = 60.0
"""Sums from so far in the future were written by a clock that is wrong."""


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
    return float(2.0 ** -min(age_seconds / half_life_seconds, 1_000.0))


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

    def grow_old(self, moment: float, lives: HalfLives) -> None:
        """Have the sums be as of a moment; those of a later one stay."""
        age = moment - self.as_of
        if age <= 0.0:
            return
        self._count(share_left(age, lives.quality), share_left(age, lives.latency))
        self.as_of = moment

    def add(self, other: Evidence, lives: HalfLives) -> None:
        """Add what another has, as of the later of both moments; the other stays as it is."""
        self.grow_old(other.as_of, lives)
        age = self.as_of - other.as_of
        quality, latency = share_left(age, lives.quality), share_left(age, lives.latency)
        self.good += other.good * quality
        self.bad += other.bad * quality
        self.answered += other.answered * quality
        self.failed += other.failed * quality
        self.units += other.units * quality
        self.timed += other.timed * latency
        self.latency_ms += other.latency_ms * latency
        self.asked += other.asked

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

    def _count(self, quality: float, latency: float) -> None:
        self.good *= quality
        self.bad *= quality
        self.answered *= quality
        self.failed *= quality
        self.units *= quality
        self.timed *= latency
        self.latency_ms *= latency
