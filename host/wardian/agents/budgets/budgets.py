"""What tenants may spend on agents: set aside before it is spent, over all hosts.

Before a question is put to an agent the most that it can cost is held; when it has ended it is
charged with what it cost, in the periods in which it began. A transaction that holds or charges has
the lock of the tenant's budgets, so whatever hosts ask at once, what is spent and held is never
more than a budget. Holds have leases, which their hosts renew. One whose lease has ended is of a
host that is gone: it becomes spent, because the question may have cost it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from wardian.agents.budgets.bounds import Bounds
from wardian.agents.budgets.known_purses import KnownPurses
from wardian.agents.budgets.purses import Purses, Settling
from wardian.agents.budgets.together import Together
from wardian.agents.ports import Spending
from wardian.crypto.identifiers import new_id
from wardian.errors import BudgetExceeded, WardianError
from wardian.runtime.flushing import flushed
from wardian.storage import Database
from wardian.storage.agent_budgets import (
    BudgetRepository,
    HoldRow,
    abandoned,
    renew,
)
from wardian.storage.rows import now

RENEWED_AT_ONCE = 500

PAUSE_SECONDS = 0.1
"""How long it waits for others to be charged with, what a question cost, where no other host pays
from the same budgets."""

_log = logging.getLogger("wardian.agents")


async def nothing_asked(tenant: str) -> None:
    """Return at once: no questions are written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetNeeds:
    """What budgets are kept with.

    Attributes:
        lease: for how long a host may say nothing of what it holds.
        host: this one, among those on the same database.
        is_alone: whether nobody else sets budgets or pays from them.
        asks_written: waits until a tenant's questions that have ended are among its rows.
    """

    database: Database
    lease: timedelta
    host: str = field(default_factory=new_id)
    is_alone: bool = False
    asks_written: Callable[[str], Awaitable[None]] = nothing_asked
    now: Callable[[], datetime] = now


_Change = HoldRow | Settling


class Holds:
    """Sets money aside; implements `wardian.agents.ports.Budgets`."""

    def __init__(self, needs: BudgetNeeds) -> None:
        self._needs = needs
        self._held: set[str] = set()
        self._together: Together[_Change, BudgetExceeded | None] = Together(self._change)
        self._settlements = self._together
        if needs.is_alone:
            self._settlements = Together(self._change, pause=PAUSE_SECONDS)
        self._bounds = Bounds(needs.database, is_alone=needs.is_alone)
        self._purses = KnownPurses(is_alone=needs.is_alone)

    async def reserve(self, tenant: str, capability: str, most_nanos: int) -> Spending:
        """Set aside the most that a question can cost.

        Raises:
            BudgetExceeded: a budget of the tenant's has less left.
            WardianError: the database did not answer.
        """
        held = Held(self, tenant, self._hold(capability, most_nanos))
        if most_nanos == 0 or not await self._bounds.are_for(tenant, capability):
            return held
        self._held.add(held.id)
        try:
            await self._set_aside(held)
        except BudgetExceeded:
            if not self._settlements.is_busy(tenant):
                raise
            # What has ended is still held, and may leave enough once it is charged.
            await self._settlements.caught_up(tenant)
            self._held.add(held.id)
            await self._set_aside(held)
        return held

    async def _set_aside(self, held: Held) -> None:
        future = self._together.submit(held.tenant, held.row)
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            # It may have been set aside, or be so in a moment, and nobody will ask for it.
            future.add_done_callback(partial(self._give_back, held))
            raise
        except WardianError:
            self._held.discard(held.id)
            raise
        held.nanos = held.row.nanos

    async def settle(self, held: Held, cost_nanos: int) -> None:
        """Charge what a question cost; what cannot be charged now is when its lease ends, whole.

        Where other hosts see what is held it is charged when this returns. A host that is alone
        charges it a moment later with others, or when there is not enough left for the next
        question: until then all of it stays held.
        """
        self._held.discard(held.id)
        if held.nanos == 0 and (cost_nanos == 0 or not await self._is_bound_now(held)):
            return
        change = self._settlements.submit(held.tenant, held.settled(cost_nanos), may_wait=True)
        change.add_done_callback(_charged)
        if not self._needs.is_alone:
            await asyncio.wait([change])

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew this host's holds, and end those of hosts that are gone, while this is open."""
        seconds = self._needs.lease.total_seconds() / 3
        async with flushed(self.tend, seconds=seconds, name="wardian-agent-budgets"):
            yield
        await self._together.idle()
        await self._settlements.idle()

    async def tend(self) -> None:
        """Do so now; what goes wrong can wait, and is logged."""
        try:
            await self._renew()
            await self._end_abandoned()
        except WardianError as error:
            _log.warning("Holds of agents' budgets were not looked after: %s", error)

    def _hold(self, capability: str, nanos: int) -> HoldRow:
        at = self._needs.now()
        return HoldRow(
            id=new_id(),
            host=self._needs.host,
            capability=capability,
            nanos=nanos,
            at=at,
            lease_until=at + self._needs.lease,
        )

    def _give_back(self, held: Held, future: asyncio.Future[BudgetExceeded | None]) -> None:
        self._held.discard(held.id)
        if future.exception() is None and future.result() is None:
            held.nanos = held.row.nanos
            self._settlements.submit(held.tenant, held.settled(0))

    async def _is_bound_now(self, held: Held) -> bool:
        try:
            return await self._bounds.are_for(held.tenant, held.row.capability)
        except WardianError:
            return False

    def changing(self) -> None:
        """Budgets are being set, in a transaction of the caller's."""
        self._purses.forget()

    def changed(self) -> None:
        """Budgets have been set."""
        self._bounds.changed()

    async def caught_up(self, tenant: str) -> None:
        """Wait until what this host has charged up to now is written down."""
        await self._together.caught_up(tenant)
        await self._settlements.caught_up(tenant)

    async def _change(
        self, tenant: str, changes: Sequence[_Change]
    ) -> Sequence[BudgetExceeded | None]:
        """Hold and charge what came at once, in the order in which it came."""
        at = self._needs.now()
        async with self._needs.database.transaction() as connection:
            known = self._purses.changes
            repository = BudgetRepository(connection, tenant)
            purses = await self._purses.take(repository, tenant, at)
            ended = [each.id for each in changes if isinstance(each, Settling) and each.nanos]
            there = await repository.release(ended) if ended else set()
            results: list[BudgetExceeded | None] = []
            held: list[HoldRow] = []
            for each in changes:
                if isinstance(each, Settling):
                    purses.settle(each, is_held=not each.nanos or each.id in there)
                    results.append(None)
                    continue
                refused = purses.hold(each.capability, each.nanos)
                results.append(refused)
                if refused is None:
                    held.append(each)
            await _write(repository, purses, held)
        self._purses.put_back(tenant, purses, known)
        return results

    async def _renew(self) -> None:
        at = self._needs.now()
        ids = sorted(self._held)
        for first in range(0, len(ids), RENEWED_AT_ONCE):
            async with self._needs.database.transaction() as connection:
                some = ids[first : first + RENEWED_AT_ONCE]
                await renew(connection, some, at, at + self._needs.lease)

    async def _end_abandoned(self) -> None:
        at = self._needs.now()
        async with self._needs.database.reading() as connection:
            tenants = await abandoned(connection, at)
        for tenant in tenants:
            async with self._needs.database.transaction() as connection:
                repository = BudgetRepository(connection, tenant)
                lost = await repository.abandoned(at)
                self._purses.forget()
                purses = await self._purses.take(repository, tenant, at)
                for hold in lost:
                    purses.lose(hold)
                await repository.release([hold.id for hold in lost])
                await _write(repository, purses, [])


def _charged(change: asyncio.Future[BudgetExceeded | None]) -> None:
    error = None if change.cancelled() else change.exception()
    if error is not None:
        _log.warning("What a question cost was not written down: %s", error)


class Held:
    """What one question holds; implements `wardian.agents.ports.Spending`.

    Attributes:
        nanos: what is set aside; 0 where no budget is for it.
    """

    def __init__(self, holds: Holds, tenant: str, row: HoldRow) -> None:
        self.tenant = tenant
        self.row = row
        self.nanos = 0
        self._holds = holds
        self._is_over = False

    @property
    def id(self) -> str:
        """Of the hold."""
        return self.row.id

    async def settle(self, cost_nanos: int) -> None:
        """Charge what the question cost, and give back the rest; the first time only."""
        if not self._is_over:
            self._is_over = True
            await self._holds.settle(self, cost_nanos)

    async def release(self) -> None:
        """Charge nothing."""
        await self.settle(0)

    def settled(self, cost_nanos: int) -> Settling:
        """Return what is to be charged when the question has cost so much."""
        row = self.row
        return Settling(
            id=row.id,
            capability=row.capability,
            nanos=self.nanos,
            cost_nanos=min(cost_nanos, row.nanos),
            at=row.at,
        )


async def _write(repository: BudgetRepository, purses: Purses, held: Sequence[HoldRow]) -> None:
    charged = purses.charged()
    if charged:
        await repository.charge(charged)
    if held:
        await repository.hold(held)
