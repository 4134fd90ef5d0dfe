"""What tenants may spend on agents: set aside before it is spent, over all hosts.

Before a question is put to an agent the most that it can cost is held; when it has ended it is
charged with what it cost, in the periods in which it began. A transaction that holds or charges has
the lock of the tenant's budgets, so whatever hosts ask at once, what is spent and held is never
more than a budget. Where many ask, a host holds ahead of them, and gives back what nobody took.
Holds have leases, which their hosts renew. One whose lease has ended is of a host that is gone: it
becomes spent, because questions may have cost it. Where there is no budget, a host that pays holds
nothing, and says so: one that is set holds once each such host has said what it has under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from math import inf

from wardian.agents.budgets.books import Books, BudgetNeeds
from wardian.agents.budgets.pots import Pot, Pots
from wardian.agents.budgets.purses import is_awaited
from wardian.agents.budgets.sheet import IDLE_SECONDS, Draw, Outcome, Want
from wardian.agents.ports import Spending
from wardian.agents.together import Together
from wardian.errors import BudgetExceeded, WardianError
from wardian.events import Event
from wardian.runtime.flushing import flushed
from wardian.storage.agent_budgets import BudgetRepository, abandoned, renew

RENEWED_AT_ONCE = 500

DRAWS_SECONDS = 0.1
"""How long after a question has ended it is charged, with others, and what is held ahead of
questions is looked at."""

OPEN_SECONDS = 1.0
"""The same where no budget is for it; and how often it is looked whether there is one."""

CHANGES_SECONDS = 0.4
"""So long a question waits for what other hosts may give back, before it is refused."""

AWAITED_SECONDS = 3.0
"""So long a question, or who sets a budget, waits for other hosts to say what is under way."""

_LOOKS_SECONDS = 0.05

_log = logging.getLogger("wardian.agents")


class Holds:
    """Sets money aside; implements `wardian.agents.ports.Budgets`."""

    def __init__(self, needs: BudgetNeeds) -> None:
        self._needs = needs
        self._pots = Pots()
        self._books = Books(needs, self._pots)
        self._together: Together[Want | Draw, Outcome] = Together(self._write)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_closing = False
        if needs.events is not None:
            for topic in ("budget.set", "budget.removed"):
                needs.events.subscribe(topic, self._hear)

    async def reserve(self, tenant: str, capability: str, most_nanos: int) -> Spending:
        """Set aside the most that a question can cost.

        Raises:
            BudgetExceeded: a budget of the tenant's has less left.
            WardianError: the database did not answer.
        """
        if most_nanos == 0:
            return Held(self, tenant, None, 0)
        at, clock = self._needs.now(), asyncio.get_running_loop().time()
        pot = self._pots.find(tenant, capability, at)
        if pot is None or not pot.take(most_nanos, at, clock):
            pot = await self._wait_for(tenant, Want(capability, most_nanos))
        return Held(self, tenant, pot, most_nanos)

    async def _wait_for(self, tenant: str, want: Want) -> Pot:
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            outcome = await self._ask(tenant, want)
            if outcome.pot is not None:
                return outcome.pot
            refusal = outcome.refusal or BudgetExceeded()
            if clock() - began >= self._patience(outcome):
                raise refusal
            await asyncio.sleep(_LOOKS_SECONDS)

    async def _ask(self, tenant: str, want: Want) -> Outcome:
        future = self._together.submit(tenant, want)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # It may have been set aside, or be so in a moment, and nobody will ask for it.
            future.add_done_callback(partial(self._give_back, tenant, want))
            raise

    def _give_back(self, tenant: str, want: Want, future: asyncio.Future[Outcome]) -> None:
        if not future.cancelled() and future.exception() is None:
            pot = future.result().pot
            if pot is not None:
                self.settle(tenant, pot, want.nanos, 0)

    def _patience(self, outcome: Outcome) -> float:
        if outcome.is_awaited:
            return AWAITED_SECONDS
        return CHANGES_SECONDS if outcome.may_change and not self._needs.is_alone else 0.0

    def settle(self, tenant: str, pot: Pot, most_nanos: int, cost_nanos: int) -> None:
        """Have a question be charged with what it cost, a moment later with others: until then all
        that it might have cost is held."""
        pot.end(most_nanos, max(0, min(cost_nanos, most_nanos)))
        self._look_again(tenant, OPEN_SECONDS if pot.is_open else DRAWS_SECONDS)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew this host's holds, and end those of hosts that are gone, while this is open."""
        seconds = self._needs.lease.total_seconds() / 3
        async with flushed(self.tend, seconds=seconds, name="wardian-agent-budgets"):
            yield
        self._is_closing = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for tenant in self._pots.tenants():
            self._together.submit(tenant, Draw(gives_back=True, closes=True))
        await self._together.idle()

    async def tend(self) -> None:
        """Do so now; what goes wrong can wait, and is logged."""
        try:
            await self._renew()
            await self._end_abandoned()
        except WardianError as error:
            _log.warning("Holds of agents' budgets were not looked after: %s", error)
        for tenant in self._pots.tenants():
            self._draw(tenant)

    def changing(self, tenant: str | None = None) -> None:
        """Budgets are being set, a tenant's or any, in a transaction of the caller's: what is taken
        from now on is taken after it."""
        self._books.purses.forget()
        for each in self._tenants(tenant):
            self._stop(each)

    def changed(self, tenant: str | None = None) -> None:
        """Budgets have been set, a tenant's or any: what is held is looked up again."""
        for each in self._tenants(tenant):
            self._draw(each)

    async def caught_up(self, tenant: str) -> None:
        """Wait until what this host has spent and holds is in the database, and nothing ahead."""
        if self._pots.of(tenant):
            await asyncio.wait([self._together.submit(tenant, Draw(gives_back=True))])

    async def heard_of(self, tenant: str, capability: str) -> None:
        """Wait until each host that pays for a capability without a budget knows of one; no longer
        than for a while, because until it does nobody else pays from that."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while clock() - began < AWAITED_SECONDS and not self._needs.is_alone:
            async with self._needs.database.reading() as connection:
                holds = await BudgetRepository(connection, tenant).holds()
            others = [hold for hold in holds if hold.host != self._needs.host]
            if not is_awaited(others, capability, self._needs.now()):
                return
            await asyncio.sleep(_LOOKS_SECONDS)

    def _hear(self, event: Event) -> None:
        self._stop(event.tenant)
        self._draw(event.tenant)

    def _tenants(self, tenant: str | None) -> Sequence[str]:
        return self._pots.tenants() if tenant is None else [tenant]

    def _stop(self, tenant: str) -> None:
        for pot in self._pots.of(tenant):
            pot.is_stopped = True

    async def _write(self, tenant: str, items: Sequence[Want | Draw]) -> Sequence[Outcome]:
        try:
            outcomes = await self._books.write(tenant, items)
        except WardianError as error:
            _log.warning("What agents cost %s was not written down: %s", tenant, error)
            raise
        self._look_again(tenant, min(map(self._wait, self._pots.of(tenant)), default=inf))
        return outcomes

    def _wait(self, pot: Pot) -> float:
        """Return in how many seconds a pot is to be looked at."""
        if pot.left and not pot.is_open:
            return DRAWS_SECONDS
        if pot.spent:
            return OPEN_SECONDS if pot.is_open else DRAWS_SECONDS
        if pot.is_open:
            return IDLE_SECONDS if self._needs.is_alone else OPEN_SECONDS
        return inf

    def _look_again(self, tenant: str, seconds: float) -> None:
        if seconds == inf or self._is_closing:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(tenant)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[tenant] = loop.call_later(seconds, self._draw_if_needed, tenant)

    def _draw_if_needed(self, tenant: str) -> None:
        self._timers.pop(tenant, None)
        if any(self._wait(pot) < inf for pot in self._pots.of(tenant)):
            self._draw(tenant)

    def _draw(self, tenant: str) -> None:
        if self._pots.of(tenant):
            self._together.submit(tenant, Draw())

    async def _renew(self) -> None:
        at = self._needs.now()
        until = at + self._needs.lease
        pots = sorted((pot for pot in self._pots if pot.has_row), key=lambda pot: pot.id)
        for first in range(0, len(pots), RENEWED_AT_ONCE):
            some = {pot.id: pot for pot in pots[first : first + RENEWED_AT_ONCE]}
            async with self._needs.database.transaction() as connection:
                renewed = await renew(connection, list(some), at, until)
            for each in renewed:
                some[each].until = until

    async def _end_abandoned(self) -> None:
        at = self._needs.now()
        async with self._needs.database.reading() as connection:
            tenants = await abandoned(connection, at)
        for tenant in tenants:
            async with self._needs.database.transaction() as connection:
                repository = BudgetRepository(connection, tenant)
                lost = await repository.abandoned(at)
                self._books.purses.forget()
                purses = await self._books.purses.take(repository, tenant, (), at)
                for hold in lost:
                    purses.charge(hold.capability, hold.at, hold.nanos)
                await repository.release([hold.id for hold in lost])
                await repository.charge(purses.charged())


class Held:
    """What one question holds; implements `wardian.agents.ports.Spending`."""

    def __init__(self, holds: Holds, tenant: str, pot: Pot | None, most_nanos: int) -> None:
        """Without a ``pot`` it can cost nothing."""
        self._holds = holds
        self._tenant = tenant
        self._pot = pot
        self._most_nanos = most_nanos

    async def settle(self, cost_nanos: int) -> None:
        """Charge what the question cost, and give back the rest; the first time only."""
        pot, self._pot = self._pot, None
        if pot is not None:
            self._holds.settle(self._tenant, pot, self._most_nanos, cost_nanos)

    async def release(self) -> None:
        """Charge nothing."""
        await self.settle(0)
