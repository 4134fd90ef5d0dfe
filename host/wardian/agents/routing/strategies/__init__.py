"""Ways to choose among agents: small objects behind one protocol."""

from __future__ import annotations

from random import Random

from wardian.agents.routing.strategies.by_measure import (
    BestQuality,
    Cheapest,
    Fastest,
    LeastLoaded,
    RoundRobin,
)
from wardian.agents.routing.strategies.strategy import Strategy, Turns
from wardian.agents.routing.strategies.thompson import Thompson
from wardian.agents.routing.strategies.weighted import Weighted

__all__ = ["DEFAULT", "NAMES", "Strategy", "Turns", "strategies"]

DEFAULT = Weighted.name

NAMES = tuple(
    sorted(
        each.name
        for each in (
            BestQuality,
            Cheapest,
            Fastest,
            LeastLoaded,
            RoundRobin,
            Thompson,
            Weighted,
        )
    )
)
"""Of all that there are."""


def strategies(random: Random) -> dict[str, Strategy]:
    """Return one of each, by its name.

    Args:
        random: where those that draw have their numbers from.
    """
    each: tuple[Strategy, ...] = (
        BestQuality(),
        Cheapest(),
        Fastest(),
        LeastLoaded(),
        RoundRobin(),
        Thompson(random),
        Weighted(),
    )
    return {strategy.name: strategy for strategy in each}
