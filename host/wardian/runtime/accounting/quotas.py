"""Quotas of a day: what tenants may use, what they have used, and whether a call may begin.

What a tenant has used is what the database has of the day, over all hosts, and what this host has
not folded yet. Other hosts' calls are seen after `SEEN_SECONDS` at the latest; on one host nothing
passes a quota of calls, fuel or egress, whoever comes at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wardian.errors import Overloaded, QuotaExceeded, WardianError
from wardian.policy.quotas import NAMES, Kind, Lending, Quotas, Spent
from wardian.runtime.accounting.folding import FOLD_SECONDS, Folding
from wardian.runtime.accounting.ledger import Ledger
from wardian.runtime.accounting.notices import Notices
from wardian.runtime.accounting.sums import MS_A_DAY
from wardian.runtime.flushing import flushed
from wardian.storage import Database
from wardian.storage.accounting import DayRow, UsageRepository, days_of_all, overrides_of_all

SEEN_SECONDS = 2 * FOLD_SECONDS + 1
"""What one host counts, another folds in, then reads."""

FUEL_LEAST = 10_000
FUEL_COMFORT = 1_000_000_000
EGRESS_LEAST = 1
EGRESS_COMFORT = 64 * 1024

STORAGE_RETRY_SECONDS = 3_600.0
"""There is room again once somebody makes some, and no day does."""

WAITING_MAX = 1_000
"""Calls of one tenant that wait until others have given back the fuel they were lent."""

_SECONDS_A_DAY = MS_A_DAY // 1_000

_log = logging.getLogger("wardian.quotas")


@dataclass(slots=True)
class TenantDay:
    """One tenant's day on this host.

    Attributes:
        others: what the database has: of all hosts, and of this one what it has folded.
        running: calls from outside that were let in and have not ended.
        moving: bytes of egress of calls that have not ended.
        waiting: calls until there is fuel to be lent.
    """

    tenant: str
    quotas: Quotas
    day: int
    others: Spent
    running: int = 0
    moving: int = 0
    fuel: Lending = field(default_factory=lambda: Lending(FUEL_LEAST, FUEL_COMFORT))
    egress: Lending = field(default_factory=lambda: Lending(EGRESS_LEAST, EGRESS_COMFORT))
    waiting: deque[asyncio.Event] = field(default_factory=deque)


class DailyQuotas:
    """Keeps tenants within their quotas."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        folding: Folding,
        defaults: Quotas,
        notices: Notices,
    ) -> None:
        self.defaults = defaults
        self._database = database
        self._ledger = ledger
        self._folding = folding
        self._notices = notices
        self._tenants: dict[str, TenantDay] = {}
        folding.tell(self._folded)

    def known(self, tenant: str) -> TenantDay | None:
        """Return a tenant's day, if it was read from the database."""
        found = self._tenants.get(tenant)
        day = today()
        if found is not None and found.day != day:
            found.day, found.others = day, Spent()
            self.spent(found)  # has the calls of the day before added up as that day's
        return found

    async def of(self, tenant: str) -> TenantDay:
        """Return a tenant's day.

        Raises:
            WardianError: the database did not answer.
        """
        found = self.known(tenant)
        return found if found is not None else await self._read(tenant)

    def spent(self, state: TenantDay) -> Spent:
        """Return what a tenant has used today, by what this host knows."""
        total = self._ledger.spent(state.tenant, state.day)
        total.add(state.others)
        return total

    def admit(self, state: TenantDay) -> None:
        """Let a call from outside in.

        Raises:
            QuotaExceeded: as many as may be were, today.
        """
        most = state.quotas.calls
        if most is not None:
            used = state.others.calls + self._ledger.calls(state.tenant, state.day)
            if used + state.running >= most:
                raise self._exceeded(state, Kind.CALLS)
        state.running += 1

    async def borrow_fuel(self, state: TenantDay, wanted: int) -> int | None:
        """Lend a call the fuel that it may spend; None if there is no quota of it.

        Where others hold all that is left, it waits until one of them gives back what it did not
        spend; who came first is served first.

        Raises:
            QuotaExceeded: nothing is left.
            Overloaded: too many wait already.
        """
        if not state.waiting:
            lent = self._lend_fuel(state, wanted)
            if lent != 0 or wanted == 0:
                return lent
        if len(state.waiting) >= WAITING_MAX:
            raise Overloaded(f"{WAITING_MAX} calls of {state.tenant} wait for fuel already.")
        turn = asyncio.Event()
        state.waiting.append(turn)
        try:
            while True:
                await turn.wait()
                turn.clear()
                lent = self._lend_fuel(state, wanted)
                if lent != 0:
                    return lent
        finally:
            state.waiting.remove(turn)
            self._wake(state)

    def _lend_fuel(self, state: TenantDay, wanted: int) -> int | None:
        most = state.quotas.fuel
        if most is None:
            return None
        left = most - self.spent(state).fuel
        if left < FUEL_LEAST:
            raise self._exceeded(state, Kind.FUEL)
        return state.fuel.lend(wanted, left)

    def give_back_fuel(self, state: TenantDay, lent: int) -> None:
        """End a loan of fuel, when what was spent of it is in the ledger."""
        state.fuel.give_back(lent)
        self._wake(state)

    def _wake(self, state: TenantDay) -> None:
        if state.waiting:
            state.waiting[0].set()

    def check_egress(self, state: TenantDay) -> None:
        """Check that a plugin that sends requests still may.

        Raises:
            QuotaExceeded: nothing is left.
        """
        if not self.has_egress(state):
            raise self._exceeded(state, Kind.EGRESS_BYTES)

    def has_egress(self, state: TenantDay) -> bool:
        """Tell whether something is left of the day's egress."""
        return self._egress_left(state) > 0

    def text_of_egress(self, state: TenantDay) -> str:
        """Say that nothing is left of the day's egress, or that others hold what is left."""
        if self.has_egress(state):
            return "Other requests of the tenant hold what is left of today's egress; try again."
        return self._exceeded(state, Kind.EGRESS_BYTES).message

    def lend_egress(self, state: TenantDay, wanted: int) -> int | None:
        """Lend a request the bytes it may move, 0 if there are none; None if there is no quota."""
        if state.quotas.egress_bytes is None:
            return None
        return state.egress.lend(wanted, self._egress_left(state))

    def _egress_left(self, state: TenantDay) -> int:
        most = state.quotas.egress_bytes
        if most is None:
            return 1
        return most - self.spent(state).egress_bytes - state.moving

    def storage_of(self, tenant: str) -> int | None:
        """Return what a tenant may keep; None has no bound."""
        state = self._tenants.get(tenant)
        return (self.defaults if state is None else state.quotas).storage_bytes

    async def check_storage(self, tenant: str, more: int) -> None:
        """Check that a tenant may keep so many bytes more; installs at once may pass it together.

        Raises:
            QuotaExceeded: it may not.
        """
        most = (await self.of(tenant)).quotas.storage_bytes
        if most is None:
            return
        async with self._database.reading() as connection:
            kept = (await UsageRepository(connection, tenant).stored()).total
        if kept + more > most:
            raise QuotaExceeded(
                f"The tenant {tenant!r} keeps {kept:,} bytes, and {more:,} more would pass its "
                f"quota of {most:,} bytes of storage: uninstall, or clear, what is not needed.",
                quota=Kind.STORAGE_BYTES.value,
                retry_after_seconds=STORAGE_RETRY_SECONDS,
            )

    async def changed(self, tenant: str) -> None:
        """Read a tenant's quotas anew."""
        await self._read(tenant)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look at what other hosts have counted while this is open."""
        async with flushed(self.sync, seconds=FOLD_SECONDS, name="wardian-quotas"):
            yield

    async def sync(self) -> None:
        """Read what all hosts have counted, and tell of quotas that come to their ends."""
        try:
            if self._tenants:
                await self._sync()
        except WardianError as error:
            _log.warning("What other hosts have counted is not known: %s", error)

    async def _sync(self) -> None:
        async with self._folding.lock:
            async with self._database.reading() as connection:
                rows = {row.tenant: row for row in await days_of_all(connection, today())}
                overrides = await overrides_of_all(connection)
            for tenant, state in self._tenants.items():
                state.quotas = self.defaults.with_overrides(overrides.get(tenant, {}))
                row = rows.get(tenant)
                if row is not None:
                    self._take(state, row)
                self._wake(state)
        for state in list(self._tenants.values()):
            await self._notices.look(state.tenant, state.day, state.quotas, self.spent(state))

    def _folded(self, days: Sequence[DayRow]) -> None:
        for row in days:
            state = self._tenants.get(row.tenant)
            if state is not None:
                self._take(state, row)

    def _take(self, state: TenantDay, row: DayRow) -> None:
        if row.day == state.day:
            state.others = Spent(row.calls, row.fuel, row.egress_bytes)

    async def _read(self, tenant: str) -> TenantDay:
        # A fold that ended between reading and keeping what was read would be missed.
        async with self._folding.lock:
            day = today()
            async with self._database.reading() as connection:
                usage = UsageRepository(connection, tenant)
                row, overrides = await usage.day(day), await usage.overrides()
            quotas = self.defaults.with_overrides(overrides)
            state = self._tenants.get(tenant)
            if state is None:
                state = self._tenants[tenant] = TenantDay(tenant, quotas, day, Spent())
            state.quotas, state.day = quotas, day
            self._take(state, row)
        return state

    def _exceeded(self, state: TenantDay, kind: Kind) -> QuotaExceeded:
        self._notices.exceeded(state.tenant, state.day, kind)
        return QuotaExceeded(
            f"The tenant {state.tenant!r} has used up its {state.quotas.of(kind):,} "
            f"{NAMES[kind]} of today; the next day begins at 00:00 UTC.",
            quota=kind.value,
            retry_after_seconds=seconds_to_tomorrow(),
        )


def today() -> int:
    """Return the day in UTC, since 1970."""
    return int(time.time()) // _SECONDS_A_DAY


def seconds_to_tomorrow() -> float:
    """Return when the next day begins in UTC."""
    return _SECONDS_A_DAY - time.time() % _SECONDS_A_DAY
