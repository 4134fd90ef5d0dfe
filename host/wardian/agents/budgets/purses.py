"""A tenant's budgets within one transaction: what is left of each, and what a question may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What a question cost that has ended.

    Attributes:
        nanos: what was set aside; 0 if nothing was.
        at: when.
    """

    id: str
    capability: str
    nanos: int
    cost_nanos: int
    at: datetime


@dataclass(slots=True)
class Purse:
    """One budget, in the period that is now.

    Attributes:
        used: spent, or held.
    """

    row: BudgetRow
    start: datetime
    used: int

    def is_for(self, capability: str) -> bool:
        """Tell whether questions for a capability are paid from it."""
        return is_for(self.row, capability)


class Purses:
    """All of a tenant's, and what is to be written of them.

    Attributes:
        starts: of the periods that are now.
    """

    def __init__(
        self,
        budgets: Iterable[BudgetRow],
        spent: Iterable[SpentRow],
        held: Mapping[tuple[str, str], int],
        at: datetime,
    ) -> None:
        self.starts = starts = starts_at(at)
        known = {(row.capability, row.period, row.start): row.nanos for row in spent}
        self.charges: dict[Place, int] = {}
        self._purses = [
            Purse(row, start, known.get((row.capability, row.period, start), 0))
            for row in budgets
            for start in (starts[_period(row)],)
        ]
        for purse in self._purses:
            purse.used += sum(
                nanos
                for (capability, period), nanos in held.items()
                if period == purse.row.period and purse.is_for(capability)
            )

    def hold(self, capability: str, nanos: int) -> BudgetExceeded | None:
        """Set an amount aside; return why not, if it is more than is left."""
        mine = [purse for purse in self._purses if purse.is_for(capability)]
        for purse in mine:
            if purse.used + nanos > purse.row.limit_nanos:
                return _exceeded(purse, capability, nanos)
        for purse in mine:
            purse.used += nanos
        return None

    def settle(self, settling: Settling, *, is_held: bool) -> None:
        """Charge what a question cost, to the periods in which it began.

        One that ``is_held`` no more, though something was set aside for it, was charged with all of
        that, because its host said nothing of it for too long: the rest is given back.
        """
        owed = settling.cost_nanos - (0 if is_held else settling.nanos)
        starts = starts_at(settling.at)
        for purse in self._purses:
            if not purse.is_for(settling.capability):
                continue
            start = starts[_period(purse.row)]
            place = purse.row.capability, purse.row.period, start
            self.charges[place] = self.charges.get(place, 0) + owed
            if start == purse.start:
                purse.used += owed - (settling.nanos if is_held else 0)

    def lose(self, hold: HoldRow) -> None:
        """Charge all that was set aside for a question whose host is gone."""
        self.settle(
            Settling(
                id=hold.id,
                capability=hold.capability,
                nanos=hold.nanos,
                cost_nanos=hold.nanos,
                at=hold.at,
            ),
            is_held=True,
        )

    @property
    def has_repaid(self) -> bool:
        """Whether something is given back: then less is left in rows than here, where that is more
        than was spent."""
        return any(nanos < 0 for nanos in self.charges.values())

    def written(self) -> None:
        """Have nothing more to be written."""
        self.charges.clear()

    def charged(self) -> Sequence[SpentRow]:
        """Return what was spent more, or less, by budget and period."""
        return [SpentRow(*place, nanos) for place, nanos in self.charges.items() if nanos]


def is_for(row: BudgetRow, capability: str) -> bool:
    """Tell whether questions for a capability are paid from a budget."""
    return row.capability in (ALL, capability)


def _period(row: BudgetRow) -> Period:
    return row.period  # type: ignore[return-value]  # nobody writes another one


def _exceeded(purse: Purse, capability: str, nanos: int) -> BudgetExceeded:
    row = purse.row
    of = "all capabilities" if row.capability == ALL else row.capability
    per = "" if row.period == "ever" else f" a {row.period}"
    left = max(0, row.limit_nanos - purse.used)
    return BudgetExceeded(
        f"A question for {capability} may cost {amount(nanos):g}, and of the budget of "
        f"{amount(row.limit_nanos):g}{per} for {of} there is {amount(left):g} left that is not "
        "spent or set aside. Ask a cheaper agent, wait for the next period, or have the operator "
        "raise it (`wardian agents budget`)."
    )
