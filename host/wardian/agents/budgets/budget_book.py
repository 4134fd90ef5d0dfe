"""Budgets as operators see and set them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from wardian.agents.budgets.books import BudgetNeeds
from wardian.agents.budgets.budgets import Holds
from wardian.agents.budgets.periods import end_of, starts_at
from wardian.agents.budgets.purses import ALL, Place, is_for
from wardian.agents.money import amount, nanos
from wardian.agents.ports import Spending
from wardian.agents.views import BudgetView, Period
from wardian.errors import InvalidArguments, NotFound
from wardian.plugins.text import is_capability
from wardian.runtime.journal import Journal
from wardian.storage.agent_budgets import (
    SPENT_MAX,
    BudgetRepository,
    BudgetRow,
    HoldRow,
    SpentRow,
)

LIMIT_MAX = 1_000_000_000.0
LOOKS, LOOKS_SECONDS = 3, 0.1
"""How often, and how far apart, it is looked again at what other hosts hold."""

BUDGETS_MAX = 256
"""Of one tenant: each question is held against all that are for it."""


class AgentBudgets:
    """A tenant's budgets; implements `wardian.agents.ports.Budgets`."""

    def __init__(self, journal: Journal, needs: BudgetNeeds) -> None:
        self._journal = journal
        self._needs = needs
        self._holds = Holds(needs)

    async def reserve(self, tenant: str, capability: str, most_nanos: int) -> Spending:
        """Set aside the most that a question can cost.

        Raises:
            BudgetExceeded: a budget of the tenant's has less left.
            WardianError: the database did not answer.
        """
        return await self._holds.reserve(tenant, capability, most_nanos)

    async def get(self, tenant: str = "default") -> list[BudgetView]:
        """Return a tenant's budgets with what is spent and held of them now."""
        await self._holds.caught_up(tenant)
        found = await self._read(tenant)
        for _ in range(0 if self._needs.is_alone else LOOKS):
            if all(hold.host == self._needs.host for hold in found.holds):
                break
            # What has ended there, and what is held ahead there, is so for a moment alone.
            await asyncio.sleep(LOOKS_SECONDS)
            found = await self._read(tenant)
        return found.views()

    async def set(
        self, tenant: str, capability: str, period: str, limit: float, actor: str = "host"
    ) -> BudgetView:
        """Set what may be spent on a capability (``*``: on all) in an hour, a day, a month or ever.

        What was spent in that period already counts, and what questions under way may cost is held
        of it when this returns, on all hosts that are there: these go on, also if it is more than
        the limit, and no other begins then.

        Raises:
            InvalidArguments: no such period, no capability, no amount, or too many budgets.
            NotFound: no such tenant; or somebody removed the budget as soon as it was set.
        """
        row = BudgetRow(_checked_capability(capability), _period(period), _checked_limit(limit))
        await self._holds.caught_up(tenant)
        async with self._journal.change(tenant, actor) as change:
            self._holds.changing(tenant)
            repository = BudgetRepository(change.connection, tenant, part=None)
            there = {(each.capability, each.period): each for each in await repository.all()}
            before = there.get((row.capability, row.period))
            if before is None and len(there) >= BUDGETS_MAX:
                raise InvalidArguments(f"A tenant has no more than {BUDGETS_MAX} budgets.")
            if before != row:
                await repository.set(row, actor)
                if before is None:
                    await self._begin(repository, row)
                detail = {
                    "period": row.period,
                    "before": None if before is None else amount(before.limit_nanos),
                    "limit": amount(row.limit_nanos),
                }
                await change.note_budget("set", row.capability, detail)
        self._holds.changed(tenant)
        await self._holds.heard_of(tenant, row.capability)
        for each in await self.get(tenant):
            if (each.capability, each.period) == (capability, period):
                return each
        raise _no_budget(capability, period)

    async def remove(self, tenant: str, capability: str, period: str, actor: str = "host") -> None:
        """Remove a budget.

        Raises:
            NotFound: there is no such budget.
        """
        await self._holds.caught_up(tenant)
        async with self._journal.change(tenant, actor) as change:
            self._holds.changing(tenant)
            repository = BudgetRepository(change.connection, tenant, part=None)
            if not await repository.remove(capability[:200], period[:8]):
                raise _no_budget(capability, period)
            await change.note_budget("removed", capability, {"period": period})
        self._holds.changed(tenant)

    async def _begin(self, repository: BudgetRepository, row: BudgetRow) -> None:
        """Have a budget begin with what was spent; of each capability that is known without one."""
        if row.capability == ALL:
            start = starts_at(self._needs.now())[_period(row.period)]
            spent = min(SPENT_MAX, await repository.spent_on_all(row.period, start))
            await repository.charge([SpentRow(ALL, row.period, start, spent)])

    async def _read(self, tenant: str) -> _Found:
        starts = starts_at(self._needs.now())
        async with self._needs.database.reading() as connection:
            repository = BudgetRepository(connection, tenant)
            budgets = await repository.all()
            spent = await repository.spent(starts.values())
            return _Found(starts, budgets, spent, await repository.holds())

    async def tend(self) -> None:
        """Look after what is held now."""
        await self._holds.tend()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look after what is held, while this is open."""
        async with self._holds.kept():
            yield


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database says of a tenant's budgets."""

    starts: Mapping[Period, datetime]
    budgets: Sequence[BudgetRow]
    spent: Sequence[SpentRow]
    holds: Sequence[HoldRow]

    def views(self) -> list[BudgetView]:
        known = {(row.capability, row.period, row.start): row.nanos for row in self.spent}
        return [self._view(row, known) for row in self.budgets]

    def _view(self, row: BudgetRow, known: Mapping[Place, int]) -> BudgetView:
        period = _period(row.period)
        start = self.starts[period]
        held = sum(
            hold.nanos for hold in self.holds if hold.at >= start and is_for(row, hold.capability)
        )
        return BudgetView(
            capability=row.capability,
            period=period,
            limit=amount(row.limit_nanos),
            spent=amount(known.get((row.capability, row.period, start), 0)),
            held=amount(held),
            ends_at=end_of(period, start),
        )


def _no_budget(capability: str, period: str) -> NotFound:
    return NotFound(f"There is no budget for {capability[:200]!r} and the period {period[:20]!r}.")


def _period(text: str) -> Period:
    for period in get_args(Period):
        if text == period:
            return period  # type: ignore[no-any-return]
    raise InvalidArguments(
        f"{text[:20]!r} is no period of a budget: hour, day, month or ever.", path="period"
    )


def _checked_capability(text: str) -> str:
    if text == ALL or is_capability(text):
        return text
    raise InvalidArguments(
        f"{text[:200]!r} is no capability such as 'summarize', nor '*' for all.", path="capability"
    )


def _checked_limit(limit: float) -> int:
    if isinstance(limit, bool) or not (math.isfinite(limit) and 0 <= limit <= LIMIT_MAX):
        raise InvalidArguments(
            f"A budget is an amount from 0 to {LIMIT_MAX:,.0f} of the currency's unit.",
            path="limit",
        )
    return nanos(limit)
