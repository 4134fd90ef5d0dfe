"""An agent as it is chosen: what it declares of one capability, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from wardian.agents.money import CostModel

BENEFIT = 2.0
"""Good answers that everybody is taken to have given beside those that were seen. One that was
never asked is so taken for as good as one that answers and is judged by nobody (see `PRESUMED` in
`wardian.agents.registry.quality`), and will be asked some time; after a dozen judgements it is lost
in them.
"""


@dataclass(slots=True, eq=False, kw_only=True)
class Candidate:
    """One version of an agent, for one capability; one object while both are there.

    What is measured is changed in place by the registry, and read by strategies.

    Attributes:
        agent: the plugin's name.
        version: the plugin's.
        capability_version: the version of the capability that it offers.
        units_max, concurrent_max, input_bytes_max: its limits.
        cost_nanos: what a question may be expected to cost: the mean of those that were answered,
            decayed; of one that was never asked what its cost model says of a typical one.
        latency_ms: the mean time to an answer, decayed; of one that was never asked the prior.
        quality: how good its answers are, 0 to 1: scores and outcomes, decayed.
        alpha, beta: the evidence behind ``quality`` as a Beta distribution: good and bad outcomes,
            decayed, each with the prior of 1; `judge` sets them.
        asked: how many outcomes have been seen, decayed not.
        in_flight: questions that it answers now, on all hosts as far as this one knows; `carry`
            sets it.
        is_available: whether its circuit breaker lets questions through, and its operator does.
        unavailable: why not, for people; empty if it is.
        is_trial: whether this is the other version of a trial, which `Trials` alone chooses.
        load: how much of what it takes on at once it has, 0 to 1 and above; ``free`` is the rest.
        worth: its quality, with the benefit of the doubt.
        most_nanos: what a question can cost at most, by ``cost`` and ``units_max``; `price` sets
            all three.
    """

    agent: str
    version: str
    plugin_id: str
    capability: str
    capability_version: str
    priority: int = 50
    tags: frozenset[str] = frozenset()
    cost: CostModel = field(default_factory=CostModel)
    units_max: int = 10_000
    concurrent_max: int = 16
    input_bytes_max: int = 1024 * 1024
    cost_nanos: float = 0.0
    latency_ms: float = 1_000.0
    quality: float = 0.5
    alpha: float = 1.0
    beta: float = 1.0
    asked: int = 0
    in_flight: int = 0
    is_available: bool = True
    unavailable: str = ""
    is_trial: bool = False

    # What follows from others is there before it is asked for, because decisions look at hundreds
    # of candidates, of which next to none has changed since the last one.
    load: float = field(init=False)
    free: float = field(init=False)
    worth: float = field(init=False)
    most_nanos: int = field(init=False)

    def __post_init__(self) -> None:
        self.carry(self.in_flight)
        self.judge(self.alpha, self.beta)
        self.price(self.cost, self.units_max)

    def carry(self, in_flight: int) -> None:
        """Have it answer so many questions now."""
        self.in_flight = in_flight
        self.load = in_flight / self.concurrent_max
        self.free = 1.0 - self.load

    def judge(self, alpha: float, beta: float) -> None:
        """Have its quality be known by this evidence."""
        self.alpha, self.beta = alpha, beta
        good = alpha + BENEFIT
        self.worth = good / (good + beta)

    def price(self, cost: CostModel, units_max: int) -> None:
        """Have it cost this, and use no more units than so many."""
        self.cost, self.units_max = cost, units_max
        self.most_nanos = cost.of(units_max)


class Ending(StrEnum):
    """How one question to one agent ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The agent said why it does not answer: its own error, which speaks for its quality only."""
    FAILED = "failed"
    """It trapped, was lost, or answered what is not JSON or more than it may."""
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    """Nobody waits any more: another was faster, or the asker has gone. It says nothing of it."""
    NOT_BEGUN = "not-begun"
    """The host had no place for it, or would not let it be asked. It says nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one question to one agent came to.

    Attributes:
        latency_ms: how long it had, from when it was called to the end.
        cost_nanos: what was charged.
        units: what it reported, no more than it may use.
        confidence: what it said of its own answer, 0 to 1; never taken for quality.
        is_probe: whether the host asked by itself, which says how fast it is, and not how good.
        is_outrun: whether another answered first, and it had taken longer than it does by then.
        share: how much it says of the agent, above 0 to 1, if it failed: less of one of many
            failures of one asker.
    """

    ending: Ending
    latency_ms: float
    cost_nanos: int = 0
    units: int = 0
    confidence: float | None = None
    is_probe: bool = False
    is_outrun: bool = False
    share: float = 1.0
