"""The transaction in which a host sets aside what questions may cost, and charges what they did.

It has the lock of the tenant's budgets, over all hosts. All that this host has of the tenant's is
brought up to date in it: what was spent since the last one is charged, what is under way is held,
and nothing else, before anybody is told that there is not enough left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wardian.agents.budgets.known_purses import KnownPurses
from wardian.agents.budgets.pots import Pots
from wardian.agents.budgets.purses import Purses
from wardian.agents.budgets.sheet import Draw, Entry, Outcome, Sheet, Want
from wardian.crypto.identifiers import new_id
from wardian.events import Events
from wardian.storage import Database
from wardian.storage.agent_budgets import BudgetRepository, HoldRow
from wardian.storage.rows import now


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetNeeds:
    """What budgets are kept with.

    Attributes:
        lease: for how long a host may say nothing of what it holds.
        host: this one, among those on the same database.
        is_alone: whether nobody else sets budgets or pays from them.
        events: by which this host hears at once of budgets that others set; without them, a little
            later.
    """

    database: Database
    lease: timedelta
    host: str = field(default_factory=new_id)
    is_alone: bool = False
    events: Events | None = None
    now: Callable[[], datetime] = now


class Books:
    """Every tenant's on this host.

    Attributes:
        purses: what is left of budgets, as far as that is known without reading.
    """

    def __init__(self, needs: BudgetNeeds, pots: Pots) -> None:
        self.purses = KnownPurses(is_alone=needs.is_alone)
        self._needs = needs
        self._pots = pots

    async def write(self, tenant: str, items: Sequence[Want | Draw]) -> Sequence[Outcome]:
        """Do all that came at once, in the order in which it came.

        Raises:
            WardianError: the database did not answer; nothing is granted.
        """
        sheet: Sheet | None = None
        at = self._needs.now()
        try:
            async with self._needs.database.transaction() as connection:
                changes = self.purses.changes
                repository = BudgetRepository(connection, tenant)
                own = {pot.id for pot in self._pots.of(tenant)}
                purses = await self.purses.take(repository, tenant, own, at)
                clock = asyncio.get_running_loop().time()
                sheet = Sheet(tenant, self._pots, purses, at, clock)
                outcomes = [
                    sheet.grant(each) if isinstance(each, Want) else Outcome() for each in items
                ]
                sheet.plan(_all_of(items), is_alone=self._needs.is_alone)
                await self._write(repository, purses, list(sheet.entries.values()), at)
        except BaseException:
            if sheet is not None:
                sheet.undo()
            raise
        sheet.done(at + self._needs.lease, is_known=changes == self.purses.changes)
        self.purses.put_back(tenant, purses, changes)
        return outcomes

    async def _write(
        self,
        repository: BudgetRepository,
        purses: Purses,
        entries: Sequence[Entry],
        at: datetime,
    ) -> None:
        charged = purses.charged()
        if charged:
            await repository.charge(charged)
        changed = [each for each in entries if self._has_changed(each, purses, at)]
        gone = [each.pot.id for each in changed if each.pot.id in purses.there]
        if gone:
            await repository.release(gone)
        rows = [self._row(each, at) for each in changed if each.has_row]
        if rows:
            await repository.hold(rows)
        for each in changed:
            each.is_written = True
        purses.there.difference_update(gone)
        purses.there.update(row.id for row in rows)

    def _has_changed(self, entry: Entry, purses: Purses, at: datetime) -> bool:
        pot = entry.pot
        if pot.id not in purses.there or not entry.has_row:
            return entry.has_row or pot.id in purses.there
        is_fresh = pot.until is not None and pot.until - at > self._needs.lease / 2
        return entry.keep != entry.covered or not is_fresh

    def _row(self, entry: Entry, at: datetime) -> HoldRow:
        return HoldRow(
            id=entry.pot.id,
            host=self._needs.host,
            capability=entry.pot.capability,
            nanos=entry.keep,
            at=entry.pot.at,
            lease_until=at + self._needs.lease,
        )


def _all_of(items: Sequence[Want | Draw]) -> Draw:
    draws = [each for each in items if isinstance(each, Draw)]
    return Draw(
        gives_back=any(each.gives_back for each in draws),
        closes=any(each.closes for each in draws),
    )
