"""The schedule of health checks: every plugin in its turn, few at a time.

Due times come from the database, so they outlive the host, and hosts that share one take turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import random

from wardian.errors import NotFound
from wardian.plugins import Installed, Registry
from wardian.runtime.check_queue import CheckQueue, Key
from wardian.runtime.health import Health
from wardian.runtime.lifecycle import lifecycle_function
from wardian.storage.rows import HealthRow, now
from wardian.tenants import Tenants

CHECKS_AT_ONCE = 2
"""How many checks run at a time on one host; of one tenant it is one."""

AFTER_FAULT_SECONDS = 60.0
"""When a plugin is looked at again after a fault of the host's own, such as a full disk."""

LOOKS_SECONDS_MAX = 60.0
"""How long the schedule sleeps at most: its due times are those of a clock that may be set."""

_LONG_AGO = datetime.fromtimestamp(0, UTC)

_SPREAD = 0.2
"""Which share of an interval is left to chance, so that checks do not come in crowds."""

_log = logging.getLogger("wardian.health")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsParts:
    """What the schedule is made with.

    Attributes:
        now: the wall clock.
        chance: a number from 0 up to 1.
    """

    health: Health
    registry: Registry
    tenants: Tenants
    now: Callable[[], datetime] = now
    chance: Callable[[], float] = random


class Rounds:
    """Checks plugins when they are due."""

    def __init__(self, parts: RoundsParts, *, scheduled: bool = True) -> None:
        """Unless ``scheduled``, nothing is ever due."""
        self._parts = parts
        self._scheduled = scheduled
        self._queue = CheckQueue()
        self._seen: dict[Key, datetime | None] = {}
        self._changed: set[Key] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._looked_at = _LONG_AGO

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Check plugins on schedule while this is open."""
        if not self._scheduled:
            yield
            return
        await self.plan()
        task = asyncio.create_task(self._check_forever(), name="wardian-health")
        try:
            yield
        finally:
            ending = {task, *self._running}
            for each in ending:
                each.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def plan(self) -> None:
        """Look at every plugin there is, and put those that are to be checked on the schedule."""
        for tenant in await self._parts.tenants.list():
            plugins = await self._parts.registry.all(tenant.name)
            self._changed |= {(tenant.name, plugin.name) for plugin in plugins}

    def plugin_changed(self, tenant: str, name: str) -> None:
        """Look again whether, and when, a plugin is to be checked."""
        if self._scheduled:
            self._changed.add((tenant, name))
            self._wake.set()

    async def run_due(self) -> None:
        """Run the checks that are due by now, a few at a time, and return when they are done."""
        await self._start_due()
        while self._running:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            await self._start_due()

    async def _check_forever(self) -> None:
        while True:
            self._wake.clear()
            await self._start_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_wait()):
                    await self._wake.wait()

    def _seconds_to_wait(self) -> float:
        at = self._parts.now()
        due = None if len(self._running) >= CHECKS_AT_ONCE else self._queue.next_due(at)
        seconds = LOOKS_SECONDS_MAX if due is None else (due - at).total_seconds()
        return min(max(0.0, seconds), LOOKS_SECONDS_MAX)

    async def _start_due(self) -> None:
        at = self._parts.now()
        if at < self._looked_at:
            # The clock was set back, and nobody shall wait for it to come here again.
            self._changed |= self._queue.keys()
        self._looked_at = at
        while self._changed:
            await self._reschedule(self._changed.pop())
        while len(self._running) < CHECKS_AT_ONCE:
            key = self._queue.take(self._parts.now())
            if key is None:
                return
            task = asyncio.create_task(self._run(key), name=f"wardian-health {key[0]} {key[1]}")
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _run(self, key: Key) -> None:
        """Make one check of the schedule."""
        began = self._parts.now()
        try:
            async with self._put_off_by_faults(key):
                plugin = await self._parts.registry.get(*key)
                begun = await self._parts.health.begin(plugin, self._seen.get(key))
                if begun is not None:
                    await self._parts.health.finish(*key, begun)
                self._changed.add(key)
        finally:
            self._queue.done(key, began, self._parts.now())

    async def _reschedule(self, key: Key) -> None:
        """Put a plugin on the schedule, or take it off."""
        self._queue.remove(key)
        self._seen.pop(key, None)
        async with self._put_off_by_faults(key):
            plugin = await self._parts.registry.get(*key)
            row = await self._parts.health.found(plugin) if _is_checked(plugin) else None
            if row is not None:
                self._seen[key] = row.last_health_check
                self._queue.put(key, self._due(plugin, row))

    @asynccontextmanager
    async def _put_off_by_faults(self, key: Key) -> AsyncIterator[None]:
        """Have a plugin wait after a fault of the host's, which must not end the others' checks."""
        try:
            yield
        except NotFound:
            pass  # it was uninstalled meanwhile
        except Exception:  # noqa: BLE001 -- as it says
            _log.exception("%s of %s could not be checked.", key[1], key[0])
            self._queue.put(key, self._parts.now() + timedelta(seconds=AFTER_FAULT_SECONDS))

    def _due(self, plugin: Installed, row: HealthRow) -> datetime:
        """Tell when a plugin is to be checked next: at once, if it never was."""
        if row.last_health_check is None:
            return _LONG_AGO
        share = 1 - _SPREAD / 2 + _SPREAD * self._parts.chance()
        seconds = self._parts.health.rules(plugin).delay_seconds(row) * share
        # A clock that was set back must not put a check off for longer than that.
        return min(row.last_health_check, self._parts.now()) + timedelta(seconds=seconds)


def _is_checked(plugin: Installed) -> bool:
    return plugin.is_callable and lifecycle_function(plugin, "health") is not None
