"""What the parts of agents need of one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wardian.agents.candidates import Candidate, Outcome
from wardian.agents.criteria import Criteria
from wardian.agents.decisions import Decision, Explanation
from wardian.plugins import Installed


class Request(Protocol):
    """What strategies and the operator's rules see of a question."""

    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def capability(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def input_bytes(self) -> int: ...
    @property
    def criteria(self) -> Criteria: ...


class Candidates(Protocol):
    """Who can be asked, and what is known of them."""

    async def refresh(self, tenant: str) -> None:
        """Have what is known of a tenant's agents in memory; a look at a dict where it is."""
        ...

    def of(self, tenant: str, capability: str) -> Sequence[Candidate]:
        """Return the candidates for a capability; one list until a plugin changes."""
        ...

    def why_not(self, tenant: str, candidate: Candidate) -> str:
        """Return why an agent is not to be asked though it was chosen: what has become of it since.

        Empty if it may be. Its breaker is not looked at.
        """
        ...

    def begin(self, tenant: str, candidate: Candidate) -> None:
        """Count a question that is under way."""
        ...

    def end(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Count one that was begun as ended, and learn from how."""
        ...

    def score(self, tenant: str, candidate: Candidate, score: float, weight: float) -> None:
        """Learn from a judgement of an answer, 0 to 1; see `wardian.agents.registry.quality`."""
        ...

    def halvings(self, tenant: str, candidate: Candidate) -> float:
        """Return how often half of what is known of an agent's quality has made room for what is
        newer; see `wardian.agents.registry.decay`."""
        ...


class Router(Protocol):
    """Chooses."""

    def decide(self, request: Request, candidates: Sequence[Candidate]) -> Decision:
        """Choose among candidates.

        Raises:
            NotFound: there is none, or none in such a version or with such tags.
            AgentUnavailable: there are, and none can be asked now; says why.
        """
        ...

    def explain(self, request: Request, candidates: Sequence[Candidate]) -> Explanation:
        """Say how each candidate fares, and change nothing."""
        ...


class Breakers(Protocol):
    """Keeps questions from agents that do not answer."""

    def admit(self, tenant: str, candidate: Candidate) -> bool:
        """Tell whether a question may be put to it now; in half-open state only a trial may.

        Every True is followed by `ended`.
        """
        ...

    def ended(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Learn how it ended."""
        ...


class Trials(Protocol):
    """Has two versions of an agent answer by turns."""

    def arm(self, tenant: str, chosen: Candidate, key: str) -> Candidate:
        """Return which version of a chosen agent answers: itself where there is no trial."""
        ...

    async def installed(self, tenant: str, candidate: Candidate) -> Installed:
        """Return the other version of an agent as it is called, of a candidate that ``is_trial``.

        Where the trial has ended meanwhile it is the active one.

        Raises:
            NotFound, Conflict: its agent is not installed any more, or takes no calls.
        """
        ...


class Spending(Protocol):
    """What of a tenant's budgets one question holds."""

    async def settle(self, cost_nanos: int) -> None:
        """Charge what it cost, and give back the rest."""
        ...

    async def release(self) -> None:
        """Charge nothing."""
        ...


class Budgets(Protocol):
    """Sets money aside before it is spent."""

    async def reserve(self, tenant: str, capability: str, most_nanos: int) -> Spending:
        """Set aside the most that a question can cost.

        Raises:
            BudgetExceeded: a budget of the tenant's has less left.
        """
        ...
