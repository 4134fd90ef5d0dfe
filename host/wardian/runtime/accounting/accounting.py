"""Accounts of calls: let in by the day's quotas, written to the ledger when they end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType

from wardian.capabilities import CallContext, Refused
from wardian.errors import HostUnusable, InvalidArguments, NotFound, Overloaded
from wardian.plugins import Installed
from wardian.policy.grants import Authority
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.runtime.accounting.folding import Folding
from wardian.runtime.accounting.ledger import Ledger
from wardian.runtime.accounting.quotas import DailyQuotas, TenantDay
from wardian.runtime.accounting.records import (
    ASKED,
    NAME_CHARACTERS_MAX,
    STATISTICS,
    Finished,
    Series,
)

FUEL_PER_SECOND = 1_000_000_000
"""What a second is taken for where nobody knows what a call spent: its worker was lost, or whoever
called went away. About what a processor does in it; else it would be a way to spend for nothing."""

CANCELLED = "cancelled"
"""The outcome of a call that was ended by the host, or whose caller went away."""

_UNTOLD = {CANCELLED, "worker-lost", "deadline-exceeded"}
_NOT_BEGUN = (InvalidArguments, NotFound, Overloaded, HostUnusable)
"""With these a worker, or those who look for one, say that they have not run anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What accounts are kept with."""

    ledger: Ledger
    folding: Folding
    quotas: DailyQuotas

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep them while this is open."""
        async with self.folding.kept(), self.quotas.kept():
            yield


class Accounting:
    """Opens an entry for each call."""

    def __init__(self, parts: Accounts) -> None:
        self._ledger = parts.ledger
        self._quotas = parts.quotas

    def at_once(self, tenant: str, *, counted: bool, nested: bool) -> Entry | None:
        """Let a call in, or not, if nothing has to be waited for; None if `admitted` has to.

        It is apart because most calls wait for nothing, and a coroutine for each would cost more
        than what it does.

        Args:
            counted: it is no call of the host's own, which quotas never refuse.
            nested: a plugin makes it, within a call that was let in.

        Raises:
            QuotaExceeded, TryLater: as `admitted`.
        """
        state = self._quotas.known(tenant)
        asked = counted and not nested
        if state is None or (asked and state.quotas.fuel is not None):
            return None
        return self._entry(state, counted=counted, asked=asked)

    async def admitted(
        self, tenant: str, fuel: Callable[[], int | None], *, counted: bool, nested: bool
    ) -> Entry:
        """Let a call in, or not; to be entered at once.

        Args:
            fuel: tells what the call may spend by its own limits; None if that is not metered.
            counted, nested: as for `at_once`.

        Raises:
            QuotaExceeded: the tenant has used up a quota of the day.
            TryLater: nothing could be written down of it.
            Overloaded: too many wait for fuel.
        """
        state = self._quotas.known(tenant) or await self._quotas.of(tenant)
        asked = counted and not nested
        entry = self._entry(state, counted=counted, asked=asked)
        if asked and state.quotas.fuel is not None:
            try:
                await entry.borrow(fuel())
            except BaseException:
                entry.abandon()
                raise
        return entry

    def _entry(self, state: TenantDay, *, counted: bool, asked: bool) -> Entry:
        self._ledger.begin()
        if asked:
            try:
                self._quotas.admit(state)
            except BaseException:
                self._ledger.withdraw()
                raise
        return Entry(self._ledger, self._quotas, state, counted=counted, asked=asked)

    async def answered(
        self, plugin: Installed, function: str, seconds: float, *, nested: bool
    ) -> None:
        """Write down a call whose answer the host had: one that spent nothing.

        Raises:
            QuotaExceeded: the tenant has used up its calls of the day.
            TryLater: nothing could be written down of it.
        """
        state = self._quotas.known(plugin.tenant) or await self._quotas.of(plugin.tenant)
        if not nested:
            self._quotas.admit(state)
        try:
            self._ledger.begin()
            self._ledger.finish(
                Series(
                    plugin.tenant,
                    plugin.id,
                    plugin.name,
                    plugin.version,
                    function[:NAME_CHARACTERS_MAX],
                    "ok",
                ),
                Finished(
                    STATISTICS if nested else ASKED | STATISTICS,
                    time.time_ns() // 1_000_000,
                    int(max(0.0, seconds) * 1_000_000),
                    *(0,) * 7,
                ),
            )
        finally:
            if not nested:
                state.running -= 1


class Entry:
    """One call's account, from before it begins to after its end.

    Left without `finish`, a call that ran is written down as cancelled, and one that did not, not.
    """

    __slots__ = (
        "_asked",
        "_counted",
        "_ledger",
        "_lent_fuel",
        "_moved",
        "_open",
        "_quotas",
        "_state",
        "call",
        "function",
        "plugin",
    )

    def __init__(
        self,
        ledger: Ledger,
        quotas: DailyQuotas,
        state: TenantDay,
        *,
        counted: bool,
        asked: bool,
    ) -> None:
        """``asked`` tells that it was let in by the quotas."""
        self._ledger = ledger
        self._quotas = quotas
        self._state = state
        self._counted = counted
        self._asked = asked
        self._lent_fuel: int | None = None
        self._moved = 0
        self._open = True
        self.plugin: Installed | None = None
        self.call: CallContext | None = None
        self.function = ""

    def __enter__(self) -> Entry:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._open:
            return
        call = self.call
        if call is not None and _was_cut_off(call, error):
            budget = call.budget
            usage = Usage(wall_seconds=budget.elapsed_seconds(), host_calls=budget.usage.host_calls)
            budget.account.settle(usage)
            self.finish(usage, CANCELLED)
        else:
            self.abandon()

    async def borrow(self, fuel: int | None) -> None:
        """Ask for what the call may spend of the day's fuel; of None it needs none."""
        if fuel is not None:
            self._lent_fuel = await self._quotas.borrow_fuel(self._state, fuel)

    def abandon(self) -> None:
        """Account for nothing: the call did not begin."""
        self._ledger.withdraw()
        self._release()

    def bounded(self, limits: Limits, authority: Authority) -> Limits:
        """Return a call's limits, lowered to what is left of the tenant's day.

        Raises:
            QuotaExceeded: nothing is left of something that the call would use.
        """
        state = self._state
        if self._asked and state.quotas.egress_bytes is not None and _sends(authority):
            self._quotas.check_egress(state)
        if self._lent_fuel is None or limits.fuel is None or self._lent_fuel >= limits.fuel:
            return limits
        return limits.lowered(fuel=self._lent_fuel)

    def begins(self, plugin: Installed, function: str, call: CallContext) -> None:
        """Say what is called."""
        self.plugin, self.function, self.call = plugin, function, call
        if self._state.quotas.egress_bytes is not None:
            call.egress = self

    def finish(self, usage: Usage, outcome: str) -> None:
        """Write the call down; before it is answered."""
        plugin, call = self.plugin, self.call
        if plugin is None or call is None or not self._open:
            return
        budget, asked = call.budget, self._asked
        account, limits, wall = budget.account, budget.limits, usage.wall_seconds
        # On the way of every call: conditions instead of `max` and `min`, and tuples made as they
        # are, because a named tuple's own maker takes longer than the record is written in.
        if wall < 0:
            wall = 0.0
        memory = usage.memory_bytes
        if memory > limits.memory_bytes:
            memory = limits.memory_bytes
        own_calls = usage.host_calls - account.host_calls_within
        flags = ASKED if asked else 0
        if self._counted and outcome != CANCELLED:
            flags |= STATISTICS
        names = (plugin.tenant, plugin.id, plugin.name, plugin.version)
        self._ledger.finish(
            tuple.__new__(Series, (*names, self.function[:NAME_CHARACTERS_MAX], outcome)),
            tuple.__new__(
                Finished,
                (
                    flags,
                    time.time_ns() // 1_000_000,
                    int(wall * 1_000_000),
                    _own_fuel(usage, outcome, limits, account.fuel_within),
                    memory,
                    -(-memory // 1024) * int(wall * 1_000 + 1) if asked else 0,
                    own_calls if own_calls > 0 else 0,
                    usage.http_requests,
                    account.sent,
                    account.received,
                ),
            ),
        )
        # Nothing is awaited between: what was lent is in the ledger as spent, or still lent.
        self._release()

    def _release(self) -> None:
        self._open = False
        state = self._state
        if self._moved:
            state.moving -= self._moved
            self._moved = 0
        if self._asked:
            state.running -= 1
        if self._lent_fuel is not None:
            self._quotas.give_back_fuel(state, self._lent_fuel)
            self._lent_fuel = None

    # What the call's requests may move; see `wardian.capabilities.base.Meter`.

    def check(self) -> None:
        """Check that something is left of the day's egress.

        Raises:
            Refused: nothing is.
        """
        if not self._quotas.has_egress(self._state):
            raise Refused("exhausted", self._quotas.text_of_egress(self._state))

    def moved(self, size: int) -> None:
        """Count bytes, both ways."""
        if self._open:
            self._moved += size
            self._state.moving += size

    @contextmanager
    def lent(self, wanted: int) -> Iterator[int]:
        """Hold up to ``wanted`` bytes for one request; yields how many it may move."""
        state = self._state
        given = self._quotas.lend_egress(state, wanted)
        if given is None:
            yield wanted
            return
        if given == 0:
            raise Refused("exhausted", self._quotas.text_of_egress(state))
        try:
            yield given
        finally:
            state.egress.give_back(given)


def _was_cut_off(call: CallContext, error: BaseException | None) -> bool:
    """Tell whether a call had begun that ends with ``error``."""
    return call.budget.account.began_at is not None and not isinstance(error, _NOT_BEGUN)


def _sends(authority: Authority) -> bool:
    return any(each.action == "http:request" for each in authority.granted)


def _own_fuel(usage: Usage, outcome: str, limits: Limits, within: int) -> int:
    if limits.fuel is None:
        return 0
    own = usage.fuel - within
    if own <= 0:
        untold = outcome in _UNTOLD
        own = int(max(0.0, usage.wall_seconds) * FUEL_PER_SECOND) if untold else 0
    return own if own < limits.fuel else limits.fuel
