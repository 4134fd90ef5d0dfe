"""Rows: what is measured, what was found, and whether it meets its goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a row's ratio or, where ``absolute``, on our own figure."""

    bound: float
    absolute: bool = False
    at_least: bool = False


def at_most(bound: float, *, absolute: bool = False) -> Goal:
    """A figure that shall not be greater."""
    return Goal(bound, absolute)


def at_least(bound: float) -> Goal:
    """A ratio that shall not be smaller: of a rate, where more is better."""
    return Goal(bound, at_least=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        unit: of our figure and of the peers'.
        main: the peer that the ratio is to, if there is one.
    """

    name: str
    unit: str
    main: str | None = None
    goal: Goal | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What a row came to."""

    row: Row
    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours by the main peer's; None where there is no such peer."""
        peer = self.peers.get(self.row.main or "")
        return self.ours / peer if peer else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or nothing to compare."""
        goal = self.row.goal
        value = self.ours if goal is not None and goal.absolute else self.ratio
        if goal is None or value is None:
            return None
        return value >= goal.bound if goal.at_least else value <= goal.bound

    def document(self) -> dict[str, Any]:
        """The row as `BENCH_JSON` has it."""
        return {
            "name": self.row.name,
            "ours": self.ours,
            "unit": self.row.unit,
            "peer": dict(self.peers),
            "ratio": self.ratio,
        }
