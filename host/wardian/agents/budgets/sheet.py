"""One transaction's view of all that a host has of a tenant's: what is charged, held and granted.

Nothing here is awaited, so all of it is of one moment. Until it is known whether the transaction
became durable nobody takes more than what is held before it and after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wardian.agents.budgets.periods import hour_of
from wardian.agents.budgets.pots import Pot, Pots
from wardian.agents.budgets.purses import Purses, is_awaited
from wardian.errors import BudgetExceeded
from wardian.storage.agent_budgets import SPENT_MAX

AHEAD_PARTS = 8
"""One of so many parts of what is left is the most that is set aside before anybody asks for it."""

IDLE_SECONDS = 5.0
"""So long after the last question it is looked up again whether there is a budget."""


@dataclass(frozen=True, slots=True)
class Want:
    """A question that may cost so much, and waits for it."""

    capability: str
    nanos: int


@dataclass(frozen=True, slots=True)
class Draw:
    """Have all be in the database as it is now.

    Attributes:
        gives_back: with nothing set aside for questions that nobody has asked.
        closes: with nothing left that other hosts would wait for.
    """

    gives_back: bool = False
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a want.

    Attributes:
        pot: what the question is paid from; None if it is refused.
        refusal: why.
        is_awaited: whether another host has still to say what it has under way.
        may_change: whether others hold so much that there may be enough in a moment.
    """

    pot: Pot | None = None
    refusal: BudgetExceeded | None = None
    is_awaited: bool = False
    may_change: bool = False


@dataclass(slots=True, eq=False)
class Entry:
    """A pot within one transaction.

    Attributes:
        cost: what is charged.
        covered: what its row sets aside before.
        is_lost: whether that was charged, whole, because its lease had ended.
        granted: what questions take that waited for it.
        opens: whether no budget is for it.
        keep: what its row is to set aside.
        is_beyond: whether more is spent and held of a budget than it is by now.
        has_row: whether there is to be one.
        is_written: whether it was written.
    """

    pot: Pot
    cost: int
    covered: int
    is_lost: bool
    granted: int = 0
    opens: bool = False
    keep: int = 0
    is_beyond: bool = False
    has_row: bool = False
    is_written: bool = False


class Sheet:
    """All of a tenant's within one transaction."""

    def __init__(self, tenant: str, pots: Pots, purses: Purses, at: datetime, clock: float) -> None:
        """``clock`` is what time it is by the event loop."""
        self._tenant = tenant
        self._pots = pots
        self._purses = purses
        self._at, self._clock = at, clock
        self.entries: dict[Pot, Entry] = {}
        purses.begin()
        for pot in pots.of(tenant):
            self._enter(pot)

    def grant(self, want: Want) -> Outcome:
        """Set aside what a question may cost, if there is as much."""
        capability, purses = want.capability, self._purses
        if purses.are_for(capability):
            if is_awaited(purses.others, capability, self._at):
                return Outcome(refusal=_awaited(capability), is_awaited=True)
            refusal = purses.hold(capability, want.nanos)
            if refusal is not None:
                return Outcome(refusal=refusal, may_change=purses.may_have(capability, want.nanos))
        pot = self._pots.find(self._tenant, capability, self._at)
        if pot is None:
            pot = Pot(capability=capability, at=self._at)
            self._pots.add(self._tenant, pot)
            self._enter(pot)
        self.entries[pot].granted += want.nanos
        pot.last = want.nanos
        return Outcome(pot)

    def plan(self, draw: Draw, *, is_alone: bool) -> None:
        """Say of all pots what is to be in the database."""
        for entry in self.entries.values():
            pot = entry.pot
            under_way = pot.taken + entry.granted
            if entry.opens:
                entry.opens = bool(under_way) or not (draw.closes or self._is_over(pot))
                entry.has_row = entry.opens and not is_alone
            else:
                ahead = 0 if draw.gives_back else self._ahead(entry)
                entry.keep = min(SPENT_MAX, under_way + ahead)
                entry.has_row = entry.keep > 0
                entry.is_beyond = self._purses.left(pot.capability) < 0
            pot.covered = min(max(0, entry.covered - entry.cost), entry.keep)

    def done(self, until: datetime, *, is_known: bool) -> None:
        """Have it be so in memory, up to when it is so.

        Unless it ``is_known`` still whether there are budgets, that is looked up again.
        """
        for entry in self.entries.values():
            pot = entry.pot
            pot.covered, pot.has_row = entry.keep, entry.has_row
            if entry.is_written:
                pot.until = until if entry.has_row else None
            if is_known:
                pot.is_stopped, pot.is_open = entry.is_beyond, entry.opens
            if entry.granted:
                pot.add(entry.granted, self._clock)
            if pot.is_empty:
                self._pots.drop(self._tenant, pot)

    def undo(self) -> None:
        """Have what was not charged be charged later, and nothing be taken before: nobody knows
        what the database has."""
        for entry in self.entries.values():
            pot = entry.pot
            pot.spent += entry.cost
            pot.covered = entry.covered if entry.is_lost else pot.covered + entry.cost
            pot.is_stopped, pot.until = True, None

    def _enter(self, pot: Pot) -> None:
        """Charge what was spent of a pot, and hold what is under way."""
        purses = self._purses
        is_lost = pot.has_row and pot.id not in purses.there
        entry = Entry(pot, cost=pot.spent, covered=pot.covered, is_lost=is_lost)
        self.entries[pot] = entry
        purses.charge(pot.capability, pot.at, entry.cost - (entry.covered if is_lost else 0))
        pot.spent = 0
        entry.opens = not purses.are_for(pot.capability)
        if not entry.opens:
            pot.is_open = False
            purses.set_aside(pot.capability, pot.at, pot.taken)

    def _ahead(self, entry: Entry) -> int:
        """Hold for the next questions what the last ones have taken; less as it comes to its end,
        so that the last of it is for whoever asks first."""
        pot, purses = entry.pot, self._purses
        demand = pot.demand(self._clock)
        if hour_of(pot.at) != purses.starts["hour"]:
            return 0
        ahead = min(2 * demand, purses.left(pot.capability) // AHEAD_PARTS)
        if ahead < max(1, pot.last):
            return 0
        purses.set_aside(pot.capability, pot.at, ahead)
        return ahead

    def _is_over(self, pot: Pot) -> bool:
        is_old = hour_of(pot.at) != self._purses.starts["hour"]
        return is_old or self._clock - pot.used_at >= IDLE_SECONDS


def _awaited(capability: str) -> BudgetExceeded:
    return BudgetExceeded(
        f"A budget for {capability} has just been set, and another host has not said yet what the "
        "questions may cost that it has under way. Ask again in a moment: that is known as soon as "
        "it says so, or has said nothing for as long as WARDIAN_EVENT_LEASE_SECONDS."
    )
