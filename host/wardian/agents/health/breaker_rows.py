"""Breakers in the database: what hosts agree on, and which of them tries an agent again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wardian.agents.health.breaker import Breaker, State, closed
from wardian.agents.health.known_breakers import DEGRADED, Changed, Key, KnownBreaker, KnownBreakers
from wardian.agents.registry.decay import CLOCKS_APART_SECONDS
from wardian.crypto.identifiers import new_id
from wardian.events import Events
from wardian.plugins import PluginState, Registry
from wardian.runtime.journal import HOST, Change, Journal
from wardian.storage import Database
from wardian.storage.agent_breakers import CLOSED, BreakerRepository, BreakerRow, not_closed
from wardian.storage.rows import now
from wardian.tenants import Tenants

RIGHT_SECONDS = 3.0
"""A host that had no question for so long lets another host try an agent."""


def _nobody(tenant: str, plugin_id: str, why: str) -> None:
    """Hear of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRowsParts:
    """What breakers are agreed on with.

    Attributes:
        host: this one, among those on the same database.
        changed: hears whether agents are asked, whenever that changes.
        chance: a number from 0 up to 1.
    """

    database: Database
    events: Events
    journal: Journal
    registry: Registry
    tenants: Tenants
    host: str = field(default_factory=new_id)
    changed: Changed = _nobody
    now: Callable[[], datetime] = now
    chance: Callable[[], float] = random.random


class BreakerRows:
    """Keeps what is known of breakers the same as what is written down of them."""

    def __init__(self, parts: BreakerRowsParts, known: KnownBreakers) -> None:
        self._parts = parts
        self._known = known
        self._turn = asyncio.Lock()
        self._is_outdated = True

    def outdated(self) -> None:
        """Have the rows read anew, though no other host can have written any."""
        self._is_outdated = True

    async def survey(self) -> None:
        """Learn which plugins are degraded."""
        for tenant in await self._parts.tenants.list():
            for plugin in await self._parts.registry.all(tenant.name):
                if plugin.state is PluginState.DEGRADED:
                    self._known.note_state(tenant.name, plugin.name, DEGRADED)

    async def agree(self) -> None:
        """Write down what changed here, read what changed elsewhere, and claim what is due.

        Raises:
            WardianError: the database did not answer; nothing is lost by that.
        """
        async with self._turn:
            await self._drop_gone()
            for key in list(self._known.moved):
                await self._write(key)
            if self._is_outdated or self._parts.database.is_shared:
                await self._read()
            await self._keep_claims()
            await self._claim_due()
            self._give_back_unused()
            for key in list(self._known.moved):
                await self._write(key)

    async def _drop_gone(self) -> None:
        """Know nothing of agents whose last question ended after they were uninstalled."""
        for tenant in {key[0] for key, _ in self._known.items()}:
            there = {plugin.id for plugin in await self._parts.registry.all(tenant)}
            for key, _ in list(self._known.items()):
                if key[0] == tenant and key[1] not in there:
                    self._known.drop(key)

    async def _write(self, key: Key) -> None:
        known = self._known.get(key)
        if known is None:
            return
        breaker, starts_anew = known.breaker, known.starts_anew
        async with self._parts.journal.change(key[0], HOST) as change:
            repository = BreakerRepository(change.connection, key[0])
            name = await repository.agent(key[1])
            if name is None:
                self._known.drop(key)
                return
            known.agent = name
            row = await repository.find(key[1]) or BreakerRow(plugin_id=key[1])
            is_mine = row.state == CLOSED or row.trial_by == self._parts.host or starts_anew
            if is_mine:
                await self._put(change, repository, name, row, breaker)
        if self._known.get(key) is not known or known.breaker is not breaker:
            return  # it changed meanwhile, and is written down again
        self._known.moved.pop(key, None)
        known.starts_anew = False
        if not is_mine:
            self._known.take(key, name, _breaker(row))

    async def _put(
        self,
        change: Change,
        repository: BreakerRepository,
        name: str,
        row: BreakerRow,
        breaker: Breaker,
    ) -> None:
        if row.state == CLOSED and breaker.state is State.CLOSED:
            return
        columns = columns_of(breaker)
        if row.state == CLOSED:
            columns["ill_since"] = columns["since"]
        elif breaker.state is State.CLOSED:
            columns["ill_since"] = None
        await repository.set(row.plugin_id, **columns)
        if row.state == CLOSED:
            until = _moment(breaker.open_until)
            detail = {
                "reason": breaker.reason,
                "failures": breaker.failures,
                "until": None if until is None else until.isoformat(),
            }
            await change.note_agent_state("opened", name, detail)
        elif breaker.state is State.CLOSED:
            since = row.ill_since or row.since or self._parts.now()
            seconds = (self._parts.now() - since).total_seconds()
            detail = {"seconds": round(max(0.0, seconds), 3), "reason": row.reason}
            await change.note_agent_state("recovered", name, detail)

    async def _read(self) -> None:
        """Go by the rows, but for what is to be written into them."""
        async with self._parts.database.reading() as connection:
            self._is_outdated = False
            rows = await not_closed(connection)
        for key, (name, row) in rows.items():
            if key not in self._known.moved and not self._is_tried_here(key, row):
                self._known.take(key, name, _breaker(row))
        for key, known in list(self._known.items()):
            is_open = known.breaker.state is not State.CLOSED
            if is_open and key not in rows and key not in self._known.moved:
                await self._take_closed(key, known)

    async def _take_closed(self, key: Key, known: KnownBreaker) -> None:
        """Go by what another host found out who closed a breaker."""
        async with self._parts.database.reading() as connection:
            row = await BreakerRepository(connection, key[0]).find(key[1])
        if self._known.get(key) is known and key not in self._known.moved:
            failures = 0 if row is None else row.failures
            found = closed(known.breaker, self._known.now())
            self._known.take(key, known.agent, replace(found, failures=failures))

    def _is_tried_here(self, key: Key, row: BreakerRow) -> bool:
        known = self._known.get(key)
        if known is None or row.trial_by != self._parts.host:
            return False
        return known.has_right or known.is_trying

    async def _keep_claims(self) -> None:
        """Have the agents that are tried here be tried by nobody else; of a host that was killed
        that ends by itself."""
        at, limits = self._known.now(), self._known.limits
        for key, known in list(self._known.items()):
            is_here = known.has_right or known.is_trying
            until = min(at + limits.lease_seconds, known.claimed_at + limits.trial_seconds)
            is_due = until - known.breaker.trial_until >= limits.lease_seconds / 3
            if is_here and is_due and key not in self._known.moved:
                await self._keep_claim(key, known, until)

    async def _keep_claim(self, key: Key, known: KnownBreaker, until: float) -> None:
        async with self._parts.database.transaction() as connection:
            repository = BreakerRepository(connection, key[0])
            is_kept = await repository.renew(key[1], self._parts.host, _exact(until))
        if self._known.get(key) is not known or key in self._known.moved:
            return
        if is_kept:
            self._known.keep_right(key, until)
        else:
            self._is_outdated = True
            self._known.lose_right(key)

    async def _claim_due(self) -> None:
        now = self._known.now()
        for key, known in list(self._known.items()):
            at = _as_of(known, now)
            is_due = known.breaker.may_be_tried(at) and at >= known.wait_until
            if is_due and key not in self._known.moved and not self._is_under_way(known, now):
                await self._claim(key, at)

    def _is_under_way(self, known: KnownBreaker, at: float) -> bool:
        is_late = at >= known.claimed_at + self._known.limits.trial_seconds
        return known.has_right or (known.is_trying and not is_late)

    async def _claim(self, key: Key, as_of: float) -> None:
        limits, at = self._known.limits, self._known.now()
        until = at + limits.lease_seconds
        claimed = self._parts.host, _exact(as_of), _exact(until)
        async with self._parts.database.transaction() as connection:
            won = await BreakerRepository(connection, key[0]).claim(key[1], *claimed)
        if not won:
            self._is_outdated = True
        elif self._known.get(key) is not None and key not in self._known.moved:
            # Alone there is nobody to give it to, and half of the time is left to the question.
            is_shared = self._parts.database.is_shared
            seconds = RIGHT_SECONDS if is_shared else limits.trial_seconds / 2
            self._known.give_right(key, until, at + seconds)

    def _give_back_unused(self) -> None:
        at = self._known.now()
        for key, known in list(self._known.items()):
            if known.has_right and at >= known.right_until:
                wait = RIGHT_SECONDS * (1.0 + self._parts.chance())
                self._known.give_back(key, at + wait * self._parts.database.is_shared)


def _as_of(known: KnownBreaker, now: float) -> float:
    """Return the moment by which it is due or not: one that opened later than now did so before
    the clock was set back, and is not to wait until that is made up for."""
    breaker = known.breaker
    if breaker.since - now <= CLOCKS_APART_SECONDS:
        return now
    return max(breaker.open_until, breaker.trial_until, known.wait_until)


def _breaker(row: BreakerRow) -> Breaker:
    return Breaker(
        state=State(row.state),
        since=_seconds(row.since),
        as_of=_seconds(row.since),
        failures=row.failures,
        openings=row.opens,
        open_until=_seconds(row.open_until),
        trial_until=_seconds(row.trial_until),
        reason=row.reason,
    )


def columns_of(breaker: Breaker) -> dict[str, Any]:
    """Return what of a breaker is written down."""
    return {
        "state": breaker.state.value,
        "reason": breaker.reason,
        "failures": breaker.failures,
        "opens": breaker.openings,
        "since": _moment(breaker.since),
        "open_until": _moment(breaker.open_until),
        "trial_by": None,
        "trial_until": None,
    }


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()


def _exact(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)


def _moment(seconds: float) -> datetime | None:
    return _exact(seconds) if seconds > 0.0 else None
