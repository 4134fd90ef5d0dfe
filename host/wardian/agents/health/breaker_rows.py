"""Breakers in the database: what hosts agree on, and which of them tries an agent again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from wardian.agents.health.breaker import Breaker, State, closed
from wardian.agents.health.known_breakers import DEGRADED, Changed, Key, KnownBreakers
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
            for key in list(self._known.moved):
                await self._write(key)
            if self._is_outdated or self._parts.database.is_shared:
                await self._read()
            await self._claim_due()
            self._give_back_unused()
            for key in list(self._known.moved):
                await self._write(key)

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
        await repository.set(row.plugin_id, **columns_of(breaker))
        if row.state == CLOSED:
            until = _moment(breaker.open_until)
            detail = {
                "reason": breaker.reason,
                "failures": breaker.failures,
                "until": None if until is None else until.isoformat(),
            }
            await change.note_agent_state("opened", name, detail)
        elif breaker.state is State.CLOSED:
            since = row.since or self._parts.now()
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
        at = self._known.now()
        for key, known in list(self._known.items()):
            is_open = known.breaker.state is not State.CLOSED
            if is_open and key not in rows and key not in self._known.moved:
                self._known.take(key, known.agent, closed(known.breaker, at))

    def _is_tried_here(self, key: Key, row: BreakerRow) -> bool:
        known = self._known.get(key)
        if known is None or row.trial_by != self._parts.host:
            return False
        return known.has_right or known.is_trying

    async def _claim_due(self) -> None:
        at = self._known.now()
        due = [
            key
            for key, known in self._known.items()
            if known.breaker.may_be_tried(at)
            and at >= known.wait_until
            and not known.has_right
            and key not in self._known.moved
        ]
        for key in due:
            await self._claim(key, at)

    async def _claim(self, key: Key, at: float) -> None:
        trial = self._known.limits.trial_seconds
        until = at + trial
        claimed = self._parts.host, _exact(at), _exact(until)
        async with self._parts.database.transaction() as connection:
            won = await BreakerRepository(connection, key[0]).claim(key[1], *claimed)
        if not won:
            self._is_outdated = True
        elif self._known.get(key) is not None and key not in self._known.moved:
            # Alone there is nobody to give it to, and half of the time is left to the question.
            seconds = RIGHT_SECONDS if self._parts.database.is_shared else trial / 2
            self._known.give_right(key, until, at + seconds)

    def _give_back_unused(self) -> None:
        at = self._known.now()
        for key, known in list(self._known.items()):
            if known.has_right and at >= known.right_until:
                wait = RIGHT_SECONDS * (1.0 + self._parts.chance())
                self._known.give_back(key, at + wait * self._parts.database.is_shared)


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
