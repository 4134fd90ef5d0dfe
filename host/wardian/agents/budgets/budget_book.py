"""Budgets as operators see and set them."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import get_args

from wardian.agents.budgets.budgets import BudgetNeeds, Holds
from wardian.agents.budgets.periods import end_of, starts_at
from wardian.agents.budgets.purses import ALL, is_for
from wardian.agents.money import amount, nanos
from wardian.agents.ports import Spending
from wardian.agents.views import BudgetView, Period
from wardian.errors import InvalidArguments, NotFound
from wardian.runtime.journal import Journal
from wardian.storage.agent_budgets import BudgetRepository, BudgetRow, SpentRow
from wardian.storage.asks import AskRepository

LIMIT_MAX = 1_000_000_000.0
SPENT_MAX = 2 * nanos(LIMIT_MAX)
"""What was spent before there was a budget counts up to this: no budget has as much, and what is
added to it is still a number that the database holds."""

BUDGETS_MAX = 256
"""Of one tenant: each question is held against all that are for it."""

_CAPABILITY = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")


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
        at = self._needs.now()
        starts = starts_at(at)
        async with self._needs.database.reading() as connection:
            repository = BudgetRepository(connection, tenant)
            budgets = await repository.all()
            spent = await repository.spent(starts.values())
            held = await repository.held(starts)
        known = {(row.capability, row.period, row.start): row.nanos for row in spent}
        return [_view(row, starts[_period(row.period)], known, held) for row in budgets]

    async def set(
        self, tenant: str, capability: str, period: str, limit: float, actor: str = "host"
    ) -> BudgetView:
        """Set what may be spent on a capability (``*``: on all) in an hour, a day, a month or ever.

        What was spent in that period already counts, as far as questions of it are kept. Questions
        under way that were put before go on.

        Raises:
            InvalidArguments: no such period, no capability, no amount, or too many budgets.
            NotFound: no such tenant.
        """
        row = BudgetRow(_checked_capability(capability), _period(period), _checked_limit(limit))
        await self._needs.asks_written(tenant)
        await self._holds.caught_up(tenant)
        async with self._journal.change(tenant, actor) as change:
            self._holds.changing()
            repository = BudgetRepository(change.connection, tenant, part=None)
            there = {(each.capability, each.period): each for each in await repository.all()}
            before = there.get((row.capability, row.period))
            if before is None and len(there) >= BUDGETS_MAX:
                raise InvalidArguments(f"A tenant has no more than {BUDGETS_MAX} budgets.")
            if before != row:
                await repository.set(row, actor)
                if before is None:
                    asks = AskRepository(change.connection, tenant)
                    start = starts_at(self._needs.now())[_period(row.period)]
                    spent = min(SPENT_MAX, await asks.spent(row.capability, start))
                    await repository.charge([SpentRow(row.capability, row.period, start, spent)])
                detail = {
                    "period": row.period,
                    "before": None if before is None else amount(before.limit_nanos),
                    "limit": amount(row.limit_nanos),
                }
                await change.note_budget("set", row.capability, detail)
        self._holds.changed()
        found = await self.get(tenant)
        return next(
            each for each in found if (each.capability, each.period) == (capability, period)
        )

    async def remove(self, tenant: str, capability: str, period: str, actor: str = "host") -> None:
        """Remove a budget, and what was spent of it.

        Raises:
            NotFound: there is no such budget.
        """
        await self._holds.caught_up(tenant)
        async with self._journal.change(tenant, actor) as change:
            self._holds.changing()
            repository = BudgetRepository(change.connection, tenant, part=None)
            if not await repository.remove(capability[:200], period[:8]):
                raise NotFound(
                    f"There is no budget for {capability[:200]!r} and the period {period[:20]!r}."
                )
            await change.note_budget("removed", capability, {"period": period})

    async def tend(self) -> None:
        """Look after what is held now."""
        await self._holds.tend()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look after what is held, while this is open."""
        async with self._holds.kept():
            yield


def _view(
    row: BudgetRow,
    start: datetime,
    spent: dict[tuple[str, str, datetime], int],
    held: dict[tuple[str, str], int],
) -> BudgetView:
    period = _period(row.period)
    mine = sum(
        nanos
        for (capability, of), nanos in held.items()
        if of == row.period and is_for(row, capability)
    )
    return BudgetView(
        capability=row.capability,
        period=period,
        limit=amount(row.limit_nanos),
        spent=amount(spent.get((row.capability, row.period, start), 0)),
        held=amount(mine),
        ends_at=end_of(period, start),
    )


def _period(text: str) -> Period:
    for period in get_args(Period):
        if text == period:
            return period  # type: ignore[no-any-return]
    raise InvalidArguments(
        f"{text[:20]!r} is no period of a budget: hour, day, month or ever.", path="period"
    )


def _checked_capability(text: str) -> str:
    if text == ALL or (len(text) <= 200 and _CAPABILITY.fullmatch(text)):
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
