"""What this host has set aside for questions, by capability and hour, and what of it is spent.

A pot is one row of the database, and numbers in memory that are never more than it together: what
questions under way may cost, what those that have ended did cost and nobody has charged yet, and
what is left for the next ones. So a question that finds enough in its pot waits for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from wardian.agents.budgets.periods import hour_of
from wardian.crypto.identifiers import new_id

DEMAND_SECONDS = 0.1
"""What was taken in so much time says how much will be in the next."""


@dataclass(slots=True, eq=False, kw_only=True)
class Pot:
    """One capability's, in one hour.

    Attributes:
        at: when it was made: it is held, and charged, in the periods that this is in.
        is_open: no budget is for the capability, so nothing needs to be set aside.
        until: an open one's row is there up to then; None where no other host needs to know.
        is_stopped: nothing is taken before it is looked up whether there is enough, because
            budgets may be others by now, or less than what is under way.
        has_row: whether it is in the database, as far as this host knows.
        covered: what its row sets aside.
        taken: what the questions that are under way may cost at most.
        spent: what those that have ended did cost, and nobody has charged.
        last: what the last question might have cost that had to wait.
        used_at: when that was, by the event loop.
    """

    capability: str
    at: datetime
    id: str = field(default_factory=new_id)
    is_open: bool = False
    until: datetime | None = None
    is_stopped: bool = False
    has_row: bool = False
    covered: int = 0
    taken: int = 0
    spent: int = 0
    last: int = 0
    used_at: float = 0.0
    _lately: int = 0
    _before: int = 0
    _since: float = 0.0

    @property
    def left(self) -> int:
        """What the next questions may take."""
        return max(0, self.covered - self.taken - self.spent)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of it that anybody needs to know."""
        return not (self.is_open or self.has_row or self.taken or self.spent)

    def take(self, nanos: int, at: datetime, clock: float) -> bool:
        """Take the most that a question can cost, if there is as much without asking anybody."""
        if self.is_stopped:
            return False
        if self.is_open:
            if self.until is not None and at >= self.until:
                return False
        elif nanos > self.left:
            return False
        self.add(nanos, clock)
        return True

    def add(self, nanos: int, clock: float) -> None:
        """Have a question be under way that may cost so much."""
        self.taken += nanos
        self._lately += nanos
        self.used_at = clock

    def end(self, nanos: int, cost_nanos: int) -> None:
        """Have a question be over that might have cost ``nanos``."""
        self.taken -= nanos
        self.spent += cost_nanos

    def demand(self, clock: float) -> int:
        """Return how much is taken in `DEMAND_SECONDS`, as it looks at a moment."""
        if clock - self._since >= DEMAND_SECONDS:
            self._before, self._lately, self._since = self._lately, 0, clock
        return max(self._before, self._lately)


class Pots:
    """Those of every tenant on this host that are in use."""

    def __init__(self) -> None:
        self._of: dict[str, dict[tuple[str, datetime], Pot]] = {}

    def find(self, tenant: str, capability: str, at: datetime) -> Pot | None:
        """Return the one that a question is paid from that is asked at a moment."""
        mine = self._of.get(tenant)
        return None if mine is None else mine.get((capability, hour_of(at)))

    def of(self, tenant: str) -> list[Pot]:
        """Return all of a tenant's."""
        return list(self._of.get(tenant, {}).values())

    def add(self, tenant: str, pot: Pot) -> None:
        """Have one more."""
        self._of.setdefault(tenant, {})[pot.capability, hour_of(pot.at)] = pot

    def drop(self, tenant: str, pot: Pot) -> None:
        """Have one no more."""
        mine = self._of.get(tenant, {})
        mine.pop((pot.capability, hour_of(pot.at)), None)
        if not mine:
            self._of.pop(tenant, None)

    def tenants(self) -> list[str]:
        """Return whose there are."""
        return list(self._of)

    def __iter__(self) -> Iterator[Pot]:
        for mine in list(self._of.values()):
            yield from list(mine.values())
