"""Health checks: plugins that can say how they feel are asked, on a schedule and on request.

A check is an ordinary call, with a worker, a budget and a deadline. It does not count as one in the
plugin's statistics, few run at a time, and what the host could not ask for is held against nobody.
Each result is written on the plugin's row; a change of state goes through the life cycle.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import random

from wardian.errors import Conflict, NotFound, WardianError
from wardian.plugins import Installed, Registry
from wardian.plugins.states import CALLABLE
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.conditions import Condition, Rules, Status
from wardian.runtime.gates import Gates
from wardian.runtime.lifecycle import Lifecycle, lifecycle_function
from wardian.runtime.schedule import Key, Schedule
from wardian.storage import Database
from wardian.storage.health import HealthRepository
from wardian.storage.rows import HealthRow, now
from wardian.tenants import Tenants

CHECKS_AT_ONCE = 2
"""How many checks of the schedule run at a time, on one host; of one tenant it is one."""

ANSWER_BYTES_MAX = 64 * 1024
"""A condition is a sentence: a larger answer fails the check."""

AFTER_FAULT_SECONDS = 60.0
"""When a plugin is looked at again after a fault of the host's own, such as a full disk."""

LOOKS_SECONDS_MAX = 60.0
"""How long the schedule sleeps at most: its due times are those of a clock that may be set."""

_LONG_AGO = datetime.fromtimestamp(0, UTC)

_SPREAD = 0.2
"""Which share of an interval is left to chance, so that checks do not come in crowds."""

_log = logging.getLogger("wardian.health")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPolicy:
    """How plugins are checked on this host.

    Attributes:
        scheduled: whether they are without being told to.
        interval_seconds: for plugins whose manifest says nothing.
    """

    scheduled: bool = True
    interval_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthParts:
    """What checks are made with.

    Attributes:
        now: the clock; due times are kept in the database, so it is the wall's.
        chance: a number from 0 up to 1.
    """

    database: Database
    registry: Registry
    lifecycle: Lifecycle
    calls: Calls
    gates: Gates
    tenants: Tenants
    now: Callable[[], datetime] = now
    chance: Callable[[], float] = random


class Health:
    """Asks plugins how they feel."""

    def __init__(self, policy: HealthPolicy, parts: HealthParts) -> None:
        self._policy = policy
        self._parts = parts
        self._schedule = Schedule()
        self._seen: dict[Key, datetime | None] = {}
        self._changed: set[Key] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._looked_at = _LONG_AGO

    # -- one check --

    async def probe(self, plugin: Installed) -> Condition:
        """Ask a version how it feels, whatever its state; of one without ``health`` it is unknown.

        What goes wrong is the answer, and no exception.
        """
        function = lifecycle_function(plugin, "health")
        if function is None:
            return Condition(Status.UNKNOWN)
        rules = self._rules(plugin)
        request = CallRequest(
            function=function,
            arguments={},
            limits={"wall_seconds": rules.timeout_seconds, "result_bytes": ANSWER_BYTES_MAX},
            counted=False,
        )
        try:
            outcome = await self._parts.calls.run(plugin, request)
        except WardianError as error:
            return Condition.failed(error)
        return Condition.answered(outcome.result)

    async def complaint(self, plugin: Installed) -> str | None:
        """Tell why a version must not take the place of another; None if it may."""
        condition = await self.probe(plugin)
        if condition.status in (Status.HEALTHY, Status.DEGRADED):
            return None
        if lifecycle_function(plugin, "health") is None:
            return None
        return condition.text or "it did not say why"

    async def check(self, tenant: str, name: str) -> Condition:
        """Check a plugin that takes calls now, whenever it is due.

        Raises:
            NotFound: no such plugin, or it has no ``health``.
            Conflict: it takes no calls.
        """
        plugin = await self._parts.registry.get(tenant, name)
        if not plugin.is_callable:
            raise Conflict(f"{name} is {plugin.state}, and only what takes calls can be checked.")
        if lifecycle_function(plugin, "health") is None:
            raise NotFound(
                f"{name} has no health check: it exports no `lifecycle` with a `health`."
            )
        row = await self._row(plugin)
        begun = await self._begun(plugin, row.last_health_check) if row is not None else None
        if begun is None:
            raise Conflict(f"Another check of {name} has just begun. Look at what it finds.")
        return await self._finished(tenant, name, begun)

    async def _begun(self, plugin: Installed, before: datetime | None) -> HealthRow | None:
        """Begin a check, and return the row as it is then; None if one has begun since ``before``.

        Hosts that share a database so take turns: each plugin is checked by one of them at a time.
        """
        at = self._parts.now()
        async with self._parts.database.transaction() as connection:
            repository = HealthRepository(connection, plugin.tenant)
            if not await repository.claim(plugin.id, before, at):
                return None
            return await repository.health(plugin.id)

    async def _finished(self, tenant: str, name: str, begun: HealthRow) -> Condition:
        """Ask, and act on the answer."""
        plugin = await self._parts.registry.get(tenant, name)
        # Nothing is awaited from here to the start of the call: what is asked is what is there.
        if not plugin.is_callable or self._parts.gates.is_closed(plugin):
            return Condition(Status.UNKNOWN, "it takes no calls at the moment")
        condition = await self.probe(plugin)
        at = begun.last_health_check or self._parts.now()
        row = self._rules(plugin).noted(begun, condition, at)
        if row == begun or await self._written(plugin, row):
            await self._settled(plugin, row)
        return condition

    async def _settled(self, plugin: Installed, row: HealthRow) -> None:
        """Change the plugin's state if that follows from what is known now."""
        # As it is now: it may have been degraded, or recovered, while it was asked.
        present = await self._parts.registry.get(plugin.tenant, plugin.name)
        if (present.id, present.package_digest) != (plugin.id, plugin.package_digest):
            return
        move = self._rules(present).move(present, row)
        if move is not None:
            await self._parts.lifecycle.settle(present, move)

    async def _written(self, plugin: Installed, row: HealthRow) -> bool:
        async with self._parts.database.transaction() as connection:
            repository = HealthRepository(connection, plugin.tenant)
            return await repository.record(plugin.id, plugin.package_digest, CALLABLE, row)

    async def _row(self, plugin: Installed) -> HealthRow | None:
        async with self._parts.database.reading() as connection:
            return await HealthRepository(connection, plugin.tenant).health(plugin.id)

    def _rules(self, plugin: Installed) -> Rules:
        return Rules.of(plugin, self._policy.interval_seconds)

    # -- the schedule --

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Check plugins on schedule while this is open."""
        if not self._policy.scheduled:
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
        if self._policy.scheduled:
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
        due = None if len(self._running) >= CHECKS_AT_ONCE else self._schedule.next_due(at)
        seconds = LOOKS_SECONDS_MAX if due is None else (due - at).total_seconds()
        return min(max(0.0, seconds), LOOKS_SECONDS_MAX)

    async def _start_due(self) -> None:
        at = self._parts.now()
        if at < self._looked_at:
            # The clock was set back, and nobody shall wait for it to come here again.
            self._changed |= self._schedule.keys()
        self._looked_at = at
        while self._changed:
            await self._reschedule(self._changed.pop())
        while len(self._running) < CHECKS_AT_ONCE:
            key = self._schedule.take(self._parts.now())
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
                begun = await self._begun(plugin, self._seen.get(key))
                if begun is not None:
                    await self._finished(*key, begun)
                self._changed.add(key)
        finally:
            self._schedule.done(key, began, self._parts.now())

    async def _reschedule(self, key: Key) -> None:
        """Put a plugin on the schedule, or take it off."""
        self._schedule.remove(key)
        self._seen.pop(key, None)
        async with self._put_off_by_faults(key):
            plugin = await self._parts.registry.get(*key)
            row = await self._row(plugin) if _is_checked(plugin) else None
            if row is not None:
                self._seen[key] = row.last_health_check
                self._schedule.put(key, self._due(plugin, row))

    @asynccontextmanager
    async def _put_off_by_faults(self, key: Key) -> AsyncIterator[None]:
        """Have a plugin wait after a fault of the host's, which must not end the others' checks."""
        try:
            yield
        except NotFound:
            pass  # it was uninstalled meanwhile
        except Exception:  # noqa: BLE001 -- as it says
            _log.exception("%s of %s could not be checked.", key[1], key[0])
            self._schedule.put(key, self._parts.now() + timedelta(seconds=AFTER_FAULT_SECONDS))

    def _due(self, plugin: Installed, row: HealthRow) -> datetime:
        """Tell when a plugin is to be checked next: at once, if it never was."""
        if row.last_health_check is None:
            return _LONG_AGO
        share = 1 - _SPREAD / 2 + _SPREAD * self._parts.chance()
        seconds = self._rules(plugin).delay_seconds(row) * share
        # A clock that was set back must not put a check off for longer than that.
        return min(row.last_health_check, self._parts.now()) + timedelta(seconds=seconds)


def _is_checked(plugin: Installed) -> bool:
    return plugin.is_callable and lifecycle_function(plugin, "health") is not None
