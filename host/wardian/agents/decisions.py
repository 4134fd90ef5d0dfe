"""What was chosen, of whom, and why."""

from __future__ import annotations

from dataclasses import dataclass

from wardian.agents.candidates import Candidate


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice.

    Attributes:
        ranked: those that may be asked, the chosen one first; what fallback and hedging go through.
        strategy: the name of the one that chose.
        rule: the operator's rule that chose the strategy; None if there was none that matched.
    """

    ranked: tuple[Candidate, ...]
    strategy: str
    rule: str | None = None

    @property
    def chosen(self) -> Candidate:
        """The one that is asked first."""
        return self.ranked[0]


@dataclass(frozen=True, slots=True)
class Judged:
    """One candidate as a decision saw it.

    Attributes:
        score: what the strategy went by, higher is better; None if it was not in question.
        parts: what the score is made of, by quality: `cost`, `latency`, `quality`, `load`,
            `priority`, each from 0 to 1 before its weight.
        lost: why it was not chosen, for people; empty for the one that was.
    """

    candidate: Candidate
    score: float | None
    parts: dict[str, float]
    lost: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with every candidate; asking for one changes nothing that decisions depend on."""

    decision: Decision | None
    judged: tuple[Judged, ...]
    why_none: str = ""
