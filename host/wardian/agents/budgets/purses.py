"""A tenant's budgets within one transaction: what is left of each, and what a question may hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from wardian.agents.budgets.periods import starts_at
from wardian.agents.money import amount
from wardian.agents.views import Period
from wardian.errors import BudgetExceeded
from wardian.storage.agent_budgets import BudgetRow, HoldRow, SpentRow

ALL = "*"
"""The capability of a budget that is for all of them."""

Place = tuple[str, str, datetime]
"""A budget's capability and period, and the start of one such period."""


@dataclass(slots=True)
class Purse:
    """One budget, in the period that is now.

    Attributes:
        used: spent, or held by other hosts; ``others`` of it is held.
        mine: held by this one.
    """

    row: BudgetRow
    start: datetime
    used: int
    others: int = 0
    mine: int = 0

    @property
    def left(self) -> int:
        return self.row.limit_nanos - self.used - self.mine

    def is_for(self, capability: str) -> bool:
        """Tell whether questions for a capability are paid from it."""
        return is_for(self.row, capability)


class Purses:
    """All of a tenant's, and what is to be written of them.

    Attributes:
        starts: of the periods that are now.
        there: the ids of all that is held, by whomever.
        others: what is held by other hosts, or by nobody who knows of it.
        charges: what was spent more, or less, by budget and period.
    """

    def __init__(
        self,
        budgets: Iterable[BudgetRow],
        spent: Iterable[SpentRow],
        holds: Sequence[HoldRow],
        own: Collection[str],
        at: datetime,
    ) -> None:
        """``own`` are the ids of what this host holds and knows of."""
        self.starts = starts = starts_at(at)
        self.charges: dict[Place, int] = {}
        self.there = {hold.id for hold in holds}
        self.others = [hold for hold in holds if hold.id not in own]
        known = {(row.capability, row.period, row.start): row.nanos for row in spent}
        self._purses = [
            Purse(row, start, known.get((row.capability, row.period, start), 0))
            for row in budgets
            for start in (starts[_period(row)],)
        ]
        for purse in self._purses:
            purse.others = sum(
                hold.nanos
                for hold in self.others
                if hold.at >= purse.start and purse.is_for(hold.capability)
            )
            purse.used += purse.others

    def begin(self) -> None:
        """Have nothing to be written, and nothing held by this host."""
        self.charges.clear()
        for purse in self._purses:
            purse.mine = 0

    def are_for(self, capability: str) -> bool:
        """Tell whether any is for a capability."""
        return any(purse.is_for(capability) for purse in self._purses)

    def left(self, capability: str) -> int:
        """Return what is left for a capability that there is a budget for; less than nothing where
        one was set when more was spent or under way."""
        return min(each.left for each in self._purses if each.is_for(capability))

    def hold(self, capability: str, nanos: int) -> BudgetExceeded | None:
        """Set an amount aside; return why not, if it is more than is left."""
        mine = [purse for purse in self._purses if purse.is_for(capability)]
        for purse in mine:
            if nanos > purse.left:
                return _exceeded(purse, capability, nanos)
        for purse in mine:
            purse.mine += nanos
        return None

    def may_have(self, capability: str, nanos: int) -> bool:
        """Tell whether there may be as much once others give back what they hold."""
        mine = [purse for purse in self._purses if purse.is_for(capability)]
        return all(nanos <= purse.left + purse.others for purse in mine)

    def set_aside(self, capability: str, at: datetime, nanos: int) -> None:
        """Have this host hold an amount since ``at``, whatever is left."""
        starts = starts_at(at)
        for purse in self._purses:
            if purse.is_for(capability) and starts[_period(purse.row)] >= purse.start:
                purse.mine += nanos

    def charge(self, capability: str, at: datetime, nanos: int) -> None:
        """Charge what was spent in the periods that a moment is in, or give it back if it is less
        than nothing: to each budget, and to the capability, whether there is a budget or not."""
        if not nanos:
            return
        starts = starts_at(at)
        for period, start in starts.items():
            self._add((capability, period, start), nanos)
        for purse in self._purses:
            if not purse.is_for(capability):
                continue
            start = starts[_period(purse.row)]
            if purse.row.capability != capability:
                self._add((purse.row.capability, purse.row.period, start), nanos)
            if start == purse.start:
                purse.used += nanos

    @property
    def has_repaid(self) -> bool:
        """Whether something is given back: then less is left in rows than here, where that is more
        than was spent."""
        return any(nanos < 0 for nanos in self.charges.values())

    def charged(self) -> Sequence[SpentRow]:
        """Return what was spent more, or less, by budget and period."""
        return [SpentRow(*place, nanos) for place, nanos in self.charges.items() if nanos]

    def _add(self, place: Place, nanos: int) -> None:
        self.charges[place] = self.charges.get(place, 0) + nanos


def is_for(row: BudgetRow, capability: str) -> bool:
    """Tell whether questions for a capability are paid from a budget."""
    return row.capability in (ALL, capability)


def is_awaited(holds: Iterable[HoldRow], capability: str, at: datetime) -> bool:
    """Tell whether a host that holds some of these may have questions for a capability under way
    (`ALL`: for any) of which nothing is set aside, because there was no budget when they were put.

    A host that pays without a budget holds nothing, and says so.
    """
    return any(
        hold.nanos == 0 and capability in (ALL, hold.capability) and hold.lease_until >= at
        for hold in holds
    )


def _period(row: BudgetRow) -> Period:
    return row.period  # type: ignore[return-value]  # nobody writes another one


def _exceeded(purse: Purse, capability: str, nanos: int) -> BudgetExceeded:
    row = purse.row
    of = "all capabilities" if row.capability == ALL else row.capability
    per = "" if row.period == "ever" else f" a {row.period}"
    return BudgetExceeded(
        f"A question for {capability} may cost {amount(nanos):g}, and of the budget of "
        f"{amount(row.limit_nanos):g}{per} for {of} there is {amount(max(0, purse.left)):g} left "
        "that is not spent or set aside. Ask a cheaper agent, wait for the next period, or have "
        "the operator raise it (`wardian agents budget`)."
    )
