"""What a strategy is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wardian.agents.candidates import Candidate
from wardian.agents.ports import Request

LOOK_EVERY = 32
"""So often a strategy that would never hear of somebody looks at who that is."""


@dataclass(slots=True, eq=False)
class Turns:
    """Whose turn it was, among the candidates of one list.

    Strategies read it and never write to it, so the same turn can be looked at as often as one
    likes, and has the same choice each time: the random ones take their numbers from its own.

    Attributes:
        number: of choices up to now, from where this list began.
        taken: the number of each candidate's last one.
    """

    number: int = 0
    taken: dict[Candidate, int] = field(default_factory=dict)

    @property
    def is_look(self) -> bool:
        """Whether this one is for looking at somebody who would not have it else."""
        return self.number % LOOK_EVERY == LOOK_EVERY - 1

    def take(self, chosen: Candidate) -> None:
        """Count a choice."""
        self.number += 1
        self.taken[chosen] = self.number


class Strategy(Protocol):
    """One way to choose among candidates; knows nothing of who may be asked at all."""

    @property
    def name(self) -> str:
        """What criteria and rules call it."""
        ...

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return what each candidate is worth, in their order; higher is better.

        Equal ones go by the candidates' order, which is that of priority and name. No score is NaN.
        """
        ...

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return what each score is made of, 0 to 1 by quality; nothing that `scores` goes by
        may be missing there, but for whose turn it is, and chance."""
        ...
